#include "base/err.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/process.h"
#include "unit.h"

#include <signal.h>

static char text[16384];

static void on_stop(void *arg)
{
    unsigned *stops = arg;

    ++*stops;
    process_stop_watching();
}

static void on_overdue(uv_timer_t *timer)
{
    abort();
}

static void one_signal_stops_in_order(void **state)
{
    static const int signals[] = {SIGTERM, SIGINT};

    for (size_t i = 0; i < COUNT_OF(signals); i++) {
        uv_loop_t *loop = loop_init(1);
        uv_timer_t keep;
        unsigned stops = 0;

        process_on_stop(loop, on_stop, &stops);
        assert_false(uv_loop_alive(loop));
        uv_timer_init(loop, &keep);
        uv_timer_start(&keep, on_overdue, 10000, 0);
        raise(signals[i]);
        while (!stops)
            uv_run(loop, UV_RUN_ONCE);
        assert_int_equal(stops, 1);
        uv_close((uv_handle_t *)&keep, NULL);
        assert_true(loop_fini());
    }
}

static void note_stop(void *arg)
{
}

static void two_signals(void)
{
    uv_loop_t *loop = loop_init(1);
    uv_timer_t keep;

    process_on_stop(loop, note_stop, NULL);
    uv_timer_init(loop, &keep);
    uv_timer_start(&keep, on_overdue, 10000, 0);
    raise(SIGTERM);
    raise(SIGINT);
    uv_run(loop, UV_RUN_DEFAULT);
}

static void a_second_signal_ends_at_once(void **state)
{
    int status = unit_run_in_child(two_signals, text, sizeof text);

    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1);
}

static void ready_is_one_byte(void **state)
{
    int ends[2];
    char number[16], bytes[4];

    assert_int_equal(pipe(ends), 0);
    snprintf(number, sizeof number, "%d", ends[1]);
    setenv("MEDIAHUB_READY_FD", number, 1);
    process_ready();
    process_ready();
    assert_int_equal(read(ends[0], bytes, sizeof bytes), 1);
    assert_int_equal(read(ends[0], bytes, sizeof bytes), 0);
    close(ends[0]);
}

static void wrong_option(void)
{
    static char name[] = "program", option[] = "--bogus=1";
    char *argv[] = {name, option};

    process_init("mediahub-test");
    process_config(2, argv);
}

static void a_wrong_option_is_one_line(void **state)
{
    int status = unit_run_in_child(wrong_option, text, sizeof text);

    assert_int_equal(WEXITSTATUS(status), 1);
    assert_string_equal(text, "mediahub-test: unknown option --bogus\n");
}

static void ask_for_help(void)
{
    static char name[] = "program", option[] = "--help";
    char *argv[] = {name, option};

    process_init("mediahub-test");
    dup2(STDERR_FILENO, STDOUT_FILENO);
    process_config(2, argv);
}

static void help_is_no_failure(void **state)
{
    assert_int_equal(unit_run_in_child(ask_for_help, text, sizeof text), 0);
    assert_non_null(strstr(text, "usage: mediahub-test"));
    assert_non_null(strstr(text, "--durability"));
}

static void every_error_has_a_row(void **state)
{
    for (int err = OK + 1; err < ERR_COUNT_; err++) {
        const struct err_row *row = err_row((enum err)err);

        assert_in_range(row->status, 400, 599);
        assert_true(row->slug.n > 0 && row->message.n > 0);
        assert_in_range(row->level, LOG_DEBUG, LOG_ERROR);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_signal_stops_in_order), cmocka_unit_test(a_second_signal_ends_at_once),
        cmocka_unit_test(ready_is_one_byte),         cmocka_unit_test(a_wrong_option_is_one_line),
        cmocka_unit_test(help_is_no_failure),        cmocka_unit_test(every_error_has_a_row),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
