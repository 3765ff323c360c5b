#include "state/target.h"

#include <assert.h>
#include <string.h>

static bool is_one_of(struct slice text, const char *const *words)
{
    for (; *words; words++)
        if (slice_eq_nocase(text, slice_from(*words)))
            return true;
    return false;
}

bool target_policy_parse(struct arena *arena, struct slice setting, struct target_policy *out)
{
    static const char *const off[] = {"", "off", "0", "false", "no", NULL};
    static const char *const on[] = {"on", "1", "true", "yes", NULL};
    struct slice range, rest = slice_trim(setting);
    size_t most = 1;

    *out = (struct target_policy){.everything = is_one_of(rest, on)};
    if (out->everything || is_one_of(rest, off))
        return true;
    for (size_t i = 0; i < rest.n; i++)
        most += rest.p[i] == ',';
    out->ranges = ARENA_ARRAY(arena, struct cidr, most);
    while (slice_split(rest, ',', &range, &rest))
        if (!cidr_parse(range, &out->ranges[out->n++]))
            return false;
    return true;
}

static bool is_listed(const struct target_policy *policy, const struct address *address)
{
    for (size_t i = 0; i < policy->n; i++)
        if (cidr_contains(&policy->ranges[i], address))
            return true;
    return policy->everything;
}

bool target_allows_address(const struct target_policy *policy, const struct address *address,
                           bool tls)
{
    return is_listed(policy, address) || (tls && address_is_public(address));
}

/* What a URL may consist of: visible ASCII without the characters that some parser reads as
 * another part's beginning. */
static bool is_plain(struct slice url)
{
    for (size_t i = 0; i < url.n; i++)
        if (url.p[i] <= ' ' || url.p[i] >= 0x7f || strchr("\\\"<>^`{|}#", url.p[i]))
            return false;
    return url.n > 0 && url.n <= TARGET_URL_MAX_BYTES;
}

static bool is_host(struct slice host)
{
    bool bracketed = host.n > 0 && host.p[0] == '[';

    for (size_t i = 0; i < host.n; i++) {
        char c = host.p[i], lower = (char)(c | 0x20);
        bool label = (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
                     c == '.' || c == '_';

        if (!label && !(bracketed && strchr("[]:", c)))
            return false;
    }
    return host.n > 0 && host.n <= 255 && host.p[0] != '.';
}

/* "host", "host:port", "[v6]:port" */
static enum target_verdict split_authority(struct slice authority, struct target *out)
{
    size_t colon = authority.n;
    uint64_t port = out->tls ? 443 : 80;

    for (size_t i = authority.n; i-- > 0 && authority.p[i] != ']';)
        if (authority.p[i] == ':')
            colon = i;
    out->host = (struct slice){authority.p, colon};
    if (!is_host(out->host))
        return TARGET_MALFORMED;
    if (colon < authority.n && !slice_to_u64(slice_from_offset(authority, colon + 1), &port))
        return TARGET_MALFORMED;
    if (port > UINT16_MAX || (port < 1024 && port != 80 && port != 443))
        return TARGET_PORT;
    out->port = (uint16_t)port;
    return TARGET_OK;
}

static enum target_verdict judge_host(const struct target_policy *policy,
                                      const struct target *target)
{
    struct address address;

    if (!target->tls && !policy->everything && policy->n == 0)
        return TARGET_PLAIN;
    switch (address_parse(target->host, &address)) {
    case ADDRESS_BROKEN:
        return TARGET_MALFORMED;
    case ADDRESS_NONE:
        return TARGET_OK;
    case ADDRESS_LITERAL:
        break;
    }
    if (target_allows_address(policy, &address, target->tls))
        return TARGET_OK;
    return address_is_public(&address) ? TARGET_PLAIN : TARGET_PRIVATE;
}

enum target_verdict target_judge(const struct target_policy *policy, struct slice url,
                                 struct target *out)
{
    struct slice scheme = url, authority, path;
    struct target target = {0};
    size_t at;

    if (!is_plain(url) || !slice_find(url, ':', &at))
        return TARGET_MALFORMED;
    scheme.n = at;
    target.tls = slice_eq_nocase(scheme, SLICE("https"));
    if (!target.tls && !slice_eq_nocase(scheme, SLICE("http")))
        return TARGET_SCHEME;
    authority = slice_from_offset(url, at + 1);
    if (!slice_starts_with(authority, SLICE("//")))
        return TARGET_MALFORMED;
    authority = slice_from_offset(authority, 2);
    path = authority;
    authority.n = 0;
    while (authority.n < path.n && path.p[authority.n] != '/' && path.p[authority.n] != '?')
        authority.n++;
    if (slice_find(authority, '@', &at))
        return TARGET_CREDENTIALS;

    enum target_verdict verdict = split_authority(authority, &target);
    if (verdict == TARGET_OK)
        verdict = judge_host(policy, &target);
    if (verdict == TARGET_OK)
        *out = target;
    return verdict;
}

struct slice target_explain(enum target_verdict verdict)
{
    static const struct slice sentences[] = {
        [TARGET_OK] = SLICE_INIT("The URL is fine."),
        [TARGET_MALFORMED] = SLICE_INIT("This is not an absolute URL in plain ASCII."),
        [TARGET_SCHEME] = SLICE_INIT("Only https and http URLs can be called."),
        [TARGET_CREDENTIALS] = SLICE_INIT("User names and passwords do not belong into the URL."),
        [TARGET_PORT] = SLICE_INIT("The port must be 80, 443 or above 1023."),
        [TARGET_PLAIN] = SLICE_INIT("Plain http is not allowed to this target; use https."),
        [TARGET_PRIVATE] = SLICE_INIT("Private and special-purpose addresses are not allowed."),
    };

    assert(verdict < sizeof sentences / sizeof sentences[0]);
    return sentences[verdict];
}
