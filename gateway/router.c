#include "gateway/router.h"

#include "base/memory.h"
#include "base/text.h"
#include "gateway/access/authentication.h"
#include "gateway/gateway.h"
#include "handlers.h"

#include <string.h>

static const struct route routes[] = {
#include "routes.def"
};

static const struct surface *const surfaces[] = {
#include "surfaces.def"
};

enum { ROUTES = sizeof routes / sizeof routes[0], SURFACES = sizeof surfaces / sizeof surfaces[0] };

/* The routes as a tree of segments, built from the rows at the first look-up: a request walks down
 * its path once, whatever the number of routes. */
struct node {
    struct slice segment;              /* literal; empty in the node of a parameter */
    struct node *literals, *parameter; /* children */
    struct node *next;                 /* among the parent's literals */
    const struct route *by_method[METHOD_COUNT];
};

static struct node *root;

static struct node *child_literal(struct node *node, struct slice segment)
{
    struct node *child = node->literals;

    while (child && !slice_eq(child->segment, segment))
        child = child->next;
    return child;
}

static struct node *child_for(struct node *node, struct slice segment)
{
    bool parameter = segment.n > 0 && segment.p[0] == '{';
    struct node *child = parameter ? node->parameter : child_literal(node, segment);

    if (child)
        return child;
    child = MEM_NEW(struct node);
    if (parameter) {
        node->parameter = child;
    } else {
        child->segment = segment;
        child->next = node->literals;
        node->literals = child;
    }
    return child;
}

static void build(void)
{
    root = MEM_NEW(struct node);
    for (size_t i = 0; i < ROUTES; i++) {
        struct slice rest = slice_from_offset(routes[i].path, 1), segment;
        struct node *node = root;

        while (slice_split(rest, '/', &segment, &rest))
            node = child_for(node, segment);
        node->by_method[routes[i].method] = &routes[i];
    }
}

static const struct route *route_of(const struct node *node, enum http_method method)
{
    if (!node->by_method[method] && method == METHOD_HEAD)
        method = METHOD_GET;
    return node->by_method[method];
}

static unsigned methods_of(const struct node *node)
{
    unsigned methods = 0;

    for (int method = 0; method < METHOD_COUNT; method++)
        if (route_of(node, (enum http_method)method))
            methods |= 1u << method;
    return methods;
}

struct walk {
    enum http_method method;
    struct arena *arena;
    struct slice *params;
    unsigned allowed;
};

/* Literal children come first; a parameter is tried when they have no such path or method. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the deepest route */
static const struct route *walk_down(struct walk *walk, struct node *node, struct slice rest,
                                     size_t param_count)
{
    struct slice segment;

    if (!slice_split(rest, '/', &segment, &rest)) {
        if (!walk->allowed)
            walk->allowed = methods_of(node);
        return route_of(node, walk->method);
    }
    if (segment.n && memchr(segment.p, '%', segment.n) &&
        !text_percent_decode(walk->arena, segment, false, &segment))
        return NULL;
    struct node *literal = child_literal(node, segment);
    const struct route *route = literal ? walk_down(walk, literal, rest, param_count) : NULL;
    if (route || !node->parameter || segment.n == 0 || param_count == PATH_PARAMS_MAX)
        return route;
    walk->params[param_count] = segment;
    return walk_down(walk, node->parameter, rest, param_count + 1);
}

const struct route *router_find(enum http_method method, struct slice path, struct arena *arena,
                                struct slice params[PATH_PARAMS_MAX], unsigned *allowed)
{
    struct walk walk = {.method = method, .arena = arena, .params = params};

    *allowed = 0;
    if (path.n == 0 || path.p[0] != '/')
        return NULL;
    if (!root)
        build();
    const struct route *route = walk_down(&walk, root, slice_from_offset(path, 1), 0);
    *allowed = route ? 0 : walk.allowed;
    return route;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that a path's beginning stands for, and how many characters it takes; -1: broken. */
static int decoded_byte(struct slice path, size_t *taken)
{
    *taken = 1;
    if (path.p[0] != '%')
        return (unsigned char)path.p[0];
    if (path.n < 3)
        return -1;
    int high = hex_digit(path.p[1]), low = hex_digit(path.p[2]);
    *taken = 3;
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

const struct authenticator *router_authenticator(struct slice audience, struct slice token)
{
    for (size_t i = 0; i < SURFACES; i++) {
        const struct authenticator *authenticator = surfaces[i]->authenticator;

        if (!authenticator)
            continue;
        if (slice_eq(authenticator->audience, audience) ||
            (authenticator->key_prefix.n && slice_starts_with(token, authenticator->key_prefix)))
            return authenticator;
    }
    return NULL;
}

bool router_path_acceptable(struct slice path)
{
    size_t dots = 0, others = 0; /* in this segment */

    if (path.n == 0 || path.p[0] != '/')
        return false;
    while (path.n) {
        size_t taken;
        int byte = decoded_byte(path, &taken);
        bool separator = byte == '/'; /* also encoded: a handler sees it as one */

        if (byte <= 0)
            return false;
        if (separator && others == 0 && (dots == 1 || dots == 2))
            return false;
        if (separator)
            dots = others = 0;
        else if (byte == '.')
            dots++;
        else
            others++;
        path = slice_from_offset(path, taken);
    }
    return others != 0 || dots == 0 || dots > 2;
}

/* Is prefix the path itself, or whole segments at its beginning? Compared after decoding. */
static bool has_prefix(struct slice path, struct slice prefix)
{
    while (prefix.n) {
        size_t taken;

        if (path.n == 0 || decoded_byte(path, &taken) != (unsigned char)prefix.p[0])
            return false;
        path = slice_from_offset(path, taken);
        prefix = slice_from_offset(prefix, 1);
    }
    return path.n == 0 || path.p[0] == '/';
}

const struct surface *router_surface(struct slice path)
{
    const struct surface *owner = &surface_hub;
    size_t longest = 0;

    for (size_t i = 0; i < SURFACES; i++) {
        for (const struct slice *prefix = surfaces[i]->prefixes; prefix->p; prefix++) {
            if (prefix->n > longest && has_prefix(path, *prefix)) {
                owner = surfaces[i];
                longest = prefix->n;
            }
        }
    }
    return owner;
}

/* --- what surfaces keep ------------------------------------------------------------------------
 */

_Static_assert((int)SURFACES <= (int)SURFACES_MAX,
               "a gateway has room for what each surface keeps");

void router_open_surfaces(struct gateway *gateway, struct arena *arena)
{
    for (size_t i = 0; i < SURFACES; i++)
        if (surfaces[i]->open)
            gateway->own[i] = surfaces[i]->open(gateway->config, arena);
}

void router_close_surfaces(struct gateway *gateway)
{
    for (size_t i = 0; i < SURFACES; i++)
        if (surfaces[i]->close)
            surfaces[i]->close(gateway->own[i]);
}

void *surface_own(const struct gateway *gateway, const struct surface *surface)
{
    size_t i = 0;

    while (surfaces[i] != surface)
        i++;
    return gateway->own[i];
}
