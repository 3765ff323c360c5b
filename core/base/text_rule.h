/* text_rule.h: what a text that people send may be: its form and its length. One set of rules for
 * bodies and queries over HTTP (gateway/validate.h) and for the command line. Pure. */
#pragma once

#include "base/arena.h"

/* EMAIL: the grammar of HTML's <input type=email>; URL: absolute, http or https, with a host,
 * ASCII; DATE_TIME: RFC 3339; USERNAME: ASCII letters, digits, '.', '-', '_';
 * LINE: no control characters. */
enum text_format {
    FORMAT_NONE,
    FORMAT_EMAIL,
    FORMAT_URL,
    FORMAT_DATE_TIME,
    FORMAT_USERNAME,
    FORMAT_LINE
};

struct text_rule {
    enum text_format format;
    uint64_t min_length, max_length; /* characters */
};

/* What is wrong with a text of valid UTF-8, a sentence ("Must have at least 8 characters."); empty:
 * nothing. */
struct slice text_rule_fault(struct arena *arena, const struct text_rule *rule, struct slice text);

/* Of an account: those of REST's registration, from its schema. */
enum account_rule { ACCOUNT_USERNAME, ACCOUNT_EMAIL, ACCOUNT_PASSWORD };

/* As above, of any bytes; an e-mail address may be left out. */
struct slice account_rule_fault(struct arena *arena, enum account_rule rule, struct slice text);
