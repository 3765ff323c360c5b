#include "base/password.h"

#include "base/log.h"
#include "base/loop.h"
#include "base/memory.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

enum {
    QUEUE_MAX = 32, /* past it ERR_OVERLOADED: about a second of work */
    HASH_MEMORY_BYTES = 19456 << 10,
    HASH_PASSES = 2,
    VERIFY_MEMORY_MAX_KIB = 256 << 10,
    VERIFY_PASSES_MAX = 10,
    VERIFY_LANES_MAX = 8,
    PHC_MAX_BYTES = 256,
    JOB_MAGIC = 0x70617373,
};

/* Lives in the arena of its task, which waits without a timeout because this thread writes here. */
struct job {
    uint32_t magic;
    struct job *next;
    struct slice password;
    const char *phc; /* to verify; NULL: to hash */
    char made[crypto_pwhash_STRBYTES];
    bool good;
    struct fiber_wait wait;
};

struct password_thread {
    uv_thread_t thread;
    uv_mutex_t mutex; /* queue, count, stopping */
    uv_cond_t cond;
    struct job *first, **end;
    size_t count;
    bool stopping;
    char decoy[crypto_pwhash_STRBYTES]; /* verified in place of what does not exist */
};

static bool make(struct slice password, char out[crypto_pwhash_STRBYTES])
{
    return crypto_pwhash_str_alg(out, password.p ? password.p : "", password.n, HASH_PASSES,
                                 HASH_MEMORY_BYTES, crypto_pwhash_ALG_ARGON2ID13) == 0;
}

static void on_job_done(void *arg)
{
    fiber_resume(&CAST_OBJ(struct job, arg, JOB_MAGIC)->wait);
}

static void job_run(struct job *job)
{
    if (job->phc)
        job->good = crypto_pwhash_str_verify(job->phc, job->password.p ? job->password.p : "",
                                             job->password.n) == 0;
    else
        job->good = make(job->password, job->made);
    loop_post(on_job_done, job);
}

static void thread_main(void *arg)
{
    struct password_thread *thread = arg;

    uv_mutex_lock(&thread->mutex);
    for (;;) {
        while (!thread->first && !thread->stopping)
            uv_cond_wait(&thread->cond, &thread->mutex);
        struct job *job = thread->first;
        if (!job)
            break;
        thread->first = job->next;
        if (!thread->first)
            thread->end = &thread->first;
        uv_mutex_unlock(&thread->mutex);
        job_run(job);
        uv_mutex_lock(&thread->mutex);
        thread->count--;
    }
    uv_mutex_unlock(&thread->mutex);
}

struct password_thread *password_thread_start(void)
{
    struct password_thread *thread = MEM_NEW(struct password_thread);
    uint8_t nobody_knows[32];

    randombytes_buf(nobody_knows, sizeof(nobody_knows));
    bool made = make((struct slice){(char *)nobody_knows, sizeof(nobody_knows)}, thread->decoy);
    assert(made);
    thread->end = &thread->first;
    uv_mutex_init(&thread->mutex);
    uv_cond_init(&thread->cond);
    int failed = uv_thread_create(&thread->thread, thread_main, thread);
    assert(failed == 0);
    return thread;
}

void password_thread_stop(struct password_thread *thread)
{
    uv_mutex_lock(&thread->mutex);
    thread->stopping = true;
    uv_cond_signal(&thread->cond);
    uv_mutex_unlock(&thread->mutex);
    uv_thread_join(&thread->thread);
    uv_cond_destroy(&thread->cond);
    uv_mutex_destroy(&thread->mutex);
    mem_free(thread);
}

static enum err run(struct password_thread *thread, struct job *job)
{
    uv_mutex_lock(&thread->mutex);
    bool room = thread->count < QUEUE_MAX;
    if (room) {
        *thread->end = job;
        thread->end = &job->next;
        thread->count++;
        uv_cond_signal(&thread->cond);
    }
    uv_mutex_unlock(&thread->mutex);
    if (!room)
        return ERR_OVERLOADED;
    fiber_await(&job->wait, FIBER_FOREVER);
    job->magic = 0;
    return OK;
}

enum err password_hash(struct task *task, struct password_thread *thread, struct slice password,
                       struct slice *phc)
{
    struct job *job = ARENA_NEW(task->arena, struct job);

    job->magic = JOB_MAGIC;
    job->password = password;
    enum err err = run(thread, job);
    if (err != OK)
        return err;
    if (!job->good) /* no memory for it */
        return ERR_OVERLOADED;
    *phc = slice_from(job->made);
    return OK;
}

/* "m=19456" of the parameter list, at most `max`. */
static bool parameter(struct slice *list, struct slice name, uint64_t min, uint64_t max,
                      uint64_t *out)
{
    struct slice item;

    return slice_split(*list, ',', &item, list) && slice_starts_with(item, name) &&
           slice_to_u64(slice_from_offset(item, name.n), out) && *out >= min && *out <= max;
}

bool password_phc_acceptable(struct slice phc)
{
    const struct slice head = SLICE("$argon2id$v=19$");
    struct slice list, rest;
    uint64_t memory_kib, passes, lanes;

    if (phc.n > PHC_MAX_BYTES || !slice_starts_with(phc, head))
        return false;
    return slice_split(slice_from_offset(phc, head.n), '$', &list, &rest) && rest.n > 0 &&
           parameter(&list, SLICE("m="), 8, VERIFY_MEMORY_MAX_KIB, &memory_kib) &&
           parameter(&list, SLICE("t="), 1, VERIFY_PASSES_MAX, &passes) &&
           parameter(&list, SLICE("p="), 1, VERIFY_LANES_MAX, &lanes) && list.p == NULL;
}

enum err password_verify(struct task *task, struct password_thread *thread, struct slice password,
                         struct slice phc)
{
    struct job *job = ARENA_NEW(task->arena, struct job);
    bool real = password_phc_acceptable(phc);

    if (phc.n && !real)
        log_event(LOG_ERROR, "password_hash_refused", F("bytes", (int)phc.n));
    job->magic = JOB_MAGIC;
    job->password = password;
    job->phc = real ? arena_cstr(task->arena, phc) : thread->decoy;
    enum err err = run(thread, job);
    if (err != OK)
        return err;
    return real && job->good ? OK : ERR_UNAUTHORIZED;
}

struct slice password_hash_now(struct arena *arena, struct slice password)
{
    char made[crypto_pwhash_STRBYTES];
    bool good = make(password, made);

    assert(good);
    return arena_dup(arena, slice_from(made));
}
