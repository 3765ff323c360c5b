#include "base/text_rule.h"
#include "unit.h"

static void accounts_made_without_rest_obey_its_rules(void **state)
{
    static const struct {
        enum account_rule rule;
        const char *text, *fault; /* a part of it; NULL: none */
    } cases[] = {
        {ACCOUNT_USERNAME, "ada", NULL},
        {ACCOUNT_USERNAME, "a.b-c_D9", NULL},
        {ACCOUNT_USERNAME, "ab", "at least 3"},
        {ACCOUNT_USERNAME, "", "at least 3"},
        {ACCOUNT_USERNAME, "ada lovelace", "letters"},
        {ACCOUNT_USERNAME, "ad\303\251", "letters"},
        {ACCOUNT_USERNAME, "01234567890123456789012345678901234567890123456789012345678901234",
         "at most 64"},
        {ACCOUNT_EMAIL, "", NULL},
        {ACCOUNT_EMAIL, "ada@example.org", NULL},
        {ACCOUNT_EMAIL, "ada", "email"},
        {ACCOUNT_EMAIL, "ada@-x", "email"},
        {ACCOUNT_PASSWORD, "long enough", NULL},
        {ACCOUNT_PASSWORD, "short", "at least 8"},
        {ACCOUNT_PASSWORD, "\303\251\303\251\303\251\303\251", "at least 8"}, /* four characters */
        {ACCOUNT_PASSWORD, "\303\251\303\251\303\251\303\251\303\251\303\251\303\251\303\251",
         NULL},
        {ACCOUNT_PASSWORD, "not utf-8 \377\377", "UTF-8"},
    };
    struct arena *arena = arena_new();

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct slice fault = account_rule_fault(arena, cases[i].rule, slice_from(cases[i].text));
        const char *text = arena_cstr(arena, fault);

        if (cases[i].fault ? !strstr(text, cases[i].fault) : fault.n > 0)
            fail_msg("case %zu: %s", i, text);
    }
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accounts_made_without_rest_obey_its_rules),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
