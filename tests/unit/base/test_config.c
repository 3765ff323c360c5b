#include "base/config.h"
#include "unit.h"

enum { ARGUMENTS_MAX = 8 };

#define ARGS(...) .arguments = {__VA_ARGS__}

struct source {
    const char *arguments[ARGUMENTS_MAX];
    const char *environment[2]; /* name, value */
    const char *file;           /* content; the option --config is added */
};

static const char *file_path(void)
{
    static char path[64];

    snprintf(path, sizeof path, "/tmp/mediahub_config_%d.ini", (int)getpid());
    return path;
}

static struct config *load(const struct source *source, struct slice *problem)
{
    static char option[] = "--config";
    static char path[64];
    struct arena *arena = arena_new();
    char *argv[ARGUMENTS_MAX + 2];
    int argc = 0;

    for (; argc < ARGUMENTS_MAX && source->arguments[argc]; argc++)
        argv[argc] = arena_cstr(arena, slice_from(source->arguments[argc]));
    if (source->file) {
        FILE *file = fopen(file_path(), "w");

        assert_non_null(file);
        fputs(source->file, file);
        fclose(file);
        snprintf(path, sizeof path, "%s", file_path());
        argv[argc++] = option;
        argv[argc++] = path;
    }
    if (source->environment[0])
        setenv(source->environment[0], source->environment[1], 1);
    struct config *config = config_load(argc, argv, problem);
    if (source->environment[0])
        unsetenv(source->environment[0]);
    if (source->file)
        unlink(file_path());
    arena_free(arena);
    return config;
}

static void sources_in_order(void **state)
{
    static const struct {
        struct source source;
        uint64_t workers;
        const char *listen;
    } cases[] = {
        {{.file = NULL}, 0, "127.0.0.1:8080"},
        {{.file = "workers = 3\nlisten = a:1 ; comment\n"}, 3, "a:1"},
        {{.file = "workers = 3\n", .environment = {"MEDIAHUB_WORKERS", "4"}}, 4, "127.0.0.1:8080"},
        {{{"--workers", "5", "--listen=b:2"}, {"MEDIAHUB_WORKERS", "4"}, "workers = 3\nlisten=c:3"},
         5,
         "b:2"},
        {{ARGS("--workers=6", "--workers=7")}, 7, "127.0.0.1:8080"},
        {{ARGS("--listen", "")}, 0, ""},
        {{ARGS("--listen=")}, 0, ""},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct slice problem;
        struct config *config = load(&cases[i].source, &problem);

        assert_non_null(config);
        assert_int_equal(config_number(config, "workers"), cases[i].workers);
        assert_string_equal(config_text(config, "listen").p, cases[i].listen);
        config_free(config);
    }
    config_free(NULL);
}

static void one_setting_many_names(void **state)
{
    static const struct source cases[] = {
        {ARGS("--limits-user", "7")},
        {ARGS("--limits.user", "7")},
        {ARGS("--limits.user=7")},
        {.environment = {"MEDIAHUB_LIMITS_USER", "7"}},
        {.file = "[limits]\nuser = 7\n"},
        {.file = "limits.user = 7\n"},
        {.file = "# comment\n[limits]\n  user=7  ; why\n\n[store]\nreserve = 2G"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct slice problem;
        struct config *config = load(&cases[i], &problem);

        assert_non_null(config);
        assert_int_equal(config_number(config, "limits.user"), 7);
        config_free(config);
    }
}

static void a_former_name_still_counts(void **state)
{
    static const struct source cases[] = {
        {ARGS("--mediavault-trusted-proxies", "10.0.0.1")},
        {ARGS("--mediavault.trusted_proxies=10.0.0.1")},
        {.environment = {"MEDIAHUB_MEDIAVAULT_TRUSTED_PROXIES", "10.0.0.1"}},
        {.file = "[mediavault]\ntrusted_proxies = 10.0.0.1\n"},
        {ARGS("--trusted-proxies=10.0.0.1")},
        {.environment = {"MEDIAHUB_TRUSTED_PROXIES", "10.0.0.1"}},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct slice problem;
        struct config *config = load(&cases[i], &problem);

        assert_non_null(config);
        assert_string_equal(config_text(config, "trusted_proxies").p, "10.0.0.1");
        config_free(config);
    }
}

static void values(void **state)
{
    static const struct {
        const char *argument;
        const char *name;
        uint64_t number;
    } numbers[] = {
        {"--store-reserve=0", "store.reserve", 0},
        {"--store-reserve=17", "store.reserve", 17},
        {"--store-reserve=2k", "store.reserve", 2048},
        {"--store-reserve=2K", "store.reserve", 2048},
        {"--store-reserve=3M", "store.reserve", 3 << 20},
        {"--store-reserve=4G", "store.reserve", (uint64_t)4 << 30},
        {"--store-reserve=1.5GiB", "store.reserve", (uint64_t)3 << 29},
        {"--gateways=1", "store.reserve", (uint64_t)1 << 30},
    };
    static const struct {
        const char *argument;
        bool value;
    } flags[] = {
        {"--mediavault-require-https=on", true},     {"--mediavault-require-https=TRUE", true},
        {"--mediavault-require-https=1", true},      {"--mediavault-require-https=off", false},
        {"--mediavault-require-https=false", false}, {"--mediavault-require-https=0", false},
    };
    struct slice problem;

    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        struct config *config = load(&(struct source){ARGS(numbers[i].argument)}, &problem);

        assert_non_null(config);
        assert_true(config_number(config, numbers[i].name) == numbers[i].number);
        config_free(config);
    }
    for (size_t i = 0; i < COUNT_OF(flags); i++) {
        struct config *config = load(&(struct source){ARGS(flags[i].argument)}, &problem);

        assert_non_null(config);
        assert_int_equal(config_bool(config, "mediavault.require_https"), flags[i].value);
        config_free(config);
    }
}

static void problems_are_one_clear_line(void **state)
{
    static const struct {
        struct source source;
        const char *line;
    } cases[] = {
        {{ARGS("--bogus", "1")}, "unknown option --bogus"},
        {{ARGS("--bogus=1")}, "unknown option --bogus"},
        {{ARGS("--")}, "unknown option --"},
        {{ARGS("--=1")}, "unknown option --"},
        {{ARGS("--workers")}, "option --workers needs a value"},
        {{ARGS("-w")}, "unexpected argument \"-w\""},
        {{ARGS("run")}, "unexpected argument \"run\""},
        {{ARGS("--workers", "many")}, "--workers: \"many\" is not a number"},
        {{ARGS("--workers=-1")}, "--workers: \"-1\" is not a number"},
        {{ARGS("--workers=")}, "--workers: \"\" is not a number"},
        {{ARGS("--workers=k")}, "--workers: \"k\" is not a number"},
        {{ARGS("--workers=1.5")}, "--workers: \"1.5\" is not a number"},
        {{ARGS("--workers=17179869184G")}, "--workers: \"17179869184G\" is not a number"},
        {{ARGS("--mediavault-require-https", "maybe")},
         "--mediavault-require-https: \"maybe\" is neither on nor off"},
        {{ARGS("--durability", "never")}, "--durability: \"never\" is not one of always|everysec"},
        {{ARGS("--admin_password", "x")}, "unknown option --admin_password"},
        {{ARGS("--admin-password=x")}, "unknown option --admin-password"},
        {{.environment = {"MEDIAHUB_WORKERS", "x"}}, "MEDIAHUB_WORKERS: \"x\" is not a number"},
        {{.file = "nonsense = 1\n"}, "FILE: nonsense is not a setting"},
        {{.file = "[limits]\nworkers = 1\n"}, "FILE: limits.workers is not a setting"},
        {{.file = "workers = x\n"}, "FILE: workers: \"x\" is not a number"},
        {{.file = "workers = 1\nworkers = 2\n"}, "FILE: workers is set twice"},
        {{ARGS("--config", "/tmp")}, "/tmp: Is a directory"},
        {{.file = "workers = 1\nno value here\n"}, "FILE: line 2 is not \"name = value\""},
        {{ARGS("--config", "/nonexistent/hub.ini")},
         "/nonexistent/hub.ini: No such file or directory"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct slice problem = SLICE_NONE;
        char expected[256];
        bool in_file = strncmp(cases[i].line, "FILE", 4) == 0;

        snprintf(expected, sizeof expected, "%s%s", in_file ? file_path() : "",
                 cases[i].line + (in_file ? 4 : 0));
        assert_null(load(&cases[i].source, &problem));
        assert_string_equal(problem.p, expected);
    }
}

/* The line buffer of libinih is 200 bytes. What stands past it must not pass for a comment. */
static void long_lines_of_a_file_are_refused(void **state)
{
    char file[400], expected[128];
    struct slice problem;

    snprintf(file, sizeof file, "\n[cors]\norigins = %0180d\n", 0);
    struct config *config = load(&(struct source){.file = file}, &problem);
    assert_non_null(config);
    assert_int_equal(config_text(config, "cors.origins").n, 180);
    config_free(config);
    snprintf(file, sizeof file, "\n[cors]\norigins = %0250d#more\n", 0);
    assert_null(load(&(struct source){.file = file}, &problem));
    snprintf(expected, sizeof expected, "%s: line 3 is longer than 198 bytes", file_path());
    assert_string_equal(problem.p, expected);
}

static void a_child_gets_what_differs(void **state)
{
    static const struct source source = {
        {"--workers=0", "--limits-user", "9", "--log-level=debug"},
        {"MEDIAHUB_ADMIN_PASSWORD", "secret"},
        "durability = everysec\nlisten = 127.0.0.1:8080\n",
    };
    struct arena *arena = arena_new();
    struct slice problem;
    struct config *config = load(&source, &problem);

    assert_non_null(config);
    assert_string_equal(config_text(config, "admin_password").p, "secret");
    char **lines = config_environment(config, arena);
    assert_string_equal(lines[0], "MEDIAHUB_DURABILITY=everysec");
    assert_string_equal(lines[1], "MEDIAHUB_LOG_LEVEL=debug");
    assert_string_equal(lines[2], "MEDIAHUB_LIMITS_USER=9");
    assert_null(lines[3]);
    config_free(config);
    arena_free(arena);
}

static void help_names_every_option(void **state)
{
    struct arena *arena = arena_new();
    struct slice help = config_help(arena);

    assert_non_null(strstr(help.p, "--listen "));
    assert_non_null(strstr(help.p, "--durability "));
    assert_non_null(strstr(help.p, "MEDIAHUB_ADMIN_PASSWORD "));
    assert_null(strstr(help.p, "always|"));
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sources_in_order),
        cmocka_unit_test(one_setting_many_names),
        cmocka_unit_test(a_former_name_still_counts),
        cmocka_unit_test(values),
        cmocka_unit_test(problems_are_one_clear_line),
        cmocka_unit_test(long_lines_of_a_file_are_refused),
        cmocka_unit_test(a_child_gets_what_differs),
        cmocka_unit_test(help_names_every_option),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
