#include "webhooks/transfer.h"

#include "base/loop.h"
#include "base/memory.h"
#include "base/timer.h"

#include <assert.h>
#include <curl/curl.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum {
    TRANSFER_MAGIC = 0x7472616e,
    TRANSFERS_MAGIC = 0x7472616f,
    WATCH_MAGIC = 0x77617463,
    IDLE_HANDLES_MAX = 64,
    BUFFER_BYTES = 16 << 10,
    CONNECTIONS_MIN = 64,
    CONNECTIONS_MAX = 4096,
};

struct transfer {
    uint32_t magic;
    struct transfer *next, **prev_next; /* of those in flight */
    struct transfers *transfers;
    CURL *easy; /* NULL: there was none to be had */
    struct curl_slist *headers;
    bool tls, too_many_headers;
    unsigned opened, refused; /* addresses of the name, so far */
    bool connected;           /* to one of them; the request may go */
    bool refused_in_use;      /* the policy says no to the connection at hand */
    bool stirred;             /* an address was begun or given up since libcurl last looked */
    bool hindered;            /* an address could not be tried for want of a descriptor */
    bool doomed;              /* it cannot go on, by no fault of the receiver */
    size_t body_bytes, header_lines;
    uint64_t retry_after_s; /* of the answer so far */
    transfer_done_fn *done;
    void *arg;
};

struct transfers {
    uint32_t magic;
    const struct target_policy *policy;
    CURLM *multi;
    uv_timer_t timer;
    struct timer doomed_timer; /* armed: some of those in flight are doomed */
    bool stirred;              /* some of those in flight are */
    struct transfer *in_flight;
    CURL *idle[IDLE_HANDLES_MAX]; /* handles to use again: they are costly to make */
    size_t idle_count;
};

struct watch {
    uint32_t magic;
    uv_poll_t poll;
    struct transfers *transfers;
    curl_socket_t socket;
};

static void on_doomed_timer(struct timer *timer);

/* It ends from the loop, not here: nobody expects the end of a transfer while he starts it, and
 * libcurl cannot bear it in its callbacks. */
static void doom(struct transfer *transfer)
{
    transfer->doomed = true;
    timer_start(&transfer->transfers->doomed_timer, 0, on_doomed_timer);
}

static void stir(struct transfer *transfer)
{
    transfer->stirred = true;
    transfer->transfers->stirred = true;
}

/* -- What libcurl asks while a transfer runs -------------------------------------------------- */

static curl_socket_t on_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *where)
{
    struct transfer *transfer = CAST_OBJ(struct transfer, arg, TRANSFER_MAGIC);
    struct address address;

    transfer->connected = false; /* also when what was kept open has turned out to be dead */
    stir(transfer);
    if (!address_from_sockaddr(&where->addr, &address) ||
        !target_allows_address(transfer->transfers->policy, &address, transfer->tls)) {
        transfer->refused++;
        return CURL_SOCKET_BAD;
    }
    int fd = socket(where->family, where->socktype | SOCK_CLOEXEC, where->protocol);
    if (fd < 0)
        transfer->hindered = true;
    else
        transfer->opened++;
    return fd;
}

/* Also for connections that are used again, which open no socket. */
static int on_before_request(void *arg, char *peer, char *local, int peer_port, int local_port)
{
    struct transfer *transfer = CAST_OBJ(struct transfer, arg, TRANSFER_MAGIC);
    struct cidr one;

    transfer->connected = true;
    if (cidr_parse(slice_from(peer), &one) &&
        target_allows_address(transfer->transfers->policy, &one.base, transfer->tls))
        return CURL_PREREQFUNC_OK;
    transfer->refused_in_use = true;
    return CURL_PREREQFUNC_ABORT;
}

static size_t on_body(char *bytes, size_t size, size_t n, void *arg)
{
    struct transfer *transfer = CAST_OBJ(struct transfer, arg, TRANSFER_MAGIC);

    transfer->body_bytes += size * n;
    return transfer->body_bytes <= TRANSFER_BODY_MAX_BYTES ? size * n : 0;
}

/* Seconds or a date (RFC 9110 10.2.3); more seconds than a number holds are as many as it holds. */
static uint64_t parse_retry_after(struct arena *arena, struct slice text)
{
    uint64_t seconds;
    size_t digits = 0;

    while (digits < text.n && text.p[digits] >= '0' && text.p[digits] <= '9')
        digits++;
    if (digits > 0 && digits == text.n)
        return slice_to_u64(text, &seconds) ? seconds : UINT64_MAX;
    time_t date = curl_getdate(arena_cstr(arena, text), NULL), now = time(NULL);
    return date > now ? (uint64_t)(date - now) : 0;
}

static struct slice without_line_end(struct slice line)
{
    while (line.n > 0 && (line.p[line.n - 1] == '\r' || line.p[line.n - 1] == '\n'))
        line.n--;
    return line;
}

static void note_header(struct transfer *transfer, struct slice line)
{
    struct slice name, value;

    if (slice_starts_with(line, SLICE("HTTP/")))
        transfer->retry_after_s = 0; /* what came before was an interim answer */
    if (!slice_split(line, ':', &name, &value) || !slice_eq_nocase(name, SLICE("Retry-After")))
        return;
    struct arena *arena = arena_new();
    transfer->retry_after_s = parse_retry_after(arena, slice_trim(value));
    arena_free(arena);
}

static size_t on_header(char *bytes, size_t size, size_t n, void *arg)
{
    struct transfer *transfer = CAST_OBJ(struct transfer, arg, TRANSFER_MAGIC);

    note_header(transfer, without_line_end((struct slice){bytes, size * n}));
    if (++transfer->header_lines <= TRANSFER_HEADERS_MAX)
        return size * n;
    transfer->too_many_headers = true;
    return 0;
}

/* -- The end of a transfer --------------------------------------------------------------------- */

static enum transfer_error error_of(const struct transfer *transfer, CURLcode code)
{
    if (transfer->refused_in_use)
        return TRANSFER_REFUSED_ADDRESS;
    if (transfer->hindered)
        return TRANSFER_NOT_SENT;
    if (transfer->refused > 0 && transfer->opened == 0) /* none of the name's addresses was left */
        return TRANSFER_REFUSED_ADDRESS;
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
        return TRANSFER_NO_NAME;
    case CURLE_COULDNT_CONNECT:
        return TRANSFER_NO_CONNECTION;
    case CURLE_OUT_OF_MEMORY:
        return TRANSFER_NOT_SENT;
    case CURLE_OPERATION_TIMEDOUT:
        return TRANSFER_TIMEOUT;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
        return TRANSFER_TLS;
    default:
        return TRANSFER_BROKEN;
    }
}

/* A final status counts even when the rest of the answer was late, too long or cut off. */
static struct transfer_result result_of(const struct transfer *transfer, CURLcode code)
{
    struct transfer_result result = {0};
    long status = 0;
    curl_off_t total_us = 0;

    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(transfer->easy, CURLINFO_TOTAL_TIME_T, &total_us);
    result.duration_ms = (uint64_t)total_us / 1000;
    if (status < 200 || transfer->too_many_headers || transfer->refused_in_use) {
        result.error = error_of(transfer, code);
        return result;
    }
    result.status = (unsigned)status;
    result.retry_after_s = transfer->retry_after_s;
    return result;
}

/* Only after a transfer that ended well: others leave behind in the handle what no reset removes,
 * such as the buffer of one whose name was not resolved. */
static void recycle(struct transfers *transfers, CURL *easy)
{
    if (transfers->idle_count == IDLE_HANDLES_MAX) {
        curl_easy_cleanup(easy);
        return;
    }
    curl_easy_reset(easy);
    transfers->idle[transfers->idle_count++] = easy;
}

static void end(struct transfer *transfer, const struct transfer_result *result, bool well)
{
    struct transfers *transfers = transfer->transfers;
    transfer_done_fn *done = transfer->done;
    void *arg = transfer->arg;

    curl_multi_remove_handle(transfers->multi, transfer->easy);
    curl_slist_free_all(transfer->headers);
    if (well)
        recycle(transfers, transfer->easy);
    else
        curl_easy_cleanup(transfer->easy);
    *transfer->prev_next = transfer->next;
    if (transfer->next)
        transfer->next->prev_next = transfer->prev_next;
    transfer->magic = 0;
    mem_free(transfer);
    done(arg, result);
}

/* NULL: one of libcurl's own handles, which closes what was kept open. */
static struct transfer *transfer_of(CURL *easy)
{
    char *private = NULL;

    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &private);
    return private ? CAST_OBJ(struct transfer, private, TRANSFER_MAGIC) : NULL;
}

static void end_finished(struct transfers *transfers)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(transfers->multi, &left)) != NULL) {
        struct transfer *transfer = transfer_of(message->easy_handle);
        struct transfer_result result = result_of(transfer, message->data.result);
        end(transfer, &result, message->data.result == CURLE_OK);
    }
}

static void on_doomed_timer(struct timer *timer)
{
    static const struct transfer_result not_sent = {.error = TRANSFER_NOT_SENT};
    struct transfers *transfers = CONTAINER_OF(timer, struct transfers, doomed_timer);
    struct transfer *next;

    for (struct transfer *transfer = transfers->in_flight; transfer; transfer = next) {
        next = transfer->next;
        if (transfer->doomed)
            end(transfer, &not_sent, false);
    }
}

void transfer_abort_all(struct transfers *transfers)
{
    static const struct transfer_result aborted = {.error = TRANSFER_ABORTED};

    while (transfers->in_flight)
        end(transfers->in_flight, &aborted, false);
}

/* -- libcurl on libuv -------------------------------------------------------------------------- */

/* When one address of a name has failed, libcurl 7.88 takes up the next of the same family only
 * when it looks at the transfer again, and arranges for no look: driven by events alone it would
 * come back when all the time to connect is over. A pause lifted at once makes it look now. */
static void look_again(struct transfers *transfers)
{
    transfers->stirred = false;
    for (struct transfer *transfer = transfers->in_flight; transfer; transfer = transfer->next) {
        if (!transfer->stirred)
            continue;
        transfer->stirred = false;
        if (transfer->connected)
            continue;
        curl_easy_pause(transfer->easy, CURLPAUSE_RECV);
        curl_easy_pause(transfer->easy, CURLPAUSE_CONT);
    }
}

static void act(struct transfers *transfers, curl_socket_t socket, int events)
{
    int running;

    curl_multi_socket_action(transfers->multi, socket, events, &running);
    while (transfers->stirred) { /* at most once per address of a name */
        look_again(transfers);
        curl_multi_socket_action(transfers->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    }
    end_finished(transfers);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct watch *watch = CAST_OBJ(struct watch, poll->data, WATCH_MAGIC);
    int flags = 0;

    if (status < 0)
        flags = CURL_CSELECT_ERR;
    if (events & UV_READABLE)
        flags |= CURL_CSELECT_IN;
    if (events & UV_WRITABLE)
        flags |= CURL_CSELECT_OUT;
    act(watch->transfers, watch->socket, flags);
}

static void on_timer(uv_timer_t *timer)
{
    act(CAST_OBJ(struct transfers, timer->data, TRANSFERS_MAGIC), CURL_SOCKET_TIMEOUT, 0);
}

static int on_curl_timer(CURLM *multi, long timeout_ms, void *arg)
{
    struct transfers *transfers = CAST_OBJ(struct transfers, arg, TRANSFERS_MAGIC);

    if (timeout_ms < 0)
        uv_timer_stop(&transfers->timer);
    else
        uv_timer_start(&transfers->timer, on_timer, (uint64_t)timeout_ms, 0);
    return 0;
}

static void on_watch_closed(uv_handle_t *handle)
{
    struct watch *watch = CAST_OBJ(struct watch, handle->data, WATCH_MAGIC);

    watch->magic = 0;
    mem_free(watch);
}

/* NULL: the loop cannot watch it. */
static struct watch *watch_new(struct transfers *transfers, curl_socket_t socket)
{
    struct watch *watch = MEM_NEW(struct watch);

    if (uv_poll_init_socket(loop_get(), &watch->poll, socket) != 0) {
        mem_free(watch);
        return NULL;
    }
    watch->magic = WATCH_MAGIC;
    watch->transfers = transfers;
    watch->socket = socket;
    watch->poll.data = watch;
    curl_multi_assign(transfers->multi, socket, watch);
    return watch;
}

static void watch_end(struct watch *watch)
{
    curl_multi_assign(watch->transfers->multi, watch->socket, NULL);
    uv_close((uv_handle_t *)&watch->poll, on_watch_closed);
}

static int on_curl_socket(CURL *easy, curl_socket_t socket, int what, void *arg, void *assigned)
{
    struct transfers *transfers = CAST_OBJ(struct transfers, arg, TRANSFERS_MAGIC);
    struct watch *watch = assigned ? CAST_OBJ(struct watch, assigned, WATCH_MAGIC) : NULL;
    struct transfer *transfer = transfer_of(easy);
    int events = 0;

    if (what == CURL_POLL_REMOVE) {
        if (transfer && !transfer->connected)
            stir(transfer);
        if (watch)
            watch_end(watch);
        return 0;
    }
    if (what & CURL_POLL_IN)
        events |= UV_READABLE;
    if (what & CURL_POLL_OUT)
        events |= UV_WRITABLE;
    if (!watch)
        watch = watch_new(transfers, socket);
    if ((!watch || uv_poll_start(&watch->poll, events, on_poll) != 0) && transfer)
        doom(transfer);
    return 0;
}

/* -- Starting ---------------------------------------------------------------------------------- */

/* Connections that are kept open: as many as the descriptors allow with room for everything else.
 */
static long connections_kept(void)
{
    struct rlimit limit;
    long kept = CONNECTIONS_MAX;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur / 4 < CONNECTIONS_MAX)
        kept = (long)limit.rlim_cur / 4;
    return kept > CONNECTIONS_MIN ? kept : CONNECTIONS_MIN;
}

struct transfers *transfers_new(const struct target_policy *policy)
{
    struct transfers *transfers = MEM_NEW(struct transfers);

    bool ready = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
    assert(ready); /* it fails for want of memory alone, as does the next */
    (void)ready;
    transfers->magic = TRANSFERS_MAGIC;
    transfers->policy = policy;
    transfers->multi = curl_multi_init();
    assert(transfers->multi);
    curl_multi_setopt(transfers->multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket);
    curl_multi_setopt(transfers->multi, CURLMOPT_SOCKETDATA, transfers);
    curl_multi_setopt(transfers->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer);
    curl_multi_setopt(transfers->multi, CURLMOPT_TIMERDATA, transfers);
    curl_multi_setopt(transfers->multi, CURLMOPT_MAXCONNECTS, connections_kept());
    uv_timer_init(loop_get(), &transfers->timer);
    transfers->timer.data = transfers;
    return transfers;
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct transfers *transfers = CAST_OBJ(struct transfers, handle->data, TRANSFERS_MAGIC);

    transfers->magic = 0;
    mem_free(transfers);
}

void transfers_free(struct transfers *transfers)
{
    assert(!transfers->in_flight);
    timer_stop(&transfers->doomed_timer);
    while (transfers->idle_count > 0)
        curl_easy_cleanup(transfers->idle[--transfers->idle_count]);
    curl_multi_cleanup(transfers->multi);
    curl_global_cleanup();
    uv_close((uv_handle_t *)&transfers->timer, on_timer_closed);
}

#define SET(option, value) (curl_easy_setopt(easy, option, value) == CURLE_OK)

/* What a receiver, or our own environment, must not be able to change. */
static bool set_manners(CURL *easy)
{
    return SET(CURLOPT_PROTOCOLS_STR, "https,http") && SET(CURLOPT_FOLLOWLOCATION, 0L) &&
           SET(CURLOPT_PROXY, "") && SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) &&
           SET(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L) && SET(CURLOPT_HTTP09_ALLOWED, 0L) &&
           SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) && SET(CURLOPT_NOSIGNAL, 1L) &&
           /* Without it a name server that hangs would hold the loop when the transfer times out.
            */
           SET(CURLOPT_QUICK_EXIT, 1L) &&
           SET(CURLOPT_CONNECTTIMEOUT_MS, (long)TRANSFER_CONNECT_TIMEOUT_MS) &&
           SET(CURLOPT_TIMEOUT_MS, (long)TRANSFER_TIMEOUT_MS) &&
           SET(CURLOPT_DNS_CACHE_TIMEOUT, 30L) && SET(CURLOPT_MAXAGE_CONN, 55L) &&
           SET(CURLOPT_MAXLIFETIME_CONN, 300L) && SET(CURLOPT_TCP_KEEPALIVE, 1L) &&
           SET(CURLOPT_BUFFERSIZE, (long)BUFFER_BYTES) &&
           SET(CURLOPT_UPLOAD_BUFFERSIZE, (long)BUFFER_BYTES);
}

static bool set_callbacks(CURL *easy, struct transfer *transfer)
{
    return SET(CURLOPT_OPENSOCKETFUNCTION, on_open_socket) &&
           SET(CURLOPT_OPENSOCKETDATA, transfer) &&
           SET(CURLOPT_PREREQFUNCTION, on_before_request) && SET(CURLOPT_PREREQDATA, transfer) &&
           SET(CURLOPT_WRITEFUNCTION, on_body) && SET(CURLOPT_WRITEDATA, transfer) &&
           SET(CURLOPT_HEADERFUNCTION, on_header) && SET(CURLOPT_HEADERDATA, transfer) &&
           SET(CURLOPT_PRIVATE, transfer);
}

static bool add_header(struct curl_slist **list, struct arena *arena, struct slice header)
{
    struct curl_slist *longer = curl_slist_append(*list, arena_cstr(arena, header));

    if (longer)
        *list = longer;
    return longer != NULL;
}

static bool set_request(CURL *easy, struct transfer *transfer,
                        const struct transfer_request *request)
{
    struct arena *arena = arena_new();
    bool set = SET(CURLOPT_URL, arena_cstr(arena, request->url)) && SET(CURLOPT_POST, 1L) &&
               SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.n) &&
               SET(CURLOPT_POSTFIELDS, request->body.n ? request->body.p : "");

    for (size_t i = 0; i < request->header_count; i++)
        set = set && add_header(&transfer->headers, arena, request->headers[i]);
    set = set && add_header(&transfer->headers, arena, SLICE("Expect:")) &&
          SET(CURLOPT_HTTPHEADER, transfer->headers);
    arena_free(arena);
    return set;
}

void transfer_start(struct transfers *transfers, const struct transfer_request *request,
                    transfer_done_fn *done, void *arg)
{
    struct transfer *transfer = MEM_NEW(struct transfer);
    CURL *easy =
        transfers->idle_count ? transfers->idle[--transfers->idle_count] : curl_easy_init();

    *transfer = (struct transfer){.magic = TRANSFER_MAGIC,
                                  .transfers = transfers,
                                  .easy = easy,
                                  .tls = request->tls,
                                  .done = done,
                                  .arg = arg,
                                  .next = transfers->in_flight,
                                  .prev_next = &transfers->in_flight};
    if (transfer->next)
        transfer->next->prev_next = &transfer->next;
    transfers->in_flight = transfer;
    if (!easy || !set_manners(easy) || !set_callbacks(easy, transfer) ||
        !set_request(easy, transfer, request) ||
        curl_multi_add_handle(transfers->multi, easy) != CURLM_OK)
        doom(transfer);
}

struct slice transfer_error_name(enum transfer_error error)
{
    static const struct slice names[] = {
        [TRANSFER_ANSWERED] = SLICE_INIT(""),
        [TRANSFER_NO_NAME] = SLICE_INIT("name_not_resolved"),
        [TRANSFER_REFUSED_ADDRESS] = SLICE_INIT("address_not_allowed"),
        [TRANSFER_NO_CONNECTION] = SLICE_INIT("connection_failed"),
        [TRANSFER_TLS] = SLICE_INIT("tls_failed"),
        [TRANSFER_TIMEOUT] = SLICE_INIT("timeout"),
        [TRANSFER_BROKEN] = SLICE_INIT("broken_answer"),
        [TRANSFER_NOT_SENT] = SLICE_INIT("internal_error"),
        [TRANSFER_ABORTED] = SLICE_INIT("aborted"),
    };

    assert(error < sizeof names / sizeof names[0]);
    return names[error];
}
