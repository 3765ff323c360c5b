#include "gateway/http/params.h"

#include <string.h>

bool params_token_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

/* Browsers do not escape backslashes in file names (old ones send whole paths with them), other
 * clients do: so only \" and \\ count as escapes. *end: behind the closing mark, or of the text
 * when it has none. */
static struct slice unquote(struct arena *arena, struct slice in, size_t *end)
{
    char *p = arena_alloc(arena, in.n + 1);
    size_t n = 0, i = 1;

    for (; i < in.n && in.p[i] != '"'; i++) {
        bool escape = in.p[i] == '\\' && i + 1 < in.n;

        if (escape && (in.p[i + 1] == '"' || in.p[i + 1] == '\\'))
            i++;
        p[n++] = in.p[i];
    }
    *end = i < in.n ? i + 1 : in.n;
    return (struct slice){p, n};
}

static bool closes(struct slice in, size_t end)
{
    return end > 1 && in.p[end - 1] == '"' && in.p[end - 2] != '\\';
}

/* A mark that is escaped and yet the last one closes: the name ends in a backslash. */
static struct slice take_quoted(struct arena *arena, struct slice *in)
{
    size_t end, last = in->n;
    struct slice value = unquote(arena, *in, &end);

    if (end == in->n && !closes(*in, end)) {
        while (last > 1 && in->p[last - 1] != '"')
            last--;
        if (last > 1) {
            value = arena_dup(arena, (struct slice){in->p + 1, last - 2});
            end = last;
        }
    }
    *in = slice_from_offset(*in, end);
    return value;
}

static struct slice take_until(struct slice *in, char stop)
{
    size_t at = in->n;

    slice_find(*in, stop, &at);
    struct slice taken = {in->p, at};
    *in = slice_from_offset(*in, at);
    return taken;
}

/* False: what stands there is no parameter; it was passed over. */
static bool take_param(struct arena *arena, struct slice *in, struct param *out)
{
    size_t n = 0;

    while (n < in->n && params_token_char(in->p[n]))
        n++;
    out->name = (struct slice){in->p, n};
    struct slice rest = slice_trim(slice_from_offset(*in, n));
    if (n == 0 || rest.n == 0 || rest.p[0] != '=') {
        take_until(in, ';');
        return false;
    }
    *in = slice_trim(slice_from_offset(rest, 1));
    out->quoted = in->n && in->p[0] == '"';
    out->value = out->quoted ? take_quoted(arena, in) : slice_trim(take_until(in, ';'));
    return out->quoted || out->value.n > 0;
}

const struct param *params_find(const struct params *params, struct slice name)
{
    for (size_t i = 0; i < params->n; i++)
        if (slice_eq_nocase(params->list[i].name, name))
            return &params->list[i];
    return NULL;
}

bool params_parse(struct arena *arena, struct slice header, struct params *out)
{
    struct slice in = header;

    out->n = 0;
    out->value = slice_trim(take_until(&in, ';'));
    for (;;) {
        struct param param;

        while (in.n && (in.p[0] == ';' || in.p[0] == ' ' || in.p[0] == '\t'))
            in = slice_from_offset(in, 1);
        if (in.n == 0)
            return true;
        if (!take_param(arena, &in, &param))
            continue;
        if (out->n == PARAMS_MAX || params_find(out, param.name))
            return false;
        out->list[out->n++] = param;
    }
}
