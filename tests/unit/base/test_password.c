/* Hashing off the loop, on fibers: the right password and no other, bounds, and what hostile
 * parameters may cost. */
#include "unit.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "base/loop.h"
#include "base/password.h"

static struct password_thread *passwords;
static struct arena *arena;
static const struct turns_asker here = {SLICE_INIT("here"), SLICE_INIT("near"), false};

static void acceptable_parameters(void **state)
{
    static const struct {
        const char *phc;
        bool good;
    } cases[] = {
        {"$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$aGFzaA", true},
        {"$argon2id$v=19$m=65536,t=1,p=4$c2FsdHNhbHRzYWx0$aGFzaA", true},
        {"$argon2id$v=19$m=262144,t=10,p=8$c2FsdHNhbHRzYWx0$aGFzaA", true},
        {"$argon2id$v=19$m=262145,t=1,p=1$c2FsdHNhbHRzYWx0$aGFzaA", false},
        {"$argon2id$v=19$m=4294967295,t=1,p=1$c2FsdHNhbHRzYWx0$aGFzaA", false},
        {"$argon2id$v=19$m=8,t=3000000,p=1$c2FsdHNhbHRzYWx0$aGFzaA", false},
        {"$argon2id$v=19$m=8,t=11,p=1$c2FsdHNhbHRzYWx0$aGFzaA", false},
        {"$argon2id$v=19$m=19456,t=2,p=9$c2FsdHNhbHRzYWx0$aGFzaA", false},
        {"$argon2id$v=19$m=19456,t=0,p=1$c2FsdHNhbHRzYWx0$aGFzaA", false},
        {"$argon2id$v=19$m=-1,t=2,p=1$c2FsdHNhbHRzYWx0$aGFzaA", false},
        {"$argon2id$v=19$m=99999999999999999999,t=2,p=1$c2FsdHNhbHRzYWx0$aGFzaA", false},
        {"$argon2id$v=19$t=2,m=19456,p=1$c2FsdHNhbHRzYWx0$aGFzaA", false},
        {"$argon2id$v=19$m=19456,t=2$c2FsdHNhbHRzYWx0$aGFzaA", false},
        {"$argon2id$v=19$m=19456,t=2,p=1,x=1$c2FsdHNhbHRzYWx0$aGFzaA", false},
        {"$argon2id$v=19$m=19456,t=2,p=1", false},
        {"$argon2id$v=19$m=19456,t=2,p=1$", false},
        {"$argon2id$v=16$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$aGFzaA", false},
        {"$argon2i$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$aGFzaA", false},
        {"$2b$12$abcdefghijklmnopqrstuv", false},
        {"plain", false},
        {"", false},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_int_equal(password_phc_acceptable(slice_from(cases[i].phc)), cases[i].good);
    char long_phc[400] = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$";
    for (size_t i = 38; i < sizeof(long_phc); i++)
        long_phc[i] = 'A';
    assert_false(password_phc_acceptable((struct slice){long_phc, sizeof(long_phc)}));
}

static void on_tick(uv_timer_t *timer)
{
}

/* The thread's way home does not keep a loop alive by itself; in a gateway the listener does. */
static void run_loop_until_idle(void)
{
    uv_timer_t alive;

    uv_timer_init(loop_get(), &alive);
    uv_timer_start(&alive, on_tick, 1000, 1000);
    while (fiber_count() > 0)
        uv_run(loop_get(), UV_RUN_ONCE);
    uv_close((uv_handle_t *)&alive, NULL);
    uv_run(loop_get(), UV_RUN_DEFAULT);
}

static enum err look(struct task *task, struct slice password, struct slice phc)
{
    return password_verify(task, passwords, NULL, &here, password, phc);
}

static void prove(struct task *task, void *arg)
{
    struct slice phc;

    assert_int_equal(password_hash(task, passwords, &here, SLICE("correct horse"), &phc), OK);
    assert_true(slice_starts_with(phc, SLICE("$argon2id$v=19$m=19456,t=2,p=1$")));
    assert_int_equal(password_turn_take(task, passwords, &here), OK);
    assert_int_equal(look(task, SLICE("correct horse"), phc), OK);
    assert_int_equal(look(task, SLICE("correct hors"), phc), ERR_UNAUTHORIZED);
    assert_int_equal(look(task, SLICE("correct horse\0"), phc), ERR_UNAUTHORIZED);
    assert_int_equal(look(task, SLICE_NONE, phc), ERR_UNAUTHORIZED);
    assert_int_equal(look(task, SLICE("correct horse"), SLICE_NONE), ERR_UNAUTHORIZED);
    struct slice now = password_hash_now(task->arena, SLICE("from the command line"));
    assert_int_equal(look(task, SLICE("from the command line"), now), OK);
    password_turn_end(passwords);
    *(bool *)arg = true;
}

static void the_right_password_and_no_other(void **state)
{
    bool ran = false;

    assert_true(task_spawn(prove, &ran));
    run_loop_until_idle();
    assert_true(ran);
}

/* m=8 KiB and three million passes took six seconds when obeyed; a refused hash costs one decoy. */
static void hostile(struct task *task, void *arg)
{
    uint64_t began_ms = clock_ms();

    assert_int_equal(password_turn_take(task, passwords, &here), OK);
    assert_int_equal(look(task, SLICE("x"),
                          SLICE("$argon2id$v=19$m=8,t=3000000,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2g")),
                     ERR_UNAUTHORIZED);
    password_turn_end(passwords);
    *(uint64_t *)arg = clock_ms() - began_ms;
}

static void hostile_parameters_are_not_obeyed(void **state)
{
    uint64_t took_ms = UINT64_MAX;

    assert_true(task_spawn(hostile, &took_ms));
    run_loop_until_idle();
    assert_in_range(took_ms, 0, 3000);
}

static enum err verify(struct task *task, const struct password_kinds *kinds, struct slice phc)
{
    assert_int_equal(password_turn_take(task, passwords, &here), OK);
    enum err err = password_verify(task, passwords, kinds, &here, SLICE("correct horse"), phc);
    password_turn_end(passwords);
    return err;
}

/* Work is measured, not time: it is the same for every password that can be asked for. */
static void work_evenly(struct task *task, void *arg)
{
    struct password_kinds kinds = {0};
    struct slice ours = password_hash_now(task->arena, SLICE("correct horse"));
    const struct {
        struct slice phc;
        enum err err;
    } rows[] = {
        {ours, OK},
        {SLICE_NONE, ERR_UNAUTHORIZED},
        {SLICE("$argon2id$v=19$m=64,t=3,p=2$c2FsdHNhbHRzYWx0$aGFzaGhhc2g"), ERR_UNAUTHORIZED},
        {SLICE("$argon2id$v=19$m=128,t=1,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2g"), ERR_UNAUTHORIZED},
        /* Of a kind that is not among them, and of none at all. */
        {SLICE("$argon2id$v=19$m=256,t=1,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2g"), ERR_UNAUTHORIZED},
        {SLICE("$argon2id$v=19$m=8,t=3000000,p=1$c2FsdHNhbHRzYWx0$aGFzaA"), ERR_UNAUTHORIZED},
    };

    for (size_t i = 0; i < 4; i++)
        assert_int_equal(password_kinds_add(&kinds, rows[i].phc), rows[i].phc.n > 0);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        uint64_t before_kib = password_work_kib(passwords);

        assert_int_equal(verify(task, &kinds, rows[i].phc), rows[i].err);
        assert_int_equal(password_work_kib(passwords) - before_kib, 19456 * 2 + 64 * 3 + 128);
    }
    *(bool *)arg = true;
}

static void every_look_does_the_same_work(void **state)
{
    bool ran = false;

    assert_true(task_spawn(work_evenly, &ran));
    run_loop_until_idle();
    assert_true(ran);
}

static void kinds_are_bounded(void **state)
{
    struct password_kinds kinds = {0};

    for (uint32_t i = 0; i < PASSWORD_KINDS_MAX; i++)
        assert_true(password_kinds_add_kind(&kinds, (struct password_kind){64 + i, 1}));
    assert_true(password_kinds_add_kind(&kinds, (struct password_kind){64, 1}));
    assert_false(password_kinds_add_kind(&kinds, (struct password_kind){63, 1}));
    assert_false(password_kinds_add(&kinds, SLICE("plain")));
    assert_int_equal(kinds.n, PASSWORD_KINDS_MAX);
}

static int setup(void **state)
{
    loop_init(64);
    crypto_init();
    arena = arena_new();
    passwords = password_thread_start();
    return 0;
}

static int teardown(void **state)
{
    password_thread_stop(passwords);
    arena_free(arena);
    return loop_fini() ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(acceptable_parameters),
        cmocka_unit_test(the_right_password_and_no_other),
        cmocka_unit_test(hostile_parameters_are_not_obeyed),
        cmocka_unit_test(every_look_does_the_same_work),
        cmocka_unit_test(kinds_are_bounded),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
