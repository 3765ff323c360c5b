/* What a dispatcher knows about an endpoint, read from a real Redis server. */
#include "state_fixture.h"

#include "state/id.h"
#include "webhooks/directory.h"

static void on_ended(void *arg, struct slice id, bool deleted)
{
}

static void schemes_have_no_case(struct task *task, struct state *state)
{
    static const struct {
        const char *url;
        bool tls;
    } cases[] = {
        {"https://example.com/hook", true}, {"HTTPS://example.com/hook", true},
        {"hTtPs://EXAMPLE.com/hook", true}, {"http://example.com/https://", false},
        {"HTTP://example.com/hook", false},
    };
    struct directory *directory = directory_new(state, on_ended, NULL);
    struct slice any = SLICE("*");

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct endpoint endpoint = {.owner = account_in(task, state, 0, false),
                                    .url = slice_from(cases[i].url),
                                    .events = &any,
                                    .event_count = 1,
                                    .active = true};

        assert_int_equal(endpoint_create(task, state, 100, &endpoint, NULL), OK);
        assert_int_equal(directory_refresh(task, directory), OK);
        const struct receiver *receiver = directory_find(directory, endpoint.id);
        assert_non_null(receiver);
        if (receiver->tls != cases[i].tls)
            fail_msg("%s", cases[i].url);
    }
    directory_free(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {STATE_TEST(1, schemes_have_no_case)};

    return cmocka_run_group_tests(tests, start_server, stop_server);
}
