/* clock.h: time. Monotonic milliseconds for deadlines, Unix milliseconds for records. */
#pragma once

#include "base/arena.h"

uint64_t clock_ms(void); /* monotonic; what deadlines and timers count */
uint64_t clock_us(void); /* monotonic, for measuring */
uint64_t clock_unix_ms(void);

/* "2023-05-30T10:00:00Z": UTC, seconds (RFC 3339). */
struct slice clock_rfc3339(struct arena *arena, uint64_t unix_ms);
enum { CLOCK_RFC3339_BYTES = 20 };
void clock_rfc3339_into(char out[CLOCK_RFC3339_BYTES],
                        int64_t unix_ms); /* no NUL; years 1 to 9999 */
/* Any offset and fraction; years from 1970 on. */
bool clock_parse_rfc3339(struct slice text, uint64_t *unix_ms);

/* A moment as people filter by it, in any year: that form, which means its second, or a date alone,
 * the whole day in UTC: *from_ms <= x < *before_ms. */
bool clock_parse_span(struct slice text, int64_t *from_ms, int64_t *before_ms);

/* "Tue, 30 May 2023 10:00:00 GMT" (RFC 9110 section 5.6.7). */
struct slice clock_http_date(struct arena *arena, uint64_t unix_ms);
/* That form and the two obsolete ones, from 1970 on; the day of the week is not compared. */
bool clock_parse_http_date(struct slice text, uint64_t *unix_ms);
