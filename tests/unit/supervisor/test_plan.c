#include "supervisor/plan.h"

#include "base/config_load.h"
#include "unit.h"

#include <signal.h>
#include <sys/stat.h>

static const char *value_of(const struct child_spec *spec, const char *name)
{
    size_t n = strlen(name);

    for (const char *const *line = spec->environment; *line; line++)
        if (strncmp(*line, name, n) == 0 && (*line)[n] == '=')
            return *line + n + 1;
    return NULL;
}

static bool has_argument(const struct child_spec *spec, const char *option, const char *value)
{
    for (const char *const *argument = spec->argv; argument[0] && argument[1]; argument++)
        if (strcmp(argument[0], option) == 0 && strcmp(argument[1], value) == 0)
            return true;
    return false;
}

/* The programs are looked for beside this one. */
static void make_siblings(bool there)
{
    static const char *const names[] = {
        "mediahub-gateway",   "mediahub-worker",          "mediahub-webhooks",    "mediahub-decode",
        "mediahub-catalogue", "mediahub-decode-pictures", "mediahub-decode-films"};
    char folder[512];
    ssize_t n = readlink("/proc/self/exe", folder, sizeof folder - 1);

    assert_true(n > 0);
    folder[n] = '\0';
    *strrchr(folder, '/') = '\0';
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        char path[600];

        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
        if (there)
            assert_int_equal(symlink("/bin/true", path), 0);
    }
}

static bool make(struct arena *arena, struct plan *plan, struct slice *problem, int argc,
                 char **argv)
{
    struct config *config = config_load(argc, argv, problem);

    assert_non_null(config);
    bool ok = plan_make(arena, config, SLICE("/data"), SLICE("/start"), plan, problem);
    config_free(config);
    return ok;
}

static struct plan plan;

static void an_embedded_pair_with_what_serves(void **state)
{
    static char gateways[] = "--gateways=2", workers[] = "--workers=3",
                durability[] = "--durability=everysec", store[] = "--store=blobs",
                key[] = "--tls-key=/keys/key.pem", certificate[] = "--tls-cert=cert.pem",
                memory[] = "--redis-max-memory=64M";
    char *argv[] = {gateways, workers, durability, store, key, certificate, memory};
    struct arena *arena = arena_new();
    struct slice problem = SLICE_NONE;

    assert_true(make(arena, &plan, &problem, COUNT_OF(argv), argv));
    assert_int_equal(plan.redis_count, 2);
    assert_true(has_argument(&plan.redis[0], "--appendonly", "yes"));
    assert_true(has_argument(&plan.redis[0], "--appendfsync", "everysec"));
    assert_true(has_argument(&plan.redis[1], "--appendonly", "no"));
    assert_true(has_argument(&plan.redis[0], "--maxmemory-policy", "noeviction"));
    assert_true(has_argument(&plan.redis[1], "--maxmemory-policy", "volatile-lru"));
    assert_true(has_argument(&plan.redis[0], "--maxmemory", "67108864"));
    assert_true(has_argument(&plan.redis[1], "--maxmemory", "16777216"));
    for (size_t i = 0; i < 2; i++) {
        assert_true(has_argument(&plan.redis[i], "--port", "0"));
        assert_int_equal(plan.redis[i].death_signal, SIGTERM);
    }
    assert_int_equal(plan.server_count, 2 + 2 + 3);
    for (size_t i = 0; i < plan.server_count; i++) {
        const struct child_spec *spec = &plan.servers[i];

        assert_string_equal(value_of(spec, "MEDIAHUB_STORE"), "/start/blobs");
        assert_string_equal(value_of(spec, "MEDIAHUB_TLS_KEY"), "/keys/key.pem");
        assert_string_equal(value_of(spec, "MEDIAHUB_TLS_CERT"), "/start/cert.pem");
        assert_string_equal(value_of(spec, "MEDIAHUB_DATA"), "/data");
        assert_int_equal(spec->death_signal, SIGKILL);
        assert_int_equal(spec->serves, i < 4);
    }
    assert_string_equal(value_of(&plan.servers[1], "MEDIAHUB_JOBS"), "ipc://run/jobs-1.ipc");
    assert_string_equal(value_of(&plan.servers[6], "MEDIAHUB_JOBS"),
                        "ipc://run/jobs-0.ipc,ipc://run/jobs-1.ipc");
    arena_free(arena);
}

static void an_external_server_needs_no_redis_of_ours(void **state)
{
    static const struct {
        const char *volatile_url, *expected;
    } cases[] = {{"", "redis://db:6379"}, {"redis://other:6379", "redis://other:6379"}};

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        static char durable[] = "--redis=redis://db:6379";
        char volatile_url[64];
        char *argv[] = {durable, volatile_url};
        struct arena *arena = arena_new();
        struct slice problem = SLICE_NONE;

        snprintf(volatile_url, sizeof volatile_url, "--redis-volatile=%s", cases[i].volatile_url);
        assert_true(make(arena, &plan, &problem, COUNT_OF(argv), argv));
        assert_int_equal(plan.redis_count, 0);
        assert_string_equal(value_of(&plan.servers[0], "MEDIAHUB_REDIS"), "redis://db:6379");
        assert_string_equal(value_of(&plan.servers[0], "MEDIAHUB_REDIS_VOLATILE"),
                            cases[i].expected);
        arena_free(arena);
    }
}

static void a_missing_program_is_said(void **state)
{
    struct arena *arena = arena_new();
    struct slice problem = SLICE_NONE;

    make_siblings(false);
    assert_false(make(arena, &plan, &problem, 0, NULL));
    assert_non_null(strstr(problem.p, "is missing"));
    make_siblings(true);
    arena_free(arena);
}

static void the_most_that_the_settings_allow(void **state)
{
    static char gateways[] = "--gateways=128", workers[] = "--workers=127";
    char *argv[] = {gateways, workers};
    struct arena *arena = arena_new();
    struct slice problem = SLICE_NONE;

    assert_true(make(arena, &plan, &problem, COUNT_OF(argv), argv));
    assert_int_equal(plan.server_count, PLAN_CHILDREN_MAX);
    arena_free(arena);
}

static int setup(void **state)
{
    make_siblings(true);
    return 0;
}

static int teardown(void **state)
{
    make_siblings(false);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_embedded_pair_with_what_serves),
        cmocka_unit_test(an_external_server_needs_no_redis_of_ours),
        cmocka_unit_test(a_missing_program_is_said),
        cmocka_unit_test(the_most_that_the_settings_allow),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
