#include "base/password.h"

#include "base/log.h"
#include "base/loop.h"
#include "base/memory.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

enum {
    VERIFY_MEMORY_MAX_KIB = 256 << 10,
    VERIFY_PASSES_MAX = 10,
    VERIFY_LANES_MAX = 8,
    PHC_MAX_BYTES = 256,
    HASHING_MAGIC = 0x70617373,
};

static const struct password_kinds own_kind = {{PASSWORD_KIND_OWN}, 1};

/* Lives in the arena of its task, which waits without a timeout because this thread writes here. */
struct hashing {
    uint32_t magic;
    struct slice password;
    const char *phc; /* to verify; NULL: to hash */
    char made[crypto_pwhash_STRBYTES];
    bool good;
    struct fiber_wait wait;
};

struct password_thread {
    uv_thread_t thread;
    uv_mutex_t mutex; /* hashing, stopping */
    uv_cond_t cond;
    struct hashing *hashing;
    bool stopping;
    struct turns *turns;
    uint64_t work_kib;
};

static bool make(struct slice password, char out[crypto_pwhash_STRBYTES])
{
    const struct password_kind kind = PASSWORD_KIND_OWN;

    return crypto_pwhash_str_alg(out, password.p ? password.p : "", password.n, kind.passes,
                                 (size_t)kind.memory_kib << 10, crypto_pwhash_ALG_ARGON2ID13) == 0;
}

static void on_hashing_done(void *arg)
{
    fiber_resume(&CAST_OBJ(struct hashing, arg, HASHING_MAGIC)->wait);
}

static void hashing_run(struct hashing *hashing)
{
    if (hashing->phc)
        hashing->good =
            crypto_pwhash_str_verify(hashing->phc, hashing->password.p ? hashing->password.p : "",
                                     hashing->password.n) == 0;
    else
        hashing->good = make(hashing->password, hashing->made);
    loop_post(on_hashing_done, hashing);
}

static void thread_main(void *arg)
{
    struct password_thread *thread = arg;

    uv_mutex_lock(&thread->mutex);
    for (;;) {
        while (!thread->hashing && !thread->stopping)
            uv_cond_wait(&thread->cond, &thread->mutex);
        struct hashing *hashing = thread->hashing;
        if (!hashing)
            break;
        thread->hashing = NULL;
        uv_mutex_unlock(&thread->mutex);
        hashing_run(hashing);
        uv_mutex_lock(&thread->mutex);
    }
    uv_mutex_unlock(&thread->mutex);
}

struct password_thread *password_thread_start(void)
{
    struct password_thread *thread = MEM_NEW(struct password_thread);

    thread->turns = turns_new();
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
    turns_free(thread->turns);
    mem_free(thread);
}

enum err password_turn_take(struct task *task, struct password_thread *thread,
                            const struct turns_asker *asker)
{
    return turns_take(task, thread->turns, asker);
}

void password_turn_end(struct password_thread *thread)
{
    turns_end(thread->turns);
}

/* In one's turn, so that there is no other hashing. */
static void run(struct password_thread *thread, struct hashing *hashing,
                const struct password_kind *kind)
{
    hashing->magic = HASHING_MAGIC;
    uv_mutex_lock(&thread->mutex);
    assert(!thread->hashing);
    thread->hashing = hashing;
    uv_cond_signal(&thread->cond);
    uv_mutex_unlock(&thread->mutex);
    fiber_await(&hashing->wait, FIBER_FOREVER);
    hashing->magic = 0;
    thread->work_kib += (uint64_t)kind->memory_kib * kind->passes;
}

enum err password_hash(struct task *task, struct password_thread *thread,
                       const struct turns_asker *asker, struct slice password, struct slice *phc)
{
    enum err err = password_turn_take(task, thread, asker);

    if (err != OK)
        return err;
    struct hashing *hashing = ARENA_NEW(task->arena, struct hashing);
    hashing->password = password;
    run(thread, hashing, &own_kind.list[0]);
    password_turn_end(thread);
    if (!hashing->good) /* no memory for it */
        return ERR_OVERLOADED;
    *phc = slice_from(hashing->made);
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

static bool kind_of(struct slice phc, struct password_kind *out)
{
    const struct slice head = SLICE("$argon2id$v=19$");
    struct slice list, rest;
    uint64_t memory_kib = 0, passes = 0, lanes;

    if (phc.n > PHC_MAX_BYTES || !slice_starts_with(phc, head))
        return false;
    bool good = slice_split(slice_from_offset(phc, head.n), '$', &list, &rest) && rest.n > 0 &&
                parameter(&list, SLICE("m="), 8, VERIFY_MEMORY_MAX_KIB, &memory_kib) &&
                parameter(&list, SLICE("t="), 1, VERIFY_PASSES_MAX, &passes) &&
                parameter(&list, SLICE("p="), 1, VERIFY_LANES_MAX, &lanes) && list.p == NULL;
    *out = (struct password_kind){(uint32_t)memory_kib, (uint32_t)passes};
    return good;
}

bool password_phc_acceptable(struct slice phc)
{
    struct password_kind kind;

    return kind_of(phc, &kind);
}

static bool same_kind(const struct password_kind *a, const struct password_kind *b)
{
    return a->memory_kib == b->memory_kib && a->passes == b->passes;
}

bool password_kinds_add(struct password_kinds *kinds, struct slice phc)
{
    struct password_kind kind;

    return kind_of(phc, &kind) && password_kinds_add_kind(kinds, kind);
}

bool password_kinds_add_kind(struct password_kinds *kinds, struct password_kind kind)
{
    for (size_t i = 0; i < kinds->n; i++)
        if (same_kind(&kinds->list[i], &kind))
            return true;
    if (kinds->n == PASSWORD_KINDS_MAX)
        return false;
    kinds->list[kinds->n++] = kind;
    return true;
}

/* A hash of this kind that no password has. */
static const char *decoy_of(struct arena *arena, const struct password_kind *kind)
{
    return arena_printf(arena,
                        "$argon2id$v=19$m=%u,t=%u,p=1$AAAAAAAAAAAAAAAAAAAAAA$"
                        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                        kind->memory_kib, kind->passes)
        .p;
}

static bool verify_one(struct task *task, struct password_thread *thread,
                       const struct password_kind *kind, struct slice password, const char *phc)
{
    struct hashing *hashing = ARENA_NEW(task->arena, struct hashing);

    hashing->password = password;
    hashing->phc = phc;
    run(thread, hashing, kind);
    return hashing->good;
}

enum err password_verify(struct task *task, struct password_thread *thread,
                         const struct password_kinds *kinds, const struct turns_asker *asker,
                         struct slice password, struct slice phc)
{
    struct password_kinds now = kinds ? *kinds : own_kind; /* others may add to it meanwhile */
    struct password_kind own;
    bool acceptable = kind_of(phc, &own), good = false;

    if (phc.n && !acceptable)
        log_event(LOG_ERROR, "password_hash_refused", F("bytes", (int)phc.n));
    for (size_t i = 0; i < now.n; i++) {
        bool real = acceptable && same_kind(&now.list[i], &own);
        const char *tried =
            real ? arena_cstr(task->arena, phc) : decoy_of(task->arena, &now.list[i]);
        bool matches = verify_one(task, thread, &now.list[i], password, tried);

        good = good || (real && matches);
    }
    turns_doubt(thread->turns, asker->source, !good);
    return good ? OK : ERR_UNAUTHORIZED;
}

uint64_t password_work_kib(const struct password_thread *thread)
{
    return thread->work_kib;
}

size_t password_waiting(const struct password_thread *thread)
{
    return turns_waiting(thread->turns);
}

struct slice password_hash_now(struct arena *arena, struct slice password)
{
    char made[crypto_pwhash_STRBYTES];
    bool good = make(password, made);

    assert(good);
    return arena_dup(arena, slice_from(made));
}

bool password_holds_now(struct arena *arena, struct slice password, struct slice phc)
{
    return password_phc_acceptable(phc) &&
           crypto_pwhash_str_verify(arena_cstr(arena, phc), password.p ? password.p : "",
                                    password.n) == 0;
}
