#include "gateway/http/connection.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/timer.h"
#include "gateway/http/certificate_watch.h"

#include <assert.h>
#include <libwebsockets.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    CONNECTION_MAGIC = 0x434f4e4e,
    RECEIVE_BYTES = 64 << 10,   /* under one TLS record libwebsockets stalls uploads */
    PIECE_BYTES = 64 << 10,     /* of one write, so that its unsent rest stays small */
    TLS_PIECE_BYTES = 16 << 10, /* one record: SSL_write() takes no more at a time */
    FLUSH_STALL_MS = 60000,
    LINGER_MS = 2000, /* for the peer's own end */
    /* Many clients read an early answer only when all is sent, however slowly they send. */
    LINGER_SILENCE_MS = 10000,
    LINGER_MAX_MS = 120000,
    LINGER_MAX_BYTES = 256 << 20,
    REFUSALS_TOLD_EVERY_MS = 60000,
    DESTROY_TURNS = 4,
    NEVER_S = 365 * 86400, /* deadlines are ours */
};

enum connection_state {
    CONNECTION_OPEN,
    CONNECTION_FLUSHING,  /* finish() was called, bytes are still to be sent */
    CONNECTION_LINGERING, /* our side is shut; the peer's bytes are dropped */
    CONNECTION_DROPPED,   /* libwebsockets has been asked to close */
};

struct connection {
    uint32_t magic;
    enum connection_state state;
    struct connection_server *server;
    struct lws *wsi; /* NULL before the adoption and after the close */
    const struct connection_owner *owner;
    void *owner_arg;
    struct timer deadline;
    struct buf backlog;
    size_t in_lws_bytes; /* the write that libwebsockets has not sent completely */
    size_t lingered_bytes;
    uint64_t linger_until_ms;
    bool peer_sends; /* more is expected of it than its end */
    enum connection_entry entry;
    bool tls, reading, receiving, wants_writable;
    bool inside; /* a callback of libwebsockets is on the stack */
    bool handshaken;
    struct address peer; /* all zero: unknown */
    uint8_t peer_ip_n;
    char peer_ip[46];
};

struct connection_server {
    struct lws_context *context; /* set to NULL by libwebsockets when it is destroyed */
    struct lws_vhost *plain, *tls;
    SSL_CTX *tls_context; /* of the vhost; NULL: no TLS */
    struct certificate_watch *watch;
    void *(*on_accept)(struct connection *connection, const struct connection_owner **owner);
    size_t count;
    struct door *door;
    struct slice refusal;
    uint64_t refusals_told_ms;
    bool waking;
    uv_idle_t idle; /* turns the loop while the context is being destroyed */
    int turns;
};

/* --- writing -----------------------------------------------------------------------------------
 */

/* libwebsockets services its timeouts, and with them the closes that we ask for, only when it is
 * woken: one wake-up serves all closes of a turn. */
static void wake(struct connection_server *server)
{
    if (server->waking)
        return;
    server->waking = true;
    lws_cancel_service(server->context);
}

/* A wsi is freed by libwebsockets alone: inside its callback by the value returned, outside by an
 * expired timeout. */
static void drop(struct connection *connection)
{
    if (connection->state == CONNECTION_DROPPED)
        return;
    connection->state = CONNECTION_DROPPED;
    timer_stop(&connection->deadline);
    if (connection->inside || !connection->wsi)
        return;
    lws_set_timeout(connection->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
    wake(connection->server);
}

/* While libwebsockets holds an unsent rest it ignores readable sockets but keeps polling them: the
 * loop would spin on a peer that sends and does not read. */
static void apply_reading(struct connection *connection)
{
    bool open = connection->state == CONNECTION_OPEN && connection->reading;
    bool receive = (open || connection->state == CONNECTION_LINGERING) && !connection->in_lws_bytes;

    if (receive == connection->receiving || connection->state == CONNECTION_DROPPED)
        return;
    connection->receiving = receive;
    lws_rx_flow_control(connection->wsi, receive);
}

static bool send_piece(struct connection *connection, struct slice piece)
{
    /* libwebsockets takes a pointer to non-const, and does not write through it in the raw role. */
    unsigned char *bytes = (unsigned char *)(uintptr_t)piece.p;

    if (lws_write(connection->wsi, bytes, piece.n, LWS_WRITE_RAW) < 0) {
        drop(connection);
        return false;
    }
    if (lws_partial_buffered(connection->wsi))
        connection->in_lws_bytes = piece.n;
    return true;
}

/* Sends pieces until libwebsockets keeps a rest; returns what was not handed over. */
static struct slice send_pieces(struct connection *connection, struct slice bytes)
{
    size_t most = connection->tls ? TLS_PIECE_BYTES : PIECE_BYTES;

    while (bytes.n && !connection->in_lws_bytes) {
        struct slice piece = {bytes.p, bytes.n < most ? bytes.n : most};

        if (!send_piece(connection, piece))
            break;
        bytes = slice_from_offset(bytes, piece.n);
    }
    return bytes;
}

bool connection_write(struct connection *connection, struct slice bytes)
{
    if (connection->state != CONNECTION_OPEN || !connection->wsi)
        return false;
    if (connection->backlog.n == 0)
        bytes = send_pieces(connection, bytes);
    if (connection->state == CONNECTION_OPEN && bytes.n && !buf_add(&connection->backlog, bytes))
        drop(connection);
    apply_reading(connection);
    return connection->state == CONNECTION_OPEN;
}

size_t connection_backlog(const struct connection *connection)
{
    return connection->in_lws_bytes + connection->backlog.n;
}

uint64_t connection_silent_ms(const struct connection *connection)
{
    struct tcp_info info;
    socklen_t n = sizeof info;

    if (!connection->wsi ||
        getsockopt(lws_get_socket_fd(connection->wsi), IPPROTO_TCP, TCP_INFO, &info, &n) != 0)
        return 0;
    return info.tcpi_last_ack_recv;
}

void connection_want_writable(struct connection *connection)
{
    if (connection->state != CONNECTION_OPEN || !connection->wsi)
        return;
    connection->wants_writable = true;
    if (connection_backlog(connection) == 0)
        lws_callback_on_writable(connection->wsi);
}

/* --- the end -----------------------------------------------------------------------------------
 */

/* Closing at once would reset the connection while the peer still sends, and the reset would take
 * our last answer away from it: our side is shut and the peer's bytes are dropped for a while. */
static void linger(struct connection *connection)
{
    SSL *ssl = connection->tls ? lws_get_ssl(connection->wsi) : NULL;

    connection->state = CONNECTION_LINGERING;
    if (ssl && SSL_is_init_finished(ssl))
        SSL_shutdown(ssl);
    shutdown(lws_get_socket_fd(connection->wsi), SHUT_WR);
    apply_reading(connection);
}

static void on_deadline(struct timer *timer)
{
    struct connection *connection = CONTAINER_OF(timer, struct connection, deadline);

    if (connection->state == CONNECTION_OPEN)
        connection->owner->on_deadline(connection->owner_arg);
    else
        drop(connection);
}

static void linger_or_flush(struct connection *connection)
{
    if (connection_backlog(connection)) {
        timer_start(&connection->deadline, FLUSH_STALL_MS, on_deadline);
        return;
    }
    linger(connection);
    connection->linger_until_ms = clock_ms() + LINGER_MAX_MS;
    timer_start(&connection->deadline, connection->peer_sends ? LINGER_SILENCE_MS : LINGER_MS,
                on_deadline);
}

void connection_finish(struct connection *connection, bool peer_sends)
{
    if (connection->state != CONNECTION_OPEN || !connection->wsi)
        return;
    connection->peer_sends = peer_sends;
    connection->state = CONNECTION_FLUSHING;
    linger_or_flush(connection);
}

void connection_drop(struct connection *connection)
{
    drop(connection);
}

/* --- what libwebsockets tells ------------------------------------------------------------------
 */

static void on_lingering_bytes(struct connection *connection, size_t n)
{
    uint64_t now_ms = clock_ms();

    connection->lingered_bytes += n;
    if (connection->lingered_bytes > LINGER_MAX_BYTES || now_ms >= connection->linger_until_ms)
        drop(connection);
    else if (connection->peer_sends)
        timer_start(&connection->deadline, LINGER_SILENCE_MS, on_deadline);
}

static void on_receive(struct connection *connection, struct slice bytes)
{
    if (!connection->handshaken) {
        /* The end of a TLS handshake sets a timeout of libwebsockets' own. */
        connection->handshaken = true;
        if (connection->tls)
            lws_set_timeout(connection->wsi, NO_PENDING_TIMEOUT, 0);
    }
    if (connection->state == CONNECTION_OPEN) {
        connection->owner->on_bytes(connection->owner_arg, bytes);
    } else if (connection->state == CONNECTION_LINGERING) {
        on_lingering_bytes(connection, bytes.n);
    }
}

static void on_sent(struct connection *connection)
{
    connection->in_lws_bytes = 0;
    if (connection->backlog.n) {
        struct slice queued = buf_slice(&connection->backlog);
        struct slice rest = send_pieces(connection, queued);

        buf_consume(&connection->backlog, queued.n - rest.n);
    }
    if (connection->state == CONNECTION_FLUSHING)
        linger_or_flush(connection);
    if (connection->state == CONNECTION_OPEN && connection_backlog(connection) == 0) {
        if (connection->backlog.size)
            buf_fini(&connection->backlog), buf_init(&connection->backlog, CONNECTION_BACKLOG_MAX);
        if (connection->wants_writable) {
            connection->wants_writable = false;
            connection->owner->on_writable(connection->owner_arg);
        }
    }
    apply_reading(connection);
}

static void on_close(struct connection *connection)
{
    connection->wsi = NULL;
    connection->state = CONNECTION_DROPPED;
    timer_stop(&connection->deadline);
    connection->server->count--;
    door_leave(connection->server->door, &connection->peer);
    if (connection->owner)
        connection->owner->on_gone(connection->owner_arg);
    buf_fini(&connection->backlog);
    connection->magic = 0;
    mem_free(connection);
}

static int serve(struct lws *wsi, enum lws_callback_reasons reason, void *in, size_t n)
{
    struct connection *connection =
        CAST_OBJ(struct connection, lws_get_opaque_user_data(wsi), CONNECTION_MAGIC);

    connection->inside = true;
    if (reason == LWS_CALLBACK_RAW_ADOPT) {
        connection->wsi = wsi;
        lws_set_timeout(wsi, NO_PENDING_TIMEOUT, 0);
        connection->owner_arg = connection->server->on_accept(connection, &connection->owner);
    } else if (reason == LWS_CALLBACK_RAW_RX) {
        on_receive(connection, (struct slice){in, n});
    } else {
        on_sent(connection);
    }
    connection->inside = false;
    return connection->state == CONNECTION_DROPPED ? -1 : 0;
}

static int on_lws(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t n)
{
    switch (reason) {
    case LWS_CALLBACK_RAW_ADOPT:
    case LWS_CALLBACK_RAW_RX:
    case LWS_CALLBACK_RAW_WRITEABLE:
        return serve(wsi, reason, in, n);
    case LWS_CALLBACK_RAW_CLOSE:
        on_close(CAST_OBJ(struct connection, lws_get_opaque_user_data(wsi), CONNECTION_MAGIC));
        return 0;
    case LWS_CALLBACK_OPENSSL_LOAD_EXTRA_SERVER_VERIFY_CERTS: /* the TLS vhost is being made */
        ((struct connection_server *)lws_context_user(lws_get_context(wsi)))->tls_context = user;
        return certificate_watch_restrict(user) ? 0 : -1;
    case LWS_CALLBACK_EVENT_WAIT_CANCELLED:
        ((struct connection_server *)lws_context_user(lws_get_context(wsi)))->waking = false;
        return 0;
    default:
        return 0;
    }
}

/* Static: libwebsockets looks at it until its last handle is closed. tx_packet_size: a piece goes
 * to the kernel in one call. */
static const struct lws_protocols protocols[] = {
    {.name = "hub", .callback = on_lws, .tx_packet_size = PIECE_BYTES},
    {.name = NULL},
};

/* --- the server --------------------------------------------------------------------------------
 */

static void on_lws_log(int level, const char *line)
{
    struct slice text = slice_trim(slice_from(line));

    if (text.n && text.p[text.n - 1] == '\n')
        text.n--;
    log_event(LOG_ERROR, "libwebsockets", F("text", text));
}

static struct door *make_door(const struct door_settings *settings)
{
    struct rlimit limit = {0};

    getrlimit(RLIMIT_NOFILE, &limit);
    return door_new(settings, (size_t)limit.rlim_cur);
}

static struct lws_vhost *make_vhost(struct lws_context *context, const char *name,
                                    const struct connection_tls *tls)
{
    static const lws_retry_bo_t no_validity_checks = {0};
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN_SERVER,
        .vhost_name = name,
        .protocols = protocols,
        .alpn = "http/1.1",
        .retry_and_idle_policy = &no_validity_checks,
    };

    if (tls) {
        info.options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
        info.ssl_cert_filepath = tls->cert_path;
        info.ssl_private_key_filepath = tls->key_path;
    }
    return lws_create_vhost(context, &info);
}

struct connection_server *connection_server_new(
    uv_loop_t *loop, const struct connection_tls *tls,
    void *(*on_accept)(struct connection *connection, const struct connection_owner **owner))
{
    struct connection_server *server = MEM_NEW(struct connection_server);
    void *foreign_loops[] = {loop};
    bool with_tls = tls && tls->cert_path;
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN_SERVER,
        .options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
                   (with_tls ? LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT : 0),
        .foreign_loops = foreign_loops,
        .user = server,
        .pcontext = &server->context,
        .pt_serv_buf_size = RECEIVE_BYTES,
        .timeout_secs = NEVER_S,
    };

    server->door = make_door(&(struct door_settings){0});
    lws_set_log_level(LLL_ERR, on_lws_log);
    uv_idle_init(loop, &server->idle);
    server->on_accept = on_accept;
    server->context = lws_create_context(&info);
    if (server->context)
        server->plain = make_vhost(server->context, "plain", NULL);
    if (server->plain && with_tls)
        server->tls = make_vhost(server->context, "tls", tls);
    if (server->tls && server->tls_context)
        server->watch =
            certificate_watch_start(loop, server->tls_context, tls->cert_path, tls->key_path);
    if (server->plain && (server->tls || !with_tls))
        return server;
    connection_server_free(server);
    return NULL;
}

static void on_idle_closed(uv_handle_t *handle)
{
    struct connection_server *server = CONTAINER_OF(handle, struct connection_server, idle);

    door_free(server->door);
    mem_free(server);
}

static void on_idle(uv_idle_t *idle)
{
    struct connection_server *server = CONTAINER_OF(idle, struct connection_server, idle);

    if (++server->turns < DESTROY_TURNS)
        return;
    if (server->context)
        lws_context_destroy(server->context);
    uv_close((uv_handle_t *)idle, on_idle_closed);
}

/* libwebsockets closes its handles on the loop: those of connections in one turn, then its own in
 * the next. Only then may what they point to be freed, and on a loop that is not its own it leaves
 * that last step to a second call. */
void connection_server_free(struct connection_server *server)
{
    certificate_watch_stop(server->watch);
    server->watch = NULL;
    if (server->context)
        lws_context_destroy(server->context);
    assert(server->count == 0);
    uv_idle_start(&server->idle, on_idle);
}

void connection_server_look(struct connection_server *server)
{
    if (server->watch)
        certificate_watch_look(server->watch);
}

size_t connection_count(const struct connection_server *server)
{
    return server->count;
}

void connection_server_limit(struct connection_server *server, const struct door_settings *door,
                             struct slice refusal)
{
    assert(server->count == 0);
    door_free(server->door);
    server->door = make_door(door);
    server->refusal = refusal;
}

bool connection_server_is_full(const struct connection_server *server)
{
    return door_is_full(server->door);
}

static void turn_away(struct connection_server *server, int fd, bool tls, struct slice peer_ip)
{
    uint64_t now_ms = clock_ms();

    if (!tls && server->refusal.n)
        send(fd, server->refusal.p, server->refusal.n, MSG_DONTWAIT | MSG_NOSIGNAL);
    close(fd);
    if (server->refusals_told_ms && now_ms < server->refusals_told_ms + REFUSALS_TOLD_EVERY_MS)
        return;
    server->refusals_told_ms = now_ms;
    log_event(LOG_WARN, "connections_refused", F("ip", peer_ip));
}

bool connection_adopt(struct connection_server *server, int fd, enum connection_entry entry,
                      struct slice peer_ip)
{
    bool tls = entry == ENTRY_TLS;
    struct address peer = {.bytes = {0}};

    address_from_text(peer_ip, &peer);
    if (!door_enter(server->door, &peer)) {
        turn_away(server, fd, tls, peer_ip);
        return false;
    }
    struct connection *connection = MEM_NEW(struct connection);
    lws_adopt_desc_t adoption = {
        .vh = tls ? server->tls : server->plain,
        .type = LWS_ADOPT_SOCKET | (tls ? LWS_ADOPT_ALLOW_SSL : 0),
        .fd.sockfd = fd,
        .vh_prot_name = protocols[0].name,
        .opaque = connection,
    };

    assert(adoption.vh);
    connection->magic = CONNECTION_MAGIC;
    connection->server = server;
    connection->entry = entry;
    connection->tls = tls;
    connection->peer = peer;
    connection->reading = connection->receiving = true;
    connection->peer_ip_n =
        (uint8_t)(peer_ip.n < sizeof connection->peer_ip ? peer_ip.n : sizeof connection->peer_ip);
    memcpy(connection->peer_ip, peer_ip.p, connection->peer_ip_n);
    buf_init(&connection->backlog, CONNECTION_BACKLOG_MAX);
    size_t before = server->count++;
    if (lws_adopt_descriptor_vhost_via_info(&adoption))
        return true;
    /* Refused early, nobody told us of a close; refused late, on_close() has been here. */
    if (server->count > before)
        on_close(connection);
    return false;
}

/* --- small things ------------------------------------------------------------------------------
 */

void connection_set_reading(struct connection *connection, bool on)
{
    connection->reading = on;
    if (connection->wsi)
        apply_reading(connection);
}

void connection_deadline(struct connection *connection, uint64_t delay_ms)
{
    if (connection->state != CONNECTION_OPEN)
        return;
    if (delay_ms)
        timer_start(&connection->deadline, delay_ms, on_deadline);
    else
        timer_stop(&connection->deadline);
}

void connection_set_owner(struct connection *connection, const struct connection_owner *owner,
                          void *arg)
{
    connection->owner = owner;
    connection->owner_arg = arg;
}

struct slice connection_peer_ip(const struct connection *connection)
{
    return (struct slice){connection->peer_ip, connection->peer_ip_n};
}

enum connection_entry connection_entry_of(const struct connection *connection)
{
    return connection->entry;
}
