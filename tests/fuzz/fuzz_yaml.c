/* Any text as a YAML document: what is understood is a tree within the bounds. It is the same tree
 * when it is written as JSON and read again, as JSON and as YAML. */
#include "fuzz.h"

#include "base/yaml.h"

#include <assert.h>

enum { IMPLICIT_KEY_MAX = 1000 }; /* YAML reads 1,024 characters of a key before its ':' */

/* JSON leaves characters as they are that YAML does not print, or takes for a line's end: those
 * past ASCII, and DEL, are written as YAML's own escapes. They stand in texts only. */
static void escape(struct buf *out, struct slice json)
{
    for (size_t i = 0; i < json.n;) {
        unsigned char c = (unsigned char)json.p[i];
        size_t n = c < 0xC0 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
        unsigned point = n == 1 ? c : c & (0x7Fu >> n);

        for (size_t k = 1; k < n; k++)
            point = point << 6 | ((unsigned char)json.p[i + k] & 0x3Fu);
        if (point < 0x7F)
            buf_add_char(out, json.p[i]);
        else
            buf_printf(out, "\\U%08x", point);
        i += n;
    }
}

/* The longest text of the escaped JSON, its quotes included. */
static size_t longest_text(struct slice json)
{
    size_t longest = 0, start = 0;
    bool in_text = false;

    for (size_t i = 0; i < json.n; i++) {
        if (json.p[i] == '\\') {
            i++;
        } else if (json.p[i] == '"') {
            if (!in_text)
                start = i;
            else if (longest < i + 1 - start)
                longest = i + 1 - start;
            in_text = !in_text;
        }
    }
    return longest;
}

static size_t count_values(json_t *value, size_t depth)
{
    size_t n = 1, i;
    const char *key;
    json_t *member;

    assert(depth <= YAML_MAX_DEPTH + 1);
    json_array_foreach(value, i, member) n += count_values(member, depth + 1);
    json_object_foreach(value, key, member) n += 1 + count_values(member, depth + 1);
    return n;
}

static void check(struct arena *arena, json_t *tree)
{
    struct slice json = json_dump(arena, tree), problem;
    struct buf yaml;

    assert(count_values(tree, 1) <= YAML_MAX_NODES);
    assert(json_equal(tree, json_parse(arena, json)));
    buf_init(&yaml, YAML_MAX_BYTES);
    escape(&yaml, json);
    if (!yaml.overflow && longest_text(buf_slice(&yaml)) <= IMPLICIT_KEY_MAX)
        assert(json_equal(tree, yaml_parse(arena, buf_slice(&yaml), &problem)));
    buf_fini(&yaml);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct slice text = {(const char *)bytes, n}, problem;
    struct arena *arena = arena_new();
    json_t *tree = yaml_parse(arena, text, &problem);

    assert((tree != NULL) == (problem.n == 0));
    if (tree) {
        assert(utf8_valid(text));
        check(arena, tree);
    } else {
        assert(utf8_valid(problem) && !slice_find(problem, '\n', &n));
    }
    arena_free(arena);
    return 0;
}
