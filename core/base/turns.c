#include "base/turns.h"

#include "base/clock.h"
#include "base/memory.h"

#include <assert.h>
#include <sodium.h>

/* Sources and groups that are remembered: a set's oldest gives way to one more. */
enum { SETS = 2048, OF_SET = 8 };

enum class { KNOWN, STRANGER, DOUBTFUL, CLASSES };
enum outcome { WAITS, HAS_TURN, GIVEN_UP };

/* On the stack of the fiber that waits. */
struct waiter {
    struct waiter *next;
    uint64_t source, group; /* hashes */
    enum class class;
    enum outcome outcome;
    struct fiber_wait wait;
};

/* What is remembered of a source or a group. */
struct memory {
    uint64_t hash;
    uint64_t used;     /* number of the last change here */
    uint64_t turn;     /* number of its last turn; 0: none */
    uint64_t until_ms; /* doubtful */
};

struct turns {
    bool taken;
    enum class last;             /* whose turn it was */
    struct waiter *first, **end; /* in the order of asking */
    size_t waiting;
    uint64_t number; /* counts turns and changes */
    unsigned char hash_key[crypto_shorthash_KEYBYTES];
    struct memory memory[SETS][OF_SET];
};

struct turns *turns_new(void)
{
    struct turns *turns = MEM_NEW(struct turns);

    turns->end = &turns->first;
    crypto_shorthash_keygen(turns->hash_key);
    return turns;
}

void turns_free(struct turns *turns)
{
    assert(!turns->waiting && !turns->taken);
    mem_free(turns);
}

/* --- memory ------------------------------------------------------------------------------------
 */

/* Keyed, so that nobody can choose addresses that share a set with somebody else's. */
static uint64_t hash_of(const struct turns *turns, struct slice text)
{
    uint64_t hash;

    crypto_shorthash((unsigned char *)&hash, (const unsigned char *)(text.p ? text.p : ""), text.n,
                     turns->hash_key);
    return hash ? hash : 1;
}

static const struct memory *recall(const struct turns *turns, uint64_t hash)
{
    static const struct memory nothing;
    const struct memory *set = turns->memory[hash % SETS];

    for (size_t i = 0; i < OF_SET; i++)
        if (set[i].hash == hash)
            return &set[i];
    return &nothing;
}

static struct memory *remember(struct turns *turns, uint64_t hash)
{
    struct memory *set = turns->memory[hash % SETS], *place = set;

    for (size_t i = 0; i < OF_SET && place->hash != hash; i++)
        if (set[i].hash == hash || set[i].used < place->used)
            place = &set[i];
    if (place->hash != hash)
        *place = (struct memory){.hash = hash};
    place->used = ++turns->number;
    return place;
}

void turns_doubt(struct turns *turns, struct slice source, bool doubtful)
{
    remember(turns, hash_of(turns, source))->until_ms = doubtful ? clock_ms() + TURNS_DOUBT_MS : 0;
}

/* --- the queue ---------------------------------------------------------------------------------
 */

static void enqueue(struct turns *turns, struct waiter *waiter)
{
    *turns->end = waiter;
    turns->end = &waiter->next;
    turns->waiting++;
}

static void dequeue(struct turns *turns, struct waiter *waiter)
{
    struct waiter **at = &turns->first;

    while (*at != waiter)
        at = &(*at)->next;
    *at = waiter->next;
    if (turns->end == &waiter->next)
        turns->end = at;
    turns->waiting--;
}

static void wake(struct turns *turns, struct waiter *waiter, enum outcome outcome)
{
    dequeue(turns, waiter);
    waiter->outcome = outcome;
    fiber_resume(&waiter->wait);
}

static size_t waiting_of_source(const struct turns *turns, uint64_t source)
{
    size_t n = 0;

    for (const struct waiter *w = turns->first; w; w = w->next)
        n += w->source == source;
    return n;
}

static size_t waiting_of_group(const struct turns *turns, const struct waiter *like)
{
    size_t n = 0;

    for (const struct waiter *w = turns->first; w; w = w->next)
        n += w->group == like->group && w->class == like->class;
    return n;
}

static void make_room(struct turns *turns)
{
    struct waiter *victim = turns->first;
    size_t most = 0;

    for (struct waiter *w = turns->first; w; w = w->next) {
        size_t n = w->class >= victim->class ? waiting_of_group(turns, w) : 0;

        if (w->class > victim->class || (w->class == victim->class && n >= most)) {
            victim = w;
            most = n;
        }
    }
    wake(turns, victim, GIVEN_UP);
}

/* --- turns -------------------------------------------------------------------------------------
 */

/* Who has waited longest for a turn comes first; of those who had none, who has asked first. */
static bool comes_before(const struct turns *turns, const struct waiter *a, const struct waiter *b)
{
    uint64_t group_a = recall(turns, a->group)->turn, group_b = recall(turns, b->group)->turn;

    if (group_a != group_b)
        return group_a < group_b;
    return recall(turns, a->source)->turn < recall(turns, b->source)->turn;
}

static struct waiter *next_of(const struct turns *turns, enum class class)
{
    struct waiter *best = NULL;

    for (struct waiter *w = turns->first; w; w = w->next)
        if (w->class == class && (!best || comes_before(turns, w, best)))
            best = w;
    return best;
}

static void hand_on(struct turns *turns)
{
    struct waiter *next = NULL;

    while (!next) {
        turns->last = (turns->last + 1) % CLASSES;
        next = next_of(turns, turns->last);
    }
    turns->taken = true;
    remember(turns, next->group)->turn = turns->number;
    remember(turns, next->source)->turn = turns->number;
    wake(turns, next, HAS_TURN);
}

void turns_end(struct turns *turns)
{
    assert(turns->taken);
    turns->taken = false;
    if (turns->waiting)
        hand_on(turns);
}

/* A wait may have ended by itself, while its turn came in the same moment. */
static enum err settle(struct task *task, struct turns *turns, struct waiter *waiter)
{
    if (waiter->outcome == WAITS)
        dequeue(turns, waiter);
    if (waiter->outcome != HAS_TURN)
        return ERR_OVERLOADED;
    if (!task->cancelled)
        return OK;
    turns_end(turns);
    return ERR_OVERLOADED;
}

static enum class class_of(const struct turns *turns, const struct turns_asker *asker,
                           uint64_t source) {
    if (asker->known) return KNOWN;
    return recall(turns, source)->until_ms > clock_ms() ? DOUBTFUL : STRANGER;
}

enum err turns_take(struct task *task, struct turns *turns, const struct turns_asker *asker)
{
    uint64_t source = hash_of(turns, asker->source);
    struct waiter waiter = {.source = source,
                            .group = hash_of(turns, asker->group),
                            .class = class_of(turns, asker, source)};

    if (!turns->taken) {
        turns->taken = true;
        return OK;
    }
    if (waiting_of_source(turns, source) >= TURNS_EACH)
        return ERR_OVERLOADED;
    enqueue(turns, &waiter);
    if (turns->waiting > TURNS_ALL)
        make_room(turns);
    fiber_await(&waiter.wait, task_timeout_ms(task, TURNS_WAIT_MS));
    return settle(task, turns, &waiter);
}

size_t turns_waiting(const struct turns *turns)
{
    return turns->waiting;
}
