/* transfer.h: one POST to a receiver, by libcurl on the loop. Knows libcurl, sockets and which
 * addresses may be reached; must not know deliveries. Callback style, because it is the client
 * module of a library.
 * Whatever the receiver does is bounded: 5 s to connect, 15 s in all, 64 KiB of body (read so that
 * the connection stays usable, thrown away), 128 header lines. Redirects are answers like any
 * other. An address is judged when a connection to it is made and again when one is used again,
 * after the name was resolved, so that no second lookup can lead elsewhere. A name with several
 * addresses is tried at those that are allowed: one that is silent yields to the next of its family
 * after half of the time that is left to connect, one that refuses yields at once, and IPv4 and
 * IPv6 are tried side by side. */
#pragma once

#include "state/target.h"

enum {
    TRANSFER_CONNECT_TIMEOUT_MS = 5000,
    TRANSFER_TIMEOUT_MS = 15000,
    TRANSFER_BODY_MAX_BYTES = 64 << 10,
    TRANSFER_HEADERS_MAX = 128,
};

enum transfer_error {
    TRANSFER_ANSWERED,        /* there is a status */
    TRANSFER_NO_NAME,         /* it cannot be resolved */
    TRANSFER_REFUSED_ADDRESS, /* by us: the policy allows none of the name's, or not the used one */
    TRANSFER_NO_CONNECTION,
    TRANSFER_TLS,
    TRANSFER_TIMEOUT,
    TRANSFER_BROKEN,   /* no HTTP, or cut off before the answer's head was complete */
    TRANSFER_NOT_SENT, /* by our own fault: no descriptor, no memory, an option that libcurl refuses
                        */
    TRANSFER_ABORTED,  /* by transfer_abort_all */
};

struct transfer_result {
    enum transfer_error error;
    unsigned status; /* HTTP, 200..999; 0 without an answer */
    uint64_t duration_ms;
    uint64_t retry_after_s; /* as told by the receiver, unbounded; 0: none given */
};

/* What it points to lives until `done` is called. */
struct transfer_request {
    struct slice url;
    bool tls;
    const struct slice *headers; /* "Name: value" */
    size_t header_count;
    struct slice body;
};

/* Called from the loop, never from within transfer_start. */
typedef void transfer_done_fn(void *arg, const struct transfer_result *result);

struct transfers;

/* policy: borrowed for life. */
struct transfers *transfers_new(const struct target_policy *policy);
void transfer_start(struct transfers *transfers, const struct transfer_request *request,
                    transfer_done_fn *done, void *arg);
void transfer_abort_all(struct transfers *transfers); /* `done` of each is called at once */
void transfers_free(struct transfers *transfers);     /* nothing is in flight; the loop runs on */

struct slice transfer_error_name(enum transfer_error error); /* "timeout"; empty: ANSWERED */
