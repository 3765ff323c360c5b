/* target.h: may webhooks go there? The decision about an endpoint's URL (at creation) and about an
 * address (when a connection is made: names are judged then, by what they resolved to). Pure: no
 * sockets, no names looked up.
 * A URL is https, or http where the setting opens the addresses it leads to; without user and
 * password; on port 80, 443 or one above 1023; in plain ASCII and without the bytes over which URL
 * parsers disagree, so that no other parser can see another host in it. */
#pragma once

#include "base/address.h"
#include "base/arena.h"

enum { TARGET_URL_MAX_BYTES = 2048 };

/* The setting webhooks.allow_private: which addresses beyond the public network may be reached. */
struct target_policy {
    bool everything;
    struct cidr *ranges;
    size_t n;
};

enum target_verdict {
    TARGET_OK,
    TARGET_MALFORMED,
    TARGET_SCHEME,
    TARGET_CREDENTIALS,
    TARGET_PORT,
    TARGET_PLAIN,
    TARGET_PRIVATE,
};

struct target {
    bool tls;
    struct slice host; /* as in the URL, brackets included */
    uint16_t port;
};

/* "off", "on" (also 0, 1, false, true, no, yes) or CIDRs separated by commas. */
bool target_policy_parse(struct arena *arena, struct slice setting, struct target_policy *out);

/* *out borrows from url; it is filled in for TARGET_OK only. */
enum target_verdict target_judge(const struct target_policy *policy, struct slice url,
                                 struct target *out);
bool target_allows_address(const struct target_policy *policy, const struct address *address,
                           bool tls);

/* A sentence for the person who gave the URL. */
struct slice target_explain(enum target_verdict verdict);
