#include "base/clock.h"
#include "base/loop.h"
#include "base/memory.h"
#include "base/task.h"
#include "unit.h"

enum { THREADS = 4, POSTS = 1000 };

static unsigned counts[THREADS];
static unsigned threads_done;
static uv_thread_t threads[THREADS];

struct post_note {
    size_t thread;
    unsigned number;
};

static void on_post(void *arg)
{
    struct post_note *note = arg;

    assert_int_equal(counts[note->thread], note->number);
    counts[note->thread]++;
    mem_free(note);
}

static void on_thread_done(void *arg)
{
    uv_thread_join(arg);
    if (++threads_done == THREADS)
        uv_stop(loop_get());
}

static void post_many(void *arg)
{
    size_t thread = (size_t)((uv_thread_t *)arg - threads);

    for (unsigned i = 0; i < POSTS; i++) {
        struct post_note *note = MEM_NEW(struct post_note);

        *note = (struct post_note){thread, i};
        loop_post(on_post, note);
    }
    loop_post(on_thread_done, arg);
}

static void on_keep(uv_timer_t *timer)
{
    fail_msg("the posts did not come home");
}

static void posts_come_home_in_order(void **state)
{
    uv_loop_t *loop = loop_init(1);
    uv_timer_t keep;

    uv_timer_init(loop, &keep);
    uv_timer_start(&keep, on_keep, 20000, 0);
    for (size_t i = 0; i < THREADS; i++)
        uv_thread_create(&threads[i], post_many, &threads[i]);
    uv_run(loop, UV_RUN_DEFAULT);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(counts[i], POSTS);
    uv_close((uv_handle_t *)&keep, NULL);
    assert_true(loop_fini());
}

static void a_forgotten_handle_is_reported(void)
{
    static uv_timer_t timer;

    uv_timer_init(loop_init(1), &timer);
    if (!loop_fini())
        fputs("left open", stderr);
}

static void fini_tells_of_open_handles(void **state)
{
    char text[512];

    assert_int_equal(unit_run_in_child(a_forgotten_handle_is_reported, text, sizeof text), 0);
    assert_non_null(strstr(text, "\"event\":\"handle_left\",\"type\":\"timer\",\"closing\":0"));
    assert_string_equal(text + strlen(text) - strlen("left open"), "left open");
}

static bool worked_elsewhere;
static uv_thread_t loop_thread;

static void work(void *arg)
{
    uv_thread_t self = uv_thread_self();

    worked_elsewhere = !uv_thread_equal(&self, &loop_thread);
    *(int *)arg += 1;
}

static void offloading(struct task *task, void *arg)
{
    int *value = arg;
    int local = 41;

    assert_non_null(task->arena);
    task_offload(task, work, &local);
    *value = local;
}

static void work_is_offloaded(void **state)
{
    uv_loop_t *loop = loop_init(2);
    int value = 0;

    loop_thread = uv_thread_self();
    assert_true(task_spawn(offloading, &value));
    uv_run(loop, UV_RUN_DEFAULT);
    assert_int_equal(value, 42);
    assert_true(worked_elsewhere);
    assert_true(loop_fini());
}

static void nothing(struct task *task, void *arg)
{
}

static void tasks_need_a_fiber(void **state)
{
    uv_loop_t *loop = loop_init(1);

    assert_true(task_spawn(nothing, NULL));
    assert_false(task_spawn(nothing, NULL));
    uv_run(loop, UV_RUN_DEFAULT);
    assert_true(loop_fini());
}

static void timeouts_end_with_the_deadline(void **state)
{
    uint64_t now_ms = clock_ms();
    struct task none = {0}, past = {.deadline_ms = now_ms - 1},
                far = {.deadline_ms = now_ms + 5000};

    assert_int_equal(task_timeout_ms(&none, 700), 700);
    assert_int_equal(task_timeout_ms(&past, 700), 1);
    assert_int_equal(task_timeout_ms(&far, 700), 700);
    assert_in_range(task_timeout_ms(&far, 60000), 4000, 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(posts_come_home_in_order),
        cmocka_unit_test(fini_tells_of_open_handles),
        cmocka_unit_test(work_is_offloaded),
        cmocka_unit_test(tasks_need_a_fiber),
        cmocka_unit_test(timeouts_end_with_the_deadline),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
