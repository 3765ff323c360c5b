/* bench_post_floor URL COUNT AT_ONCE BODY [HEADER..]: the least that posting over libcurl costs:
 * the same request COUNT times, AT_ONCE of them in flight on as many handles and connections, all
 * kept. Anything but a 2xx ends it with status 1. */
#include "base/memory.h"
#include "base/slice.h"

#include <curl/curl.h>
#include <err.h>

enum { POLL_MS = 1000 };

static size_t on_bytes(char *bytes, size_t size, size_t n, void *arg)
{
    return size * n;
}

static CURL *make(char **argv, struct curl_slist *headers)
{
    CURL *easy = curl_easy_init();

    curl_easy_setopt(easy, CURLOPT_URL, argv[1]);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, argv[4]);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    return easy;
}

/* How many have ended; each goes again while there is work. */
static uint64_t finish(CURLM *multi, uint64_t *left)
{
    CURLMsg *message;
    uint64_t ended = 0;
    int queued;

    while ((message = curl_multi_info_read(multi, &queued)) != NULL) {
        CURL *easy = message->easy_handle;
        long status = 0;

        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        if (message->data.result != CURLE_OK || status / 100 != 2)
            errx(1, "status %ld: %s", status, curl_easy_strerror(message->data.result));
        curl_multi_remove_handle(multi, easy);
        ended++;
        if (*left == 0) {
            curl_easy_cleanup(easy);
            continue;
        }
        --*left;
        curl_multi_add_handle(multi, easy);
    }
    return ended;
}

int main(int argc, char **argv)
{
    struct curl_slist *headers = NULL;
    uint64_t count = 0, at_once = 0, ended = 0;
    int running;

    if (argc < 5 || !slice_to_u64(slice_from(argv[2]), &count) ||
        !slice_to_u64(slice_from(argv[3]), &at_once) || at_once == 0 || at_once > count)
        errx(2, "usage: bench_post_floor URL COUNT AT_ONCE BODY [HEADER..]");
    curl_global_init(CURL_GLOBAL_DEFAULT);
    for (int i = 5; i < argc; i++)
        headers = curl_slist_append(headers, argv[i]);
    CURLM *multi = curl_multi_init();
    for (uint64_t i = 0; i < at_once; i++)
        curl_multi_add_handle(multi, make(argv, headers));
    for (uint64_t left = count - at_once; ended < count;) {
        curl_multi_perform(multi, &running);
        ended += finish(multi, &left);
        if (ended < count)
            curl_multi_poll(multi, NULL, 0, POLL_MS, NULL);
    }
    curl_multi_cleanup(multi);
    curl_slist_free_all(headers);
    curl_global_cleanup();
    return 0;
}
