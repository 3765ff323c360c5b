#include "state/progress.h"

#include "base/memory.h"

#include <string.h>

enum { KEPT = 1000, READ_MAX = 200, BLOCK_MS = 5000, AWAY_MS = 50, ID_BYTES = 48 };

static const struct slice stream_key = SLICE_INIT("hub:progress");

struct progress_feed {
    struct redis *redis;
    void (*fn)(void *arg, const struct progress *progress);
    void *arg;
    char last_id[ID_BYTES]; /* empty: not known where the stream stands */
    bool closed;
};

void progress_publish(struct state *state, const struct job *job, enum job_state job_state,
                      unsigned percent)
{
    struct arena *arena = arena_new();

    redis_post(state->volatile_redis, SLICE("XADD"), stream_key, SLICE("MAXLEN"), SLICE("~"),
               arena_printf(arena, "%d", KEPT), SLICE("*"), SLICE("media"), job->subject_id,
               SLICE("owner"), job->owner, SLICE("kind"), job_kind_name(job->kind), SLICE("job"),
               job->id, SLICE("state"), job_state_name(job_state), SLICE("percent"),
               arena_printf(arena, "%u", percent));
    arena_free(arena);
}

static bool note_id(struct progress_feed *feed, struct slice id)
{
    if (id.n == 0 || id.n >= ID_BYTES)
        return false;
    memcpy(feed->last_id, id.p, id.n);
    feed->last_id[id.n] = '\0';
    return true;
}

static void take(struct progress_feed *feed, const struct redis_value *entry)
{
    uint64_t percent;

    if (entry->n != 2 || !note_id(feed, entry->items[0].text))
        return;
    const struct redis_value *fields = &entry->items[1];
    struct progress progress = {
        .subject_id = redis_field(fields, SLICE("media")),
        .job_id = redis_field(fields, SLICE("job")),
        .owner = redis_field(fields, SLICE("owner")),
        .kind = redis_field(fields, SLICE("kind")),
    };
    if (!job_state_parse(redis_field(fields, SLICE("state")), &progress.state) ||
        !slice_to_u64(redis_field(fields, SLICE("percent")), &percent) || percent > 100)
        return;
    progress.percent = (unsigned)percent;
    feed->fn(feed->arg, &progress);
}

/* Where the stream stands now. Asked for, because XREAD's own "$" would skip what comes between
 * two reads. */
static bool find_end(struct task *task, struct progress_feed *feed)
{
    struct redis_value reply;

    if (redis_command(task, feed->redis, &reply, SLICE("XREVRANGE"), stream_key, SLICE("+"),
                      SLICE("-"), SLICE("COUNT"), SLICE("1")) != OK ||
        reply.type != REDIS_LIST)
        return false;
    return note_id(feed, reply.n == 1 && reply.items[0].n == 2 ? reply.items[0].items[0].text
                                                               : SLICE("0-0"));
}

/* False: the server is away; what it had is forgotten, as by it. */
static bool read_once(struct task *task, struct progress_feed *feed)
{
    struct redis_value reply;

    if (!feed->last_id[0])
        return find_end(task, feed);
    const struct slice argv[] = {
        SLICE("XREAD"),
        SLICE("COUNT"),
        arena_printf(task->arena, "%d", READ_MAX),
        SLICE("BLOCK"),
        arena_printf(task->arena, "%d", BLOCK_MS),
        SLICE("STREAMS"),
        stream_key,
        slice_from(feed->last_id),
    };

    if (redis_call_blocking(task, feed->redis, &reply, BLOCK_MS, argv,
                            sizeof argv / sizeof argv[0]) != OK ||
        reply.type == REDIS_FAULT)
        return false;
    if (reply.n != 1 || reply.items[0].n != 2)
        return true;
    const struct redis_value *entries = &reply.items[0].items[1];
    for (size_t i = 0; i < entries->n && !feed->closed; i++)
        take(feed, &entries->items[i]);
    return true;
}

static void run(struct task *task, void *arg)
{
    struct progress_feed *feed = arg;

    while (!feed->closed) {
        if (!read_once(task, feed) && !feed->closed) {
            feed->last_id[0] = '\0';
            fiber_sleep(AWAY_MS);
        }
        arena_reset(task->arena);
    }
    mem_free(feed);
}

struct progress_feed *progress_feed_open(struct slice url,
                                         void (*fn)(void *arg, const struct progress *progress),
                                         void *arg)
{
    struct redis *redis = redis_open(url, "progress");
    struct progress_feed *feed = MEM_NEW(struct progress_feed);

    *feed = (struct progress_feed){.redis = redis, .fn = fn, .arg = arg};
    if (redis && task_spawn(run, feed))
        return feed;
    if (redis)
        redis_close(redis);
    mem_free(feed);
    return NULL;
}

bool progress_feed_listens(const struct progress_feed *feed)
{
    return feed->last_id[0] != '\0';
}

void progress_feed_close(struct progress_feed *feed)
{
    feed->closed = true;
    redis_close(feed->redis);
}
