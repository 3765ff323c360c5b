#include "webhooks/directory.h"

#include "base/log.h"
#include "base/memory.h"
#include "state/id.h"
#include "state/target.h"
#include "webhooks/signing.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { RECEIVER_MAGIC = 0x72656376 };

/* One partition's endpoints, sorted by id. */
struct page {
    bool known;
    uint64_t version;
    struct receiver **receivers;
    size_t n;
};

struct directory {
    struct state *state;
    struct admission *admission;
    directory_ended_fn *on_ended;
    void *arg;
    struct page *pages;
};

/* -- Receivers --------------------------------------------------------------------------------- */

struct receiver *receiver_ref(struct receiver *receiver)
{
    receiver->refs++;
    return receiver;
}

void receiver_unref(struct receiver *receiver)
{
    CAST_OBJ(struct receiver, receiver, RECEIVER_MAGIC);
    if (--receiver->refs > 0)
        return;
    gate_fini(&receiver->gate);
    arena_free(receiver->arena);
    mem_free(receiver->listed);
    receiver->magic = 0;
    mem_free(receiver);
}

bool receiver_may_send(const struct receiver *receiver)
{
    return !receiver->gone && receiver->endpoint.active && receiver->key.n > 0;
}

static struct endpoint endpoint_copy(struct arena *arena, const struct endpoint *from)
{
    struct endpoint to = *from;

    to.id = arena_dup(arena, from->id);
    to.owner = arena_dup(arena, from->owner);
    to.url = arena_dup(arena, from->url);
    to.description = arena_dup(arena, from->description);
    to.secret = arena_dup(arena, from->secret);
    to.old_secret = arena_dup(arena, from->old_secret);
    to.disabled_reason = arena_dup(arena, from->disabled_reason);
    to.events = ARENA_ARRAY(arena, struct slice, from->event_count + 1);
    for (size_t i = 0; i < from->event_count; i++)
        to.events[i] = arena_dup(arena, from->events[i]);
    return to;
}

/* Where the URL leads, whatever the policy says: that is judged at each connection. */
static struct target target_of(const struct endpoint *endpoint)
{
    static const struct target_policy anywhere = {.everything = true};
    struct target target = {.host = SLICE("?")};

    target_judge(&anywhere, endpoint->url, &target);
    return target;
}

static bool same_host(const struct endpoint *a, const struct endpoint *b)
{
    struct target at = target_of(a), bt = target_of(b);

    return at.port == bt.port && slice_eq_nocase(at.host, bt.host);
}

static void receiver_configure(struct receiver *receiver, const struct endpoint *endpoint)
{
    struct arena *arena = arena_new();

    if (receiver->arena)
        arena_free(receiver->arena);
    receiver->arena = arena;
    receiver->endpoint = endpoint_copy(arena, endpoint);
    receiver->tls = target_of(endpoint).tls;
    if (!signing_key_parse(arena, receiver->endpoint.secret, &receiver->key)) {
        receiver->key = SLICE_NONE;
        log_event(LOG_ERROR, "endpoint_secret_unusable", F("endpoint", endpoint->id));
    }
    if (!signing_key_parse(arena, receiver->endpoint.old_secret, &receiver->old_key))
        receiver->old_key = SLICE_NONE;
}

static struct receiver *receiver_new(const struct directory *directory,
                                     const struct endpoint *endpoint)
{
    struct receiver *receiver = MEM_NEW(struct receiver);
    struct target target = target_of(endpoint);

    receiver->magic = RECEIVER_MAGIC;
    receiver->refs = 1;
    receiver->listed = mem_alloc(directory->state->partitions / 8 + 1);
    receiver_configure(receiver, endpoint);
    gate_init(&receiver->gate, directory->admission, target.host, target.port);
    return receiver;
}

/* -- Pages ------------------------------------------------------------------------------------- */

static int compare_endpoints(const void *a, const void *b)
{
    return slice_compare(((const struct endpoint *)a)->id, ((const struct endpoint *)b)->id);
}

static void drop(const struct directory *directory, struct receiver *receiver, bool deleted)
{
    receiver->gone = true;
    if (deleted)
        directory->on_ended(directory->arg, receiver->endpoint.id, true);
    receiver_unref(receiver);
}

/* The receiver for what an endpoint is now. One that has moved to another host, or is active again,
 * gets a new gate; what is still in flight keeps the old one. */
static struct receiver *update(const struct directory *directory, struct receiver *old,
                               const struct endpoint *endpoint)
{
    bool was_active = old->endpoint.active;

    if (same_host(&old->endpoint, endpoint) && was_active >= endpoint->active) {
        receiver_configure(old, endpoint);
    } else {
        drop(directory, old, false);
        old = receiver_new(directory, endpoint);
    }
    if (was_active && !endpoint->active)
        directory->on_ended(directory->arg, endpoint->id, false);
    return old;
}

/* Both lists are sorted by id. */
static void merge(const struct directory *directory, struct page *page,
                  const struct endpoint *endpoints, size_t n)
{
    struct receiver **merged = mem_alloc((n + 1) * sizeof(struct receiver *));
    size_t at = 0;

    for (size_t i = 0; i < n; i++) {
        int order = -1;

        while (at < page->n &&
               (order = slice_compare(page->receivers[at]->endpoint.id, endpoints[i].id)) < 0)
            drop(directory, page->receivers[at++], true);
        merged[i] = at < page->n && order == 0
                        ? update(directory, page->receivers[at++], &endpoints[i])
                        : receiver_new(directory, &endpoints[i]);
    }
    while (at < page->n)
        drop(directory, page->receivers[at++], true);
    mem_free(page->receivers);
    page->receivers = merged;
    page->n = n;
}

static enum err refresh_page(struct task *task, struct directory *directory, unsigned partition)
{
    struct page *page = &directory->pages[partition];
    struct endpoint *endpoints;
    uint64_t version;
    size_t n;
    enum err err = endpoint_version(task, directory->state, partition, &version);

    if (err != OK || (page->known && page->version == version))
        return err;
    /* Read after the version: what is newer than it is read again next time. */
    err = endpoint_list(task, directory->state, partition, SLICE_NONE, &endpoints, &n);
    if (err != OK)
        return err;
    if (n > 0)
        qsort(endpoints, n, sizeof *endpoints, compare_endpoints);
    merge(directory, page, endpoints, n);
    page->known = true;
    page->version = version;
    log_event(LOG_INFO, "endpoints_read", F("partition", partition), F("count", (long long)n));
    return OK;
}

/* -- Public ------------------------------------------------------------------------------------ */

struct directory *directory_new(struct state *state, directory_ended_fn *on_ended, void *arg)
{
    struct directory *directory = MEM_NEW(struct directory);

    *directory = (struct directory){state, admission_new(), on_ended, arg, NULL};
    directory->pages = mem_alloc(state->partitions * sizeof *directory->pages);
    return directory;
}

void directory_free(struct directory *directory)
{
    for (unsigned p = 0; p < directory->state->partitions; p++) {
        struct page *page = &directory->pages[p];

        for (size_t i = 0; i < page->n; i++)
            drop(directory, page->receivers[i], false);
        mem_free(page->receivers);
    }
    mem_free(directory->pages);
    admission_free(directory->admission);
    mem_free(directory);
}

enum err directory_refresh(struct task *task, struct directory *directory)
{
    enum err err = OK;

    for (unsigned p = 0; p < directory->state->partitions && err == OK; p++)
        err = refresh_page(task, directory, p);
    return err;
}

/* ids NULL: only counts. */
static size_t match_page(struct arena *arena, const struct page *page, bool admins_only,
                         const struct event *event, struct slice *ids)
{
    size_t n = 0;

    for (size_t i = 0; i < page->n; i++) {
        const struct endpoint *endpoint = &page->receivers[i]->endpoint;

        if ((admins_only && !endpoint->owner_is_admin) || !endpoint_wants(endpoint, event))
            continue;
        if (ids)
            ids[n] = arena_dup(arena, endpoint->id);
        n++;
    }
    return n;
}

static size_t match_all(struct arena *arena, const struct directory *directory,
                        const struct event *event, struct slice *ids)
{
    size_t n = 0;

    for (unsigned p = 0; p < directory->state->partitions; p++)
        n += match_page(arena, &directory->pages[p], p != event->partition, event,
                        ids ? ids + n : NULL);
    return n;
}

void directory_match(struct arena *arena, const struct directory *directory,
                     const struct event *event, struct slice **ids, size_t *n)
{
    *ids = ARENA_ARRAY(arena, struct slice, match_all(arena, directory, event, NULL) + 1);
    *n = match_all(arena, directory, event, *ids);
}

struct receiver *directory_find(const struct directory *directory, struct slice id)
{
    unsigned partition;

    if (!id_parse(id, SLICE("whk_"), directory->state->partitions, &partition))
        return NULL;
    const struct page *page = &directory->pages[partition];
    size_t low = 0, high = page->n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = slice_compare(page->receivers[middle]->endpoint.id, id);

        if (order == 0)
            return page->receivers[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}
