/* charset.h: text of other encodings as UTF-8, for names that old clients send as their system
 * keeps them. The tables are generated (schemas/generate_unicode.py). Results live in the arena, or
 * are the argument itself where it is UTF-8 already; all are valid UTF-8. */
#pragma once

#include "base/arena.h"

/* Nobody said what the bytes are: UTF-8 where most of what is not ASCII is valid, with U+FFFD for
 * the rest (names that were cut in the middle of a letter); else Shift-JIS, EUC-JP or GBK where
 * they can hardly be anything else, else Windows-1252, the superset of Latin-1. */
struct slice charset_guess(struct arena *arena, struct slice bytes);

/* By the charset's name, in any case of letters. False: not one that we know. What the charset does
 * not have becomes U+FFFD; what says that it is UTF-8 and is not is guessed. */
bool charset_decode(struct arena *arena, struct slice name, struct slice bytes, struct slice *out);
