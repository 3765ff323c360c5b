/* Any bytes as a head: what is accepted must say the same when it is written down and read again.
 */
#include "fuzz.h"

#include "gateway/http/http1.h"

#include <assert.h>

static struct slice write_down(struct arena *arena, const struct http_head *head)
{
    struct slice text = arena_printf(arena, "%.*s %.*s HTTP/1.%d\r\n", SLICE_ARG(head->method_text),
                                     SLICE_ARG(head->target), head->minor_version);

    for (size_t i = 0; i < head->header_count; i++)
        text = arena_printf(arena, "%.*s%.*s: %.*s\r\n", SLICE_ARG(text),
                            SLICE_ARG(head->headers[i].name), SLICE_ARG(head->headers[i].value));
    return arena_printf(arena, "%.*s\r\n", SLICE_ARG(text));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct slice input = {(const char *)bytes, size};
    struct arena *arena = arena_new();
    struct http_head head, again;
    size_t n;

    if (http1_find_head(input, &n) == OK && n > 0) {
        assert(n <= input.n);
        if (http1_parse_head(arena, (struct slice){input.p, n}, &head) == OK) {
            struct slice text = write_down(arena, &head);
            size_t m;

            assert(http1_find_head(text, &m) == OK && m == text.n);
            assert(http1_parse_head(arena, text, &again) == OK);
            assert(again.method == head.method && again.chunked == head.chunked);
            assert(again.has_length == head.has_length &&
                   again.content_length == head.content_length);
            assert(again.keep_alive == head.keep_alive && again.header_count == head.header_count);
            assert(!(head.chunked && head.has_length));
        }
    }
    arena_free(arena);
    return 0;
}
