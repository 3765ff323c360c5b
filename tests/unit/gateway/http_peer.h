/* http_peer.h: what a blocking client says and hears over HTTP. It runs on a thread of its own,
 * where cmocka cannot fail a test: EXPECT ends the program. */
#pragma once

#include "peer.h"

#include "base/memory.h"

#include <stdlib.h>

#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static inline void say(struct peer *peer, const char *text)
{
    EXPECT(peer_send(peer, text, strlen(text)));
}

struct answer {
    int status;
    char head[1024];
    char *body;
    size_t body_n;
};

static inline void read_head(struct peer *peer, char *head, size_t size)
{
    size_t n = 0;

    while (n < 4 || memcmp(head + n - 4, "\r\n\r\n", 4) != 0) {
        EXPECT(n < size - 1);
        EXPECT(peer_receive(peer, head + n, 1) == 1);
        n++;
    }
    head[n] = '\0';
}

/* One answer with its Content-Length; no_body: to HEAD, or 1xx, 204. */
static inline struct answer hear(struct peer *peer, bool no_body)
{
    struct answer answer = {0};

    read_head(peer, answer.head, sizeof answer.head);
    EXPECT(sscanf(answer.head, "HTTP/1.1 %d ", &answer.status) == 1);
    const char *length = strstr(answer.head, "Content-Length: ");
    if (length)
        answer.body_n = strtoul(length + 16, NULL, 10);
    if (no_body)
        return answer;
    answer.body = mem_alloc(answer.body_n + 1);
    EXPECT(peer_receive_all(peer, answer.body, answer.body_n) == answer.body_n);
    answer.body[answer.body_n] = '\0';
    return answer;
}
