/* roles.h: who may do what by the roles they hold. The roles are the table
 * gateway/access/roles.def. Pure: names in, decisions out. Knows no HTTP, no files and no sessions;
 * a surface puts together the subject and the object from whatever it has stored. */
#pragma once

#include "base/slice.h"

enum action {
    ACTION_PROFILE_VIEW = 1 << 0, /* of any user; one's own profile needs no right */
    ACTION_DOWNLOAD = 1 << 1,
    ACTION_UPLOAD = 1 << 2,
    ACTION_UPLOAD_ANYTIME = 1 << 3,  /* also outside the backup windows */
    ACTION_MANAGE_SESSIONS = 1 << 4, /* of any user */
    ACTION_ALL = (1 << 5) - 1,
};

/* As stored. A name that is in no row grants nothing. */
struct role_names {
    const struct slice *names;
    size_t n;
};

/* Roles on one object: an entry of an object's list (type "user", name of the user), an object of
 * an access key, or an element of a session's operations scope. */
struct grant {
    struct slice type, name;
    struct role_names roles;
};

struct grants {
    const struct grant *list;
    size_t n;
};

struct subject {
    struct slice name;
    struct role_names roles;
    bool by_key; /* logged in with an access key, which is good for key_objects only */
    struct grants key_objects;
    struct grants scope; /* asked for at login to narrow the session; empty: not narrowed */
};

struct object {
    struct slice type, name; /* type: "collection" */
    struct grants access;    /* its own list of who may */
};

/* Logged in with an access key, or with a scope: good for the objects that these name, and for
 * nothing that is about no object. */
bool roles_narrowed(const struct subject *subject);

/* May the subject do all of `action` (one or several, or-ed) to the object? Its own roles and the
 * object's list grant; an access key and a scope take away what they do not grant on this very
 * object. Where no object is asked about (NULL) only the subject's own roles grant, and to a
 * narrowed one nothing. */
bool roles_allow(const struct subject *subject, enum action action, const struct object *object);
