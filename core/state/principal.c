#include "state/principal.h"

static const struct {
    struct slice text;
    unsigned granted;
} rows[] = {
#define GRANTED(name) SCOPE_##name
#define LOGIN(name) SCOPE_NONE
#define SCOPE(name, text, of, keys) {SLICE_INIT(text), keys(name)},
#include "state/scopes.def"
#undef SCOPE
};

unsigned scopes_of_key(const struct slice *names, size_t n)
{
    unsigned scopes = SCOPE_NONE;

    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < sizeof rows / sizeof rows[0]; j++)
            if (slice_eq(names[i], rows[j].text))
                scopes |= rows[j].granted;
    return scopes;
}
