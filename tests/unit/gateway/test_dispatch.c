/* What every request goes through, against the real routes and a real Redis: admission, limits,
 * HTTPS, CORS, methods, bodies. Requests come as from elsewhere by way of X-Forwarded-For, so that
 * each row has a window of its own. */
#include "http_peer.h"
#include "redis_fixture.c"

#include "base/clock.h"
#include "base/config_load.h"
#include "base/crypto.h"
#include "base/loop.h"
#include "base/password.h"
#include "gateway/access/forwarded.h"
#include "gateway/access/signed_link.h"
#include "gateway/access/token.h"
#include "gateway/dispatch.h"
#include "gateway/gateway.h"
#include "gateway/http/exchange.h"
#include "gateway/http/listener.h"
#include "gateway/upload_share.h"
#include "state/account.h"
#include "state/secret.h"

#include <pthread.h>

enum { ANONYMOUS_LIMIT = 3, TEXT_MAX = 4096 };

static struct server {
    uv_loop_t *loop;
    struct gateway gateway;
    struct listener *listener;
    int guard; /* of its port */
    uint16_t port;
    struct upload_shares uploads;
    struct session session;
    char token[2048];
    struct arena *arena;
} server;

/* --- requests and what must come back ----------------------------------------------------------
 */

struct row {
    const char *name;
    const char *request; /* TOKEN stands for a good one; the last line ends are added */
    int status;
    const char *has[8]; /* in the head or the body */
    const char *lacks;
};

#define AWAY " HTTP/1.1\r\nHost: x\r\nX-Forwarded-Proto: https\r\nX-Forwarded-For: 203.0.113."
#define ME "GET /api/v1/users/me"

static const struct row rows[] = {
    {"no token",
     ME AWAY "1",
     401,
     {"\r\nWWW-Authenticate: Bearer\r\n", "\r\nX-RateLimit-Limit: 3\r\n",
      "\r\nRateLimit-Policy: \"anonymous\";q=3;w=60\r\n", "\r\nRateLimit: \"anonymous\";r=2;t=",
      "\r\nX-RateLimit-Remaining: 2\r\n", "\r\nX-RateLimit-Reset: ", "\"code\":\"unauthorized\""},
     NULL},
    {"a good token",
     ME AWAY "2\r\nAuthorization: Bearer TOKEN",
     200,
     {"\r\nX-RateLimit-Limit: 1000\r\n", "\"username\":\"ada\"",
      "\r\nRateLimit-Policy: \"authenticated\";q=1000;w=60\r\n",
      "\r\nRateLimit: \"authenticated\";r=99", "\r\nX-Content-Type-Options: nosniff\r\n",
      "\r\nStrict-Transport-Security: "},
     NULL},
    {"the scheme in lower case",
     ME AWAY "2\r\nAuthorization: bearer TOKEN",
     200,
     {"\r\nX-RateLimit-Limit: 1000\r\n"},
     NULL},
    {"a bad token counts as anonymous",
     ME AWAY "3\r\nAuthorization: Bearer TOKENx",
     401,
     {"\r\nX-RateLimit-Limit: 3\r\n", "\r\nX-RateLimit-Remaining: 2\r\n"},
     NULL},
    {"a request id of the client",
     ME AWAY "4\r\nX-Request-Id: my-id_7",
     401,
     {"\r\nX-Request-Id: my-id_7\r\n", "\"request_id\":\"my-id_7\""},
     NULL},
    {"a request id that is none",
     ME AWAY "4\r\nX-Request-Id: a b",
     401,
     {"\r\nX-Request-Id: req_"},
     NULL},

    {"no such path",
     "GET /api/v1/nothing" AWAY "5",
     404,
     {"\"code\":\"not_found\"", "\r\nX-RateLimit-Limit: 3\r\n"},
     NULL},
    {"no such path with a token",
     "GET /api/v1/nothing" AWAY "5\r\nAuthorization: Bearer TOKEN",
     404,
     {"\r\nX-RateLimit-Limit: 1000\r\n"},
     NULL},
    {"the alias", "GET /v1/users/me" AWAY "5\r\nAuthorization: Bearer TOKEN", 200, {0}, NULL},
    {"absolute form",
     "GET http://x/api/v1/users/me" AWAY "5\r\nAuthorization: Bearer TOKEN",
     200,
     {0},
     NULL},
    {"the wrong method",
     "DELETE /api/v1/users/me" AWAY "6",
     405,
     {"\r\nAllow: OPTIONS, GET, HEAD", "\"code\":\"method_not_allowed\""},
     NULL},
    {"an unknown method", "PROPFIND /api/v1/users/me" AWAY "6", 405, {"\r\nAllow: "}, NULL},
    {"OPTIONS", "OPTIONS /api/v1/users/me" AWAY "6", 204, {"\r\nAllow: OPTIONS, GET, HEAD"}, NULL},
    {"OPTIONS of the server", "OPTIONS *" AWAY "7", 204, {"\r\nAllow: OPTIONS, GET, HEAD"}, NULL},
    {"OPTIONS of nothing", "OPTIONS /api/v1/nothing" AWAY "7", 404, {0}, NULL},
    {"dot segments",
     "GET /api/v1/%2e%2e/health" AWAY "8",
     400,
     {"\"code\":\"validation_error\""},
     NULL},
    {"a broken escape", "GET /api/v1/%zz" AWAY "8", 400, {0}, NULL},
    {"a broken escape in the query",
     "GET /api/v1/media?a=%zz" AWAY "16\r\nX-Request-Id: mine",
     400,
     {"\r\nX-RateLimit-Limit: 3\r\n", "\r\nX-Request-Id: mine\r\n"},
     "Connection: close"},
    {"a coding that is not spoken, of a known request",
     "POST /api/v1/auth/login" AWAY "16\r\nX-Request-Id: mine\r\nTransfer-Encoding: gzip",
     501,
     {"HTTP/1.1 501 Not Implemented\r\n", "\r\nX-Request-Id: mine\r\n"},
     NULL},
    {"the hub's own path", "GET /health" AWAY "9", 200, {"\"status\":\"ok\""}, "X-RateLimit"},
    {"a page of nobody", "GET /nothing" AWAY "9", 404, {"{\"message\":"}, "X-RateLimit"},

    {"a preflight",
     "OPTIONS /api/v1/users/me" AWAY "10\r\nOrigin: https://ui.example\r\n"
     "Access-Control-Request-Method: PATCH",
     204,
     {"\r\nAccess-Control-Allow-Origin: https://ui.example\r\n",
      "\r\nAccess-Control-Allow-Methods: GET, POST, PATCH, PUT, DELETE, OPTIONS\r\n",
      "\r\nAccess-Control-Allow-Headers: Authorization, Content-Type, Accept, Range, ",
      "\r\nVary: Origin\r\n"},
     NULL},
    {"a preflight of others",
     "OPTIONS /api/v1/users/me" AWAY "10\r\nOrigin: https://evil.example"
     "\r\nAccess-Control-Request-Method: PATCH",
     204,
     {"\r\nVary: Origin\r\n"},
     "Access-Control"},
    {"a page of a listed origin",
     ME AWAY "10\r\nOrigin: https://ui.example",
     401,
     {"\r\nAccess-Control-Allow-Origin: https://ui.example\r\n",
      "\r\nAccess-Control-Expose-Headers: X-RateLimit-Limit"},
     NULL},
    {"a page of others", ME AWAY "10\r\nOrigin: https://evil.example", 401, {0}, "Access-Control"},

    {"not JSON",
     "POST /api/v1/auth/login" AWAY "11\r\nContent-Type: text/plain\r\n"
     "Content-Length: 2\r\n\r\n{}",
     415,
     {"\"code\":\"unsupported_media_type\""},
     NULL},
    {"fields are missing",
     "POST /api/v1/auth/login" AWAY "11\r\nContent-Type: application/json; "
     "charset=utf-8\r\nContent-Length: 2\r\n\r\n{}",
     400,
     {"\"field\":\"username\""},
     NULL},
    {"too large",
     "POST /api/v1/auth/login" AWAY "11\r\nContent-Type: application/json\r\n"
     "Content-Length: 99999\r\n\r\n{",
     413,
     {"\"code\":\"payload_too_large\"", "\r\nConnection: close\r\n"},
     NULL},
    {"too large a stream, before it is sent",
     "POST /api/v1/media/upload" AWAY "12\r\n"
     "Authorization: Bearer TOKEN\r\nContent-Length: 99999999999999\r\nContent-Type: "
     "multipart/form-data; boundary=x\r\nExpect: 100-continue\r\n\r\n",
     413,
     {0},
     "100 Continue"},
    {"a good body",
     "POST /api/v1/auth/login" AWAY "12\r\nContent-Type: application/json\r\n"
     "Transfer-Encoding: chunked\r\n\r\n24\r\n{\"username\":\"nobody\",\"password\":\"x\"}\r\n"
     "0\r\n\r\n",
     401,
     {"\"code\":\"unauthorized\""},
     NULL},

    {"plain HTTP from elsewhere",
     "GET /api/v1/users/me HTTP/1.1\r\nHost: x\r\n"
     "X-Forwarded-For: 203.0.113.13\r\nAuthorization: Bearer TOKEN",
     403,
     {"\"code\":\"forbidden\"", "\r\nX-RateLimit-Limit: 3\r\n"},
     NULL},
    {"plain HTTP from here",
     "GET /api/v1/users/me HTTP/1.1\r\nHost: x\r\n"
     "Authorization: Bearer TOKEN",
     200,
     {0},
     "Strict-Transport-Security"},
    {"a forged first hop",
     ME AWAY "14, 203.0.113.15",
     401,
     {"\r\nX-RateLimit-Remaining: 2\r\n"},
     NULL},
    {"a forged line before the proxy's own",
     ME AWAY "17\r\nX-Forwarded-For: 203.0.113.18",
     401,
     {"\r\nX-RateLimit-Remaining: 2\r\n"},
     NULL},
    {"another one, of the same client",
     ME AWAY "19\r\nX-Forwarded-For: 203.0.113.18",
     401,
     {"\r\nX-RateLimit-Remaining: 1\r\n"},
     NULL},
    {"a forged word of HTTPS",
     "GET /api/v1/users/me HTTP/1.1\r\nHost: x\r\nX-Forwarded-Proto: https\r\n"
     "X-Forwarded-Proto: http\r\nX-Forwarded-For: 203.0.113.21",
     403,
     {0},
     NULL},
    {"a client with its port", ME AWAY "22:4711", 401, {"\r\nX-RateLimit-Remaining: 2\r\n"}, NULL},
    {"its next port", ME AWAY "22:4712", 401, {"\r\nX-RateLimit-Remaining: 1\r\n"}, NULL},
    {"a chain that ended TLS at its beginning",
     "GET /api/v1/users/me HTTP/1.1\r\nHost: x\r\nX-Forwarded-Proto: https,http\r\n"
     "X-Forwarded-For: 203.0.113.23",
     401,
     {"\r\nStrict-Transport-Security: "},
     NULL},
    {"Forwarded",
     "GET /api/v1/users/me HTTP/1.1\r\nHost: x\r\n"
     "Forwarded: for=\"[2001:db8::7]:4711\";proto=https",
     401,
     {"\r\nX-RateLimit-Remaining: 2\r\n"},
     NULL},
    {"Forwarded, without TLS",
     "GET /api/v1/users/me HTTP/1.1\r\nHost: x\r\nForwarded: for=203.0.113.24;proto=http",
     403,
     {0},
     NULL},
    {"somebody hidden is not from here",
     "GET /api/v1/users/me HTTP/1.1\r\nHost: x\r\nForwarded: for=unknown",
     403,
     {0},
     NULL},
    {"limit, 1 of 3", ME AWAY "20", 401, {"\r\nX-RateLimit-Remaining: 2\r\n"}, NULL},
    {"limit, 2 of 3", ME AWAY "20", 401, {"\r\nX-RateLimit-Remaining: 1\r\n"}, NULL},
    {"limit, 3 of 3",
     "GET /api/v1/nothing" AWAY "20",
     404,
     {"\r\nX-RateLimit-Remaining: 0\r\n"},
     NULL},
    {"limit, past it",
     ME AWAY "20",
     429,
     {"\"code\":\"rate_limited\"", "\r\nX-RateLimit-Remaining: 0\r\n", "\r\nRetry-After: "},
     NULL},
    {"limit, a known user is not concerned",
     ME AWAY "20\r\nAuthorization: Bearer TOKEN",
     200,
     {0},
     NULL},
};

static const struct row after_logout[] = {
    {"a token without a session counts as anonymous",
     ME AWAY "30\r\nAuthorization: Bearer TOKEN",
     401,
     {"\r\nX-RateLimit-Limit: 3\r\n", "\r\nX-RateLimit-Remaining: 2\r\n"},
     NULL},
};

static const struct row unlimited[] = {
    {"the same address, past its limit in this window, when there is none",
     ME AWAY "20",
     401,
     {0},
     "X-RateLimit"},
    {"a token without a session, where users have no limit and strangers have",
     ME AWAY "20\r\nAuthorization: Bearer TOKENx",
     401,
     {0},
     "X-RateLimit"},
};

static const struct row without_state[] = {
    {"a session cannot be read",
     ME AWAY "31\r\nAuthorization: Bearer TOKEN",
     503,
     {"\r\nRetry-After: 1\r\n", "\"code\":\"service_unavailable\""},
     NULL},
    {"nothing is needed of it", "GET /health" AWAY "31", 200, {0}, NULL},
};

static void fill_in(char *text, const char *request)
{
    const char *token = strstr(request, "TOKEN");
    size_t before = token ? (size_t)(token - request) : 0;

    snprintf(text, TEXT_MAX, "%.*s%s%s%s", (int)before, request, token ? server.token : "",
             token ? token + 5 : request, strstr(request, "\r\n\r\n") ? "" : "\r\n\r\n");
}

static void check(struct peer *peer, const struct row *row)
{
    static char text[TEXT_MAX];
    bool lacks = true, has = true;

    fill_in(text, row->request);
    say(peer, text);
    struct answer answer = hear(peer, row->status == 204);
    for (size_t i = 0; i < COUNT_OF(row->has) && row->has[i]; i++)
        has = has && (strstr(answer.head, row->has[i]) ||
                      (answer.body && strstr(answer.body, row->has[i])));
    if (row->lacks)
        lacks = !strstr(answer.head, row->lacks);
    if (answer.status != row->status || !has || !lacks) {
        fprintf(stderr, "%s:\n%s%s\n", row->name, answer.head, answer.body ? answer.body : "");
        abort();
    }
    mem_free(answer.body);
}

/* --- running them ------------------------------------------------------------------------------
 */

struct play_list {
    const struct row *rows;
    size_t n;
};

static void stop_loop(void *arg)
{
    uv_stop(server.loop);
}

static void *run_client(void *arg)
{
    const struct play_list *table = arg;

    for (size_t i = 0; i < table->n; i++) {
        struct peer peer = peer_open(server.port, false);

        check(&peer, &table->rows[i]);
        peer_close(&peer);
    }
    loop_post(stop_loop, NULL);
    return NULL;
}

static void play(const struct row *these, size_t n)
{
    struct play_list table = {these, n};
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, run_client, &table), 0);
    uv_run(server.loop, UV_RUN_DEFAULT);
    pthread_join(thread, NULL);
}

static void prepare(struct task *task, void *arg)
{
    struct account account = {
        .username = SLICE("ada"), .password_hash = SLICE("x"), .is_active = true};
    struct slice refresh_token;

    assert_int_equal(state_wait(task, server.gateway.state, 1, 5000, STATE_TELL_AFTER_MS), OK);
    assert_int_equal(keyring_load(task, server.gateway.state, &server.gateway.keyring), OK);
    assert_int_equal(account_create(task, server.gateway.state, &account), OK);
    assert_int_equal(session_create(task, server.gateway.state, &account, &(struct login_origin){0},
                                    &server.session, &refresh_token),
                     OK);
    server.session.id = arena_dup(server.arena, server.session.id);
    server.session.user_id = arena_dup(server.arena, server.session.user_id);
    server.session.family = arena_dup(server.arena, server.session.family);
    const struct token_claims claims = {.user_id = account.id,
                                        .session_id = server.session.id,
                                        .issued_s = server.session.created_ms / 1000,
                                        .expires_s = server.session.expires_ms / 1000};
    struct slice token = token_sign(task->arena, &server.gateway.keyring, &claims);
    snprintf(server.token, sizeof server.token, "%.*s", SLICE_ARG(token));
    uv_stop(server.loop);
}

static struct row row_of_link(const char *name, struct slice user_id, int status, const char *has,
                              const char *lacks)
{
    static const char path[] = "/api/v1/media/media_01HZZZZZZZZZZZZZZZZZZZZZZZ/content";
    struct slice link = link_sign(server.arena, &server.gateway.keyring, slice_from(path), user_id,
                                  clock_unix_ms() / 1000);
    struct slice text = arena_printf(server.arena, "GET %.*s" AWAY "40", SLICE_ARG(link));

    return (struct row){name, text.p, status, {has}, lacks};
}

static void log_out(struct task *task, void *arg)
{
    assert_int_equal(session_end(task, server.gateway.state, &server.session), OK);
    uv_stop(server.loop);
}

static void on_fiber(task_fn *fn)
{
    assert_true(task_spawn(fn, NULL));
    uv_run(server.loop, UV_RUN_DEFAULT);
}

static void test_rows(void **state)
{
    play(rows, COUNT_OF(rows));
}

/* Counted for the address of who looks; a user's own budget is not touched. */
static void test_links(void **state)
{
    const struct row these[] = {
        row_of_link("a link", server.session.user_id, 404, "\r\nX-RateLimit-Remaining: 1\r\n",
                    NULL),
        row_of_link("of nobody", SLICE("user_01HZZZZZZZ00ZZZZZZZZZZZZZZ"), 403,
                    "\r\nX-RateLimit-Remaining: 0\r\n", NULL),
        row_of_link("past it", server.session.user_id, 429, "\r\nRetry-After: ", NULL),
        {"its user", ME AWAY "40\r\nAuthorization: Bearer TOKEN", 200, {0}, NULL},
    };

    server.gateway.limits.of[RATE_LINK] = 2;
    play(these, COUNT_OF(these));
}

static void test_after_logout(void **state)
{
    on_fiber(log_out);
    play(after_logout, COUNT_OF(after_logout));
}

static void test_unlimited(void **state)
{
    server.gateway.limits.of[RATE_ANONYMOUS] = 0;
    for (unsigned i = 0; i <= ANONYMOUS_LIMIT; i++)
        play(unlimited, COUNT_OF(unlimited));
    server.gateway.limits.of[RATE_ANONYMOUS] = ANONYMOUS_LIMIT;
}

static void test_without_state(void **state)
{
    redis_fixture_kill();
    play(without_state, COUNT_OF(without_state));
}

static void *on_accept(struct connection *connection, const struct connection_owner **owner)
{
    return exchange_accept(&dispatch_service, &server.gateway, connection, owner);
}

static int set_up(void **state)
{
    static const struct slice origins[] = {SLICE_INIT("https://ui.example"), {0}};
    static char trusted[] = "--trusted-proxies=127.0.0.1";
    char *argv[] = {trusted, NULL};
    struct slice problem;

    struct seal_key key = {.bytes = "a key for tests"};

    crypto_init();
    seal_key_name(&key);
    secret_use(&key);
    redis_fixture_start();
    server.arena = arena_new();
    server.loop = loop_init(64);
    server.gateway.config = config_load(1, argv, &problem);
    assert_non_null(server.gateway.config);
    server.gateway.state = state_open(redis_fixture_url(), redis_fixture_url());
    upload_shares_init(&server.uploads, server.gateway.config);
    server.gateway.uploads = &server.uploads;
    server.gateway.proxies = trusted_proxies_read(server.gateway.config, server.arena);
    server.gateway.limits.of[RATE_ANONYMOUS] = ANONYMOUS_LIMIT;
    server.gateway.limits.of[RATE_USER] = 1000;
    server.gateway.cors_origins = origins;
    server.gateway.passwords = password_thread_start();
    server.gateway.connections = connection_server_new(server.loop, NULL, on_accept);
    /* Clients of 127.0.0.1 reach it as ::ffff:127.0.0.1, and must not be told apart by that. */
    server.port = peer_reserve_port(&server.guard);
    server.listener = listener_open(server.loop, server.gateway.connections,
                                    arena_printf(server.arena, "[::]:%u", server.port), false,
                                    server.arena, &problem);
    if (!server.listener) /* a machine without IPv6 */
        server.listener = listener_open(server.loop, server.gateway.connections,
                                        arena_printf(server.arena, "127.0.0.1:%u", server.port),
                                        false, server.arena, &problem);
    on_fiber(prepare);
    return 0;
}

static int tear_down(void **state)
{
    listener_close(server.listener);
    close(server.guard);
    exchange_drain();
    connection_server_free(server.gateway.connections);
    password_thread_stop(server.gateway.passwords);
    state_close(server.gateway.state);
    uv_run(server.loop, UV_RUN_DEFAULT);
    upload_shares_fini(&server.uploads);
    config_free((struct config *)(uintptr_t)server.gateway.config);
    arena_free(server.arena);
    redis_fixture_stop();
    return loop_fini() ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),          cmocka_unit_test(test_links),
        cmocka_unit_test(test_after_logout),  cmocka_unit_test(test_unlimited),
        cmocka_unit_test(test_without_state),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
