/* transfer_fixture.h: one set of transfers at a time on the test's own loop, and how the latest of
 * them ended. */
#pragma once

#include "webhooks/transfer.h"

#include "catcher.h"

#define FINE_ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

static struct arena *arena;
static struct transfer_result last;
static int ended;

static void on_done(void *arg, const struct transfer_result *result)
{
    last = *result;
    ended++;
    uv_stop(loop_get());
}

static void start_url(struct transfers *transfers, const char *url)
{
    static const struct slice headers[] = {SLICE_INIT("webhook-id: evt_1"),
                                           SLICE_INIT("Content-Type: application/json")};
    struct transfer_request request = {slice_from(url), false, headers, 2, SLICE("{}")};

    transfer_start(transfers, &request, on_done, NULL);
}

static void start(struct transfers *transfers, const char *host, int port)
{
    start_url(transfers, arena_cstr(arena, arena_printf(arena, "http://%s:%d/hook", host, port)));
}

/* Runs the loop until `count` transfers have ended. */
static void wait_for(int count)
{
    while (ended < count)
        uv_run(loop_get(), UV_RUN_DEFAULT);
    assert_int_equal(ended, count);
}

static struct transfers *open_transfers(const struct target_policy *policy)
{
    ended = 0;
    arena = arena_new();
    loop_init(4);
    return transfers_new(policy);
}

static void close_transfers(struct transfers *transfers)
{
    transfers_free(transfers);
    uv_run(loop_get(), UV_RUN_DEFAULT);
    assert_true(loop_fini());
    arena_free(arena);
}
