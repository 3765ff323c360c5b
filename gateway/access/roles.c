#include "gateway/access/roles.h"

#include <assert.h>

enum role {
#define ROLE(symbol, name, alias, actions, included) ROLE_##symbol,
#include "gateway/access/roles.def"
#undef ROLE
    ROLE_COUNT,
};

#define ROLE_BIT(symbol) (1u << ROLE_##symbol)
#define ROLE_ALL ((1u << ROLE_COUNT) - 1)

static const struct {
    struct slice name, alias;
    unsigned actions, included;
} rows[ROLE_COUNT] = {
#define ROLE(symbol, name, alias, actions, included)                                               \
    {SLICE_INIT(name), SLICE_INIT(alias), actions, included},
#include "gateway/access/roles.def"
#undef ROLE
};

static bool is_named(enum role role, struct slice name)
{
    /* most rows have no alias, and an empty name must not meet the empty alias */
    return name.n > 0 && (slice_eq(name, rows[role].name) || slice_eq(name, rows[role].alias));
}

static unsigned with_included(unsigned roles)
{
    for (unsigned before = 0; before != roles;) {
        before = roles;
        for (enum role role = 0; role < ROLE_COUNT; role++)
            if (roles & 1u << role)
                roles |= rows[role].included;
    }
    return roles;
}

/* All roles that the names stand for, a bit each. */
static unsigned roles_of(struct role_names names)
{
    unsigned roles = 0;

    for (size_t i = 0; i < names.n; i++)
        for (enum role role = 0; role < ROLE_COUNT; role++)
            if (is_named(role, names.names[i]))
                roles |= 1u << role;
    return with_included(roles);
}

static unsigned actions_of(struct role_names names)
{
    unsigned roles = roles_of(names), actions = 0;

    for (enum role role = 0; role < ROLE_COUNT; role++)
        if (roles & 1u << role)
            actions |= rows[role].actions;
    return actions;
}

/* What the entries of that type and name grant together. One without a name is for nobody. */
static unsigned granted_to(struct grants grants, struct slice type, struct slice name)
{
    unsigned actions = 0;

    for (size_t i = 0; name.n > 0 && i < grants.n; i++)
        if (slice_eq(grants.list[i].type, type) && slice_eq(grants.list[i].name, name))
            actions |= actions_of(grants.list[i].roles);
    return actions;
}

bool roles_narrowed(const struct subject *subject)
{
    return subject->by_key || subject->scope.n > 0;
}

bool roles_allow(const struct subject *subject, enum action action, const struct object *object)
{
    unsigned asked = action, granted = actions_of(subject->roles);

    assert(asked != 0);
    if (!object && roles_narrowed(subject))
        return false;
    if (object) {
        granted |= granted_to(object->access, SLICE("user"), subject->name);
        if (subject->by_key)
            granted &= granted_to(subject->key_objects, object->type, object->name);
        if (subject->scope.n > 0)
            granted &= granted_to(subject->scope, object->type, object->name);
    }
    return (granted & asked) == asked;
}
