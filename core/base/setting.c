#include "base/setting.h"

#include "base/redis_address.h"
#include "job_words.h"

static const struct setting rows[] = {
#define SETTING(name, option, kind, standard, range, help)                                         \
    {name, option, SETTING_##kind, standard, range, help},
#include "base/settings.def"
#undef SETTING
};

static const struct setting_former formers[] = {
    {"mediavault.trusted_proxies", "mediavault-trusted-proxies", "trusted_proxies"},
};

enum { SHOWN_MAX_BYTES = 100 };

const struct setting *setting_row(size_t at)
{
    return at < SETTING_COUNT ? &rows[at] : NULL;
}

const struct setting_former *setting_former(size_t at)
{
    return at < sizeof formers / sizeof *formers ? &formers[at] : NULL;
}

bool setting_find(struct slice name, size_t *at)
{
    for (size_t i = 0; i < sizeof formers / sizeof *formers; i++)
        if (slice_eq(slice_from(formers[i].name), name))
            name = slice_from(formers[i].now);
    for (*at = 0; *at < SETTING_COUNT; ++*at)
        if (slice_eq(slice_from(rows[*at].name), name))
            return true;
    return false;
}

bool setting_find_option(struct slice option, size_t *at)
{
    for (size_t i = 0; i < sizeof formers / sizeof *formers; i++)
        if (slice_eq(slice_from(formers[i].option), option) ||
            slice_eq(slice_from(formers[i].name), option))
            return setting_find(slice_from(formers[i].now), at);
    for (*at = 0; *at < SETTING_COUNT; ++*at)
        if (*rows[*at].option && (slice_eq(slice_from(rows[*at].option), option) ||
                                  slice_eq(slice_from(rows[*at].name), option)))
            return true;
    return false;
}

char *setting_environment_name(struct arena *arena, const char *name)
{
    struct slice text = arena_printf(arena, "MEDIAHUB_%s", name);
    char *p = arena_cstr(arena, text);

    for (size_t i = 0; i < text.n; i++) {
        if (p[i] == '.' || p[i] == '-')
            p[i] = '_';
        else if (p[i] >= 'a' && p[i] <= 'z')
            p[i] = (char)(p[i] - ('a' - 'A'));
    }
    return p;
}

struct slice setting_names(const struct setting *setting, struct arena *arena)
{
    struct slice section, key;

    slice_split(slice_from(setting->name), '.', &section, &key);
    return arena_printf(arena, "%s%s%s%s, %.*s%s%.*s%s in the INI file",
                        *setting->option ? "--" : "", setting->option, *setting->option ? ", " : "",
                        setting_environment_name(arena, setting->name),
                        SLICE_ARG(key.p ? key : section), key.p ? " of [" : "",
                        key.p ? (int)section.n : 0, section.p, key.p ? "]" : "");
}

bool setting_is_secret(const struct setting *setting, struct slice value)
{
    return value.n && (setting->kind == SETTING_SECRET ||
                       (setting->kind == SETTING_REDIS && redis_address_has_login(value)));
}

struct slice setting_shown(const struct setting *setting, struct arena *arena, struct slice value)
{
    if (setting->kind == SETTING_SECRET)
        return SLICE("the given value");
    if (setting->kind == SETTING_REDIS)
        value = redis_address_shown(arena, value);
    char *shown = arena_cstr(arena, value);
    for (size_t i = 0; i < value.n; i++)
        if ((unsigned char)shown[i] < 0x20 || shown[i] == 0x7f)
            shown[i] = '?';
    bool cut = value.n > SHOWN_MAX_BYTES;
    return arena_printf(arena, "\"%.*s%s\"", cut ? SHOWN_MAX_BYTES : (int)value.n, shown,
                        cut ? "..." : "");
}
