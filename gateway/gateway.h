/* gateway.h: what a gateway process holds, made once in main.c and reached from every request. */
#pragma once

#include "gateway/access/rate.h"
#include "gateway/quota.h"
#include "realtime/realtime.h"
#include "state/keyring.h"
#include "state/progress.h"
#include "state/stream.h"
#include "store/store.h"

struct catalogue_gate;
struct connection_server;
struct jobserver;
struct password_thread;
struct surroundings;
struct trusted_proxies;
struct upload_shares;

enum { SURFACES_MAX = 8 };

struct gateway {
    const struct config *config;
    struct state *state;
    struct store *store;
    struct realtime *realtime;
    struct stream *stream;
    struct progress_feed *progress;
    struct catalogue_gate *catalogue;
    struct keyring keyring;
    struct connection_server *connections;
    struct jobserver *jobs;
    struct password_thread *passwords;
    void *own[SURFACES_MAX]; /* of each surface: surface_own() of router.h */
    struct rate_limits limits;
    struct quota quota; /* of each account */
    const struct trusted_proxies *proxies;
    struct upload_shares *uploads;
    const struct slice *cors_origins; /* ends with an empty one */
    struct surroundings *surroundings;
    uint64_t started_ms;
    bool has_inside; /* metrics.listen is set */
    bool draining;
};
