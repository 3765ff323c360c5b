#include "webhooks/admission.h"

#include "base/memory.h"

#include <assert.h>
#include <string.h>

enum { HOST_BUCKETS = 1024 };

struct admission_host {
    struct admission_host *next; /* in its bucket */
    unsigned gates, in_flight;
    uint16_t port;
    size_t n;
    char name[]; /* lower case */
};

struct admission {
    unsigned in_flight, suspects;
    struct admission_host *buckets[HOST_BUCKETS];
};

struct admission *admission_new(void)
{
    return MEM_NEW(struct admission);
}

void admission_free(struct admission *admission)
{
    assert(admission->in_flight == 0 && admission->suspects == 0);
    for (size_t i = 0; i < HOST_BUCKETS; i++)
        assert(!admission->buckets[i]);
    mem_free(admission);
}

/* FNV-1a over the lower-case name. */
static struct admission_host **bucket_of(struct admission *admission, struct slice name,
                                         uint16_t port)
{
    uint32_t hash = 2166136261u ^ port;

    for (size_t i = 0; i < name.n; i++)
        hash = (hash ^ (uint32_t)(unsigned char)name.p[i]) * 16777619u;
    return &admission->buckets[hash % HOST_BUCKETS];
}

static struct admission_host *host_ref(struct admission *admission, struct slice name,
                                       uint16_t port)
{
    char lower[256];

    assert(name.n < sizeof lower);
    for (size_t i = 0; i < name.n; i++)
        lower[i] = (char)(name.p[i] >= 'A' && name.p[i] <= 'Z' ? name.p[i] | 0x20 : name.p[i]);
    name.p = lower;

    struct admission_host **bucket = bucket_of(admission, name, port);
    struct admission_host *host = *bucket;
    while (host && !(host->port == port && slice_eq((struct slice){host->name, host->n}, name)))
        host = host->next;
    if (!host) {
        host = mem_alloc(sizeof *host + name.n);
        host->port = port;
        host->n = name.n;
        memcpy(host->name, name.p, name.n);
        host->next = *bucket;
        *bucket = host;
    }
    host->gates++;
    return host;
}

static void host_unref(struct admission *admission, struct admission_host *host)
{
    struct slice name = {host->name, host->n};
    struct admission_host **link = bucket_of(admission, name, host->port);

    if (--host->gates > 0)
        return;
    assert(host->in_flight == 0);
    while (*link != host)
        link = &(*link)->next;
    *link = host->next;
    mem_free(host);
}

void gate_init(struct gate *gate, struct admission *admission, struct slice host, uint16_t port)
{
    *gate = (struct gate){.admission = admission, .window = GATE_WINDOW_FIRST};
    gate->host = host_ref(admission, host, port);
}

void gate_fini(struct gate *gate)
{
    assert(gate->in_flight == 0);
    host_unref(gate->admission, gate->host);
}

static unsigned room(unsigned limit, unsigned used)
{
    return used < limit ? limit - used : 0;
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static void count(struct gate *gate, int slots)
{
    gate->in_flight += (unsigned)slots;
    gate->host->in_flight += (unsigned)slots;
    gate->admission->in_flight += (unsigned)slots;
    if (gate->failures > 0)
        gate->admission->suspects += (unsigned)slots;
}

unsigned gate_take(struct gate *gate, unsigned wanted, uint64_t now_ms)
{
    unsigned slots = least(wanted, room(gate->window, gate->in_flight));

    if (now_ms < gate->closed_until_ms)
        return 0;
    slots = least(slots, room(ADMISSION_PER_HOST, gate->host->in_flight));
    slots = least(slots, room(ADMISSION_TOTAL, gate->admission->in_flight));
    if (gate->failures > 0)
        slots = least(slots, room(ADMISSION_SUSPECTS, gate->admission->suspects));
    count(gate, (int)slots);
    return slots;
}

void gate_give_back(struct gate *gate, unsigned slots)
{
    assert(gate->in_flight >= slots);
    count(gate, -(int)slots);
}

static void close_for_a_while(struct gate *gate, uint64_t now_ms)
{
    gate->window = 1;
    gate->pause_ms = gate->pause_ms == 0 ? GATE_PAUSE_FIRST_MS : gate->pause_ms * 2;
    if (gate->pause_ms > GATE_PAUSE_MAX_MS)
        gate->pause_ms = GATE_PAUSE_MAX_MS;
    gate->closed_until_ms = now_ms + gate->pause_ms;
}

/* Whether the endpoint is a suspect changes here: what it still has in flight moves along. */
static void set_failures(struct gate *gate, unsigned failures)
{
    if (gate->failures == 0 && failures > 0)
        gate->admission->suspects += gate->in_flight;
    if (gate->failures > 0 && failures == 0)
        gate->admission->suspects -= gate->in_flight;
    gate->failures = failures;
}

void gate_done(struct gate *gate, enum gate_outcome outcome, uint64_t now_ms)
{
    gate_give_back(gate, 1);
    if (outcome == GATE_SUCCESS) {
        set_failures(gate, 0);
        gate->pause_ms = 0;
        gate->closed_until_ms = 0;
        gate->window = least(gate->window + 1, GATE_WINDOW_MAX);
    } else if (outcome == GATE_FAILURE) {
        set_failures(gate, gate->failures + 1);
        gate->window = gate->window > 1 ? gate->window / 2 : 1;
        if (gate->failures >= GATE_FAILURES_TO_CLOSE && now_ms >= gate->closed_until_ms)
            close_for_a_while(gate, now_ms);
    }
}
