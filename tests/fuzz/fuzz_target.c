/* Any text as the URL of an endpoint. What is accepted must mean the same to the library that will
 * call it: the same scheme, port and host; and an address in it must be one that the policy allows,
 * in whichever form it is written. */
#include "fuzz.h"

#include "state/target.h"

#include <assert.h>
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

static char *part(CURLU *url, CURLUPart what)
{
    char *text = NULL;

    curl_url_get(url, what, &text, CURLU_DEFAULT_PORT);
    assert(text);
    return text;
}

static void check_host(const struct target *target, struct slice host)
{
    struct address ours, theirs;
    enum address_form form = address_parse(target->host, &ours);

    assert(form == address_parse(host, &theirs));
    if (form == ADDRESS_LITERAL)
        assert(memcmp(ours.bytes, theirs.bytes, sizeof ours.bytes) == 0);
    else
        assert(slice_eq_nocase(target->host, host));
}

/* The library may refuse what we accept, but not see something else in it. */
static void compare(struct arena *arena, struct slice text, const struct target *target)
{
    CURLU *url = curl_url();
    uint64_t port;

    assert(url);
    if (curl_url_set(url, CURLUPART_URL, arena_cstr(arena, text), 0) == CURLUE_OK) {
        char *scheme = part(url, CURLUPART_SCHEME), *host = part(url, CURLUPART_HOST),
             *port_text = part(url, CURLUPART_PORT), *user = NULL;

        assert(strcmp(scheme, target->tls ? "https" : "http") == 0);
        assert(slice_to_u64(slice_from(port_text), &port) && port == target->port);
        assert(curl_url_get(url, CURLUPART_USER, &user, 0) == CURLUE_NO_USER);
        check_host(target, slice_from(host));
        curl_free(scheme);
        curl_free(host);
        curl_free(port_text);
    }
    curl_url_cleanup(url);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static const struct target_policy anywhere = {.everything = true}, closed;
    struct slice text = {(const char *)bytes, n};
    struct arena *arena = arena_new();
    struct target target;
    struct address address;

    if (target_judge(&anywhere, text, &target) == TARGET_OK)
        compare(arena, text, &target);
    if (target_judge(&closed, text, &target) == TARGET_OK) {
        assert(target.tls);
        assert(address_parse(target.host, &address) != ADDRESS_LITERAL ||
               address_is_public(&address));
    }
    arena_free(arena);
    return 0;
}
