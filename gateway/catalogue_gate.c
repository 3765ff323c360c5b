#include "gateway/catalogue_gate.h"

#include "base/clock.h"
#include "base/loop.h"
#include "base/memory.h"
#include "base/timer.h"
#include "catalogue/applied.h"
#include "gateway/gateway.h"

enum {
    READERS_MAX = 16, /* as many as there are disk threads */
    LOOK_MS = 1,
    REOPEN_MS = 200,
    IDLE_MS = 5000, /* of a reader, before its file is closed */
};

struct reader {
    struct reader *next;
    struct search *search;
    uint64_t database, used_ms;
};

struct waiter {
    struct waiter *next;
    struct fiber_wait wait;
};

struct catalogue_gate {
    struct gateway *gateway;
    struct arena *arena;
    struct slice folder;
    const char *page;
    struct applied *applied; /* NULL: there is no page yet */
    uint64_t opened_ms;
    bool stopped;
    struct reader *idle; /* the one used last is the first */
    size_t idle_n;
    struct timer tidy; /* runs while some are idle */
    struct waiter *waiters;
    uv_timer_t look; /* runs while somebody waits: the wheel's 10 ms are too coarse */
};

/* -- The page --------------------------------------------------------------------------------- */

static bool is_silent(const struct catalogue_gate *gate)
{
    struct applied_view view;

    applied_look(gate->applied, &view);
    return view.beat_ms + APPLIED_SILENCE_MS < clock_unix_ms();
}

/* One that nobody writes any more may have a successor at its path. */
static void look_for_page(struct catalogue_gate *gate)
{
    uint64_t now_ms = clock_ms();

    if (now_ms < gate->opened_ms + REOPEN_MS ||
        (gate->applied && applied_is_there(gate->applied) && !is_silent(gate)))
        return;
    struct applied *applied = applied_open(gate->page, gate->gateway->state->partitions);
    gate->opened_ms = now_ms;
    if (!applied)
        return;
    applied_close(gate->applied);
    gate->applied = applied;
}

static void on_look(uv_timer_t *timer)
{
    struct catalogue_gate *gate = timer->data;
    struct waiter *waiter = gate->waiters;

    gate->waiters = NULL;
    uv_timer_stop(timer);
    for (; waiter; waiter = waiter->next)
        fiber_resume(&waiter->wait);
}

/* Suspends for a moment. False: there is nothing to be waited for any more. */
static bool wait_a_little(struct catalogue_gate *gate)
{
    struct waiter waiter = {.next = gate->waiters};

    if (gate->stopped)
        return false;
    if (!gate->waiters)
        uv_timer_start(&gate->look, on_look, LOOK_MS, 0);
    gate->waiters = &waiter;
    fiber_await(&waiter.wait, FIBER_FOREVER);
    return !gate->stopped;
}

static bool has_come_so_far(const struct catalogue_gate *gate, const struct list_need *needs,
                            size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct head head;

        applied_head(gate->applied, needs[i].partition, &head);
        if (head.epoch != needs[i].head.epoch || head.offset < needs[i].head.offset)
            return false;
    }
    return true;
}

/* *database: the file that has it. False: not before the end of patience. */
static bool await_applied(struct request *req, const struct list_need *needs, size_t n,
                          uint64_t until_ms, uint64_t *database)
{
    struct catalogue_gate *gate = req->gateway->catalogue;

    for (;;) {
        look_for_page(gate);
        if (gate->applied) {
            struct applied_view view;

            applied_look(gate->applied, &view);
            *database = view.database;
            if (view.database && has_come_so_far(gate, needs, n))
                return true;
        }
        if (clock_ms() >= until_ms || req->task.cancelled || !wait_a_little(gate))
            return false;
    }
}

/* -- Readers ---------------------------------------------------------------------------------- */

static void free_reader(struct reader *reader)
{
    search_close(reader->search);
    mem_free(reader);
}

/* An idle one of this file; those of earlier files go when they come up. NULL: one is to be opened.
 */
static struct reader *take_reader(struct catalogue_gate *gate, uint64_t database)
{
    struct reader *reader;

    while ((reader = gate->idle) != NULL) {
        gate->idle = reader->next;
        gate->idle_n--;
        if (reader->database == database)
            return reader;
        free_reader(reader);
    }
    return NULL;
}

static void on_tidy(struct timer *timer)
{
    struct catalogue_gate *gate = CONTAINER_OF(timer, struct catalogue_gate, tidy);
    struct reader **link = &gate->idle, *reader;
    uint64_t now_ms = clock_ms();

    while (*link && now_ms - (*link)->used_ms < IDLE_MS)
        link = &(*link)->next;
    while ((reader = *link) != NULL) {
        *link = reader->next;
        gate->idle_n--;
        free_reader(reader);
    }
    if (gate->idle)
        timer_start(timer, IDLE_MS, on_tidy);
}

static void give_reader(struct catalogue_gate *gate, struct reader *reader)
{
    if (gate->stopped || gate->idle_n == READERS_MAX) {
        free_reader(reader);
        return;
    }
    if (!gate->idle)
        timer_start(&gate->tidy, IDLE_MS, on_tidy);
    reader->used_ms = clock_ms();
    reader->next = gate->idle;
    gate->idle = reader;
    gate->idle_n++;
}

struct look {
    struct arena *arena;
    const char *path;
    struct reader *reader;
    const struct list_filter *filter;
    const struct list_need *needs;
    size_t n;
    struct list_page *page;
    enum err err;
};

static void look_now(void *arg)
{
    struct look *look = arg;
    struct reader *reader = look->reader;

    look->err = reader->search ? OK : search_open(look->path, &reader->search);
    if (look->err == OK)
        look->err = search_list(reader->search, look->arena, look->filter, look->needs, look->n,
                                look->page);
}

/* ERR_CATALOGUE_BEHIND: it may be there at the next look. */
static enum err look_once(struct request *req, uint64_t database, struct look *look)
{
    struct catalogue_gate *gate = req->gateway->catalogue;

    look->reader = take_reader(gate, database);
    if (!look->reader) {
        look->reader = MEM_NEW(struct reader);
        look->reader->database = database;
    }
    look->path = applied_file(req->task.arena, gate->folder, database).p;
    task_offload(&req->task, look_now, look);
    if (look->err == OK || (look->err == ERR_CATALOGUE_BEHIND && look->reader->search)) {
        give_reader(gate, look->reader);
        return look->err;
    }
    free_reader(look->reader);
    if (look->err == ERR_INTERNAL && gate->applied)
        applied_complain(gate->applied, database);
    return ERR_CATALOGUE_BEHIND;
}

/* -- Lists ------------------------------------------------------------------------------------ */

/* The caller's own head came with the admission. */
static enum err read_needs(struct request *req, const struct list_filter *filter,
                           struct list_need **needs, size_t *n)
{
    struct state *state = req->gateway->state;
    struct arena *arena = req->task.arena;
    enum err err = req->stands.epoch ? OK : ERR_CATALOGUE_BEHIND;

    *n = filter->owner.n ? 1 : state->partitions;
    *needs = ARENA_ARRAY(arena, struct list_need, *n);
    (*needs)[0] = (struct list_need){req->principal.partition, req->stands};
    if (*n == 1)
        return err;
    struct redis_call **calls = ARENA_ARRAY(arena, struct redis_call *, *n);
    for (unsigned i = 0; i < *n; i++)
        calls[i] = stream_send_head(state, arena, i);
    for (unsigned i = 0; i < *n; i++) {
        enum err one = stream_take_head(&req->task, calls[i], &(*needs)[i].head);

        (*needs)[i].partition = i;
        if (one != OK && err == OK)
            err = one == ERR_NOT_FOUND ? ERR_CATALOGUE_BEHIND : one;
    }
    return err;
}

enum err catalogue_gate_list(struct request *req, const struct list_filter *filter,
                             struct list_page *page, struct media **media, size_t *n)
{
    struct state *state = req->gateway->state;
    uint64_t until_ms = clock_ms() + CATALOGUE_WAIT_MS, database;
    struct look look = {.arena = req->task.arena, .filter = filter, .page = page};
    struct list_need *needs;
    enum err err = read_needs(req, filter, &needs, &look.n);

    look.needs = needs;
    if (err != OK)
        return err;
    do {
        if (!await_applied(req, needs, look.n, until_ms, &database))
            return ERR_CATALOGUE_BEHIND;
        err = look_once(req, database, &look);
    } while (err == ERR_CATALOGUE_BEHIND && clock_ms() < until_ms &&
             wait_a_little(req->gateway->catalogue));
    if (err != OK)
        return err;
    *n = page->n;
    *media = ARENA_ARRAY(req->task.arena, struct media, page->n);
    for (size_t i = 0; i < page->n && err == OK; i++) {
        (*media)[i] = (struct media){.id = page->ids[i]};
        err = record_locate(state, &(*media)[i]);
    }
    return err == OK ? record_load_many(&req->task, state, *media, n) : ERR_CATALOGUE_BEHIND;
}

/* -- Standing --------------------------------------------------------------------------------- */

void catalogue_gate_standing(struct gateway *gateway, struct catalogue_standing *out)
{
    struct catalogue_gate *gate = gateway->catalogue;
    struct applied_view view;

    *out = (struct catalogue_standing){0};
    look_for_page(gate);
    if (!gate->applied)
        return;
    applied_look(gate->applied, &view);
    out->follows = view.phase == APPLIED_FOLLOWING && !is_silent(gate);
    out->done = view.done;
    out->total = view.total;
    for (unsigned i = 0; i < gateway->state->partitions; i++) {
        const struct head *read = stream_head(gateway->stream, i);
        struct head applied;

        applied_head(gate->applied, i, &applied);
        if (read->offset > applied.offset)
            out->behind += read->offset - applied.offset;
    }
}

/* -- Life ------------------------------------------------------------------------------------- */

struct catalogue_gate *catalogue_gate_start(struct gateway *gateway)
{
    struct catalogue_gate *gate = MEM_NEW(struct catalogue_gate);
    struct slice data = config_text(gateway->config, "data");

    gate->gateway = gateway;
    gate->arena = arena_new();
    gate->folder = applied_folder(gate->arena, data);
    gate->page = applied_path(gate->arena, data).p;
    uv_timer_init(loop_get(), &gate->look);
    gate->look.data = gate;
    return gate;
}

void catalogue_gate_stop(struct catalogue_gate *gate)
{
    if (!gate)
        return;
    gate->stopped = true;
    timer_stop(&gate->tidy);
    on_look(&gate->look);
    uv_close((uv_handle_t *)&gate->look, NULL);
}

void catalogue_gate_free(struct catalogue_gate *gate)
{
    struct reader *reader;

    if (!gate)
        return;
    while ((reader = gate->idle) != NULL) {
        gate->idle = reader->next;
        free_reader(reader);
    }
    applied_close(gate->applied);
    arena_free(gate->arena);
    mem_free(gate);
}
