#include "base/config_load.h"
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
        {{ARGS("--cors-origins", "", "--tls-cert=")}, 0, "127.0.0.1:8080"},
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

#define NAMES_OF_WORKERS "(--workers, MEDIAHUB_WORKERS, workers in the INI file)"
#define FILE_NAMES                                                                                 \
    "; it must be a file that can be read, or empty (--config, MEDIAHUB_CONFIG, config in the "    \
    "INI file)"
#define NO_NUMBER " is not a number; it must be 0 to 127 " NAMES_OF_WORKERS

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
        {{ARGS("--workers", "many")}, "--workers: \"many\"" NO_NUMBER},
        {{ARGS("--workers=-1")}, "--workers: \"-1\"" NO_NUMBER},
        {{ARGS("--workers=")}, "--workers: \"\" is empty; it must be 0 to 127 " NAMES_OF_WORKERS},
        {{ARGS("--workers=k")}, "--workers: \"k\"" NO_NUMBER},
        {{ARGS("--workers=1.5")}, "--workers: \"1.5\"" NO_NUMBER},
        {{ARGS("--workers=17179869184G")}, "--workers: \"17179869184G\"" NO_NUMBER},
        {{ARGS("--workers=128")},
         "--workers: \"128\" is too large; it must be 0 to 127 " NAMES_OF_WORKERS},
        {{ARGS("--mediavault-require-https", "maybe")},
         "--mediavault-require-https: \"maybe\" is neither on nor off; it must be on or off "
         "(--mediavault-require-https, MEDIAHUB_MEDIAVAULT_REQUIRE_HTTPS, require_https of "
         "[mediavault] in the INI file)"},
        {{ARGS("--durability", "never")},
         "--durability: \"never\" is no such word; it must be always or everysec (--durability, "
         "MEDIAHUB_DURABILITY, durability in the INI file)"},
        {{ARGS("--admin_password", "x")}, "unknown option --admin_password"},
        {{ARGS("--admin-password=x")}, "unknown option --admin-password"},
        {{.environment = {"MEDIAHUB_ADMIN_PASSWORD", "hunter2"}},
         "MEDIAHUB_ADMIN_PASSWORD: the given value is too short; it must be one line of 8 to 1024 "
         "bytes, or empty (MEDIAHUB_ADMIN_PASSWORD, admin_password in the INI file)"},
        {{.environment = {"MEDIAHUB_WORKERS", "x"}}, "MEDIAHUB_WORKERS: \"x\"" NO_NUMBER},
        {{.file = "nonsense = 1\n"}, "FILE: nonsense is not a setting"},
        {{.file = "[limits]\nworkers = 1\n"}, "FILE: limits.workers is not a setting"},
        {{.file = "workers = x\n"}, "FILE: workers: \"x\"" NO_NUMBER},
        {{.file = "workers = 1\nworkers = 2\n"}, "FILE: workers is set twice"},
        {{ARGS("--config", "/tmp")},
         "--config: \"/tmp\" cannot be read (Is a directory)" FILE_NAMES},
        {{.file = "workers = 1\nno value here\n"}, "FILE: line 2 is not \"name = value\""},
        {{ARGS("--config", "/nonexistent/hub.ini")},
         "--config: \"/nonexistent/hub.ini\" cannot be read (No such file or "
         "directory)" FILE_NAMES},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct slice problem = SLICE_NONE;
        char expected[512];
        bool in_file = strncmp(cases[i].line, "FILE", 4) == 0;

        snprintf(expected, sizeof expected, "%s%s", in_file ? file_path() : "",
                 cases[i].line + (in_file ? 4 : 0));
        assert_null(load(&cases[i].source, &problem));
        assert_string_equal(problem.p, expected);
    }
}

static size_t lines_of(struct slice text)
{
    size_t n = text.n > 0;

    for (size_t i = 0; i < text.n; i++)
        n += text.p[i] == '\n';
    return n;
}

static void all_faults_are_told_at_once(void **state)
{
    static const struct source source = {
        {"--bogus", "--workers", "x", "--partitions=0", "y", "--admin-user="},
        {"MEDIAHUB_GATEWAYS", "0"},
        "listen = 80\n[limits]\nuser = -1\nnone = 1\n",
    };
    static const char *const parts[] = {
        "unknown option --bogus", "--workers: \"x\"",   "--partitions: \"0\"",
        "argument \"y\"",         "--admin-user: \"\"", "MEDIAHUB_GATEWAYS: \"0\"",
        ": listen: \"80\"",       ": limits.user: ",    "limits.none is not a setting",
    };
    struct slice problem = SLICE_NONE;

    assert_null(load(&source, &problem));
    assert_int_equal(lines_of(problem), COUNT_OF(parts));
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        assert_non_null(strstr(problem.p, parts[i]));
}

static void what_must_hold_between_settings(void **state)
{
    static const struct {
        struct source source;
        const char *part; /* NULL: it is right */
    } cases[] = {
        {{ARGS("--tls-key", "k")}, "--tls-key: \"k\" is a key without its certificate, tls_cert"},
        {{ARGS("--tls-cert", "c")}, "--tls-cert: \"c\" is a certificate without its key"},
        {{ARGS("--listen-tls", ":1")}, "--listen-tls: \":1\" is an address for HTTPS"},
        {{ARGS("--tls-cert=c", "--tls-key=k", "--listen-tls=:1")}, NULL},
        {{ARGS("--tls-cert=c", "--tls-key=k", "--listen-tls=:1", "--listen=:1")}, "is the port"},
        {{ARGS("--tls-cert=c", "--tls-key=k", "--listen=127.0.0.1:8443")}, "is the port of HTTP"},
        {{ARGS("--tls-cert=c", "--tls-key=k", "--listen-tls=127.0.0.2:1", "--listen=127.0.0.1:1")},
         NULL},
        {{ARGS("--tls-cert=c", "--tls-key=k", "--listen-tls=[::]:1", "--listen=127.0.0.1:1")},
         "is the port of HTTP"},
        {{ARGS("--redis-volatile=unix:x")}, "--redis-volatile: \"unix:x\" is the second of two"},
        {{ARGS("--redis-volatile=unix:x", "--redis=unix:y")}, NULL},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct slice problem = SLICE_NONE;
        struct config *config = load(&cases[i].source, &problem);

        assert_int_equal(!config, !!cases[i].part);
        if (cases[i].part) {
            assert_int_equal(lines_of(problem), 1);
            assert_non_null(strstr(problem.p, cases[i].part));
        }
        config_free(config);
    }
}

static void what_is_hardly_meant_is_a_warning(void **state)
{
    static const struct {
        struct source source;
        const char *part; /* NULL: no warning */
    } cases[] = {
        {{.environment = {"MEDIAHUB_WORKRES", "1"}}, "MEDIAHUB_WORKRES in the environment is not"},
        {{.environment = {"MEDIAHUB_", "1"}}, "MEDIAHUB_ in the environment"},
        {{.environment = {"MEDIAHUBS", "1"}}, NULL},
        {{.environment = {"MEDIAHUB_READY_FD", "3"}}, NULL},
        {{ARGS("--redis", "redis://:pw@host")}, "--redis on the command line has a secret"},
        {{.environment = {"MEDIAHUB_REDIS", "redis://:pw@host"}}, NULL},
        {{ARGS("--redis", "redis://host")}, NULL},
        {{ARGS("--backup-health-check-key=x")}, "--backup-health-check-key on the command line"},
        {{.file = "[backup]\nhealth_check_key = x\n"}, NULL},
    };

    unsetenv("MEDIAHUB_BUILD"); /* of the tests' own */
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct slice problem = SLICE_NONE;
        struct config *config = load(&cases[i].source, &problem);

        assert_non_null(config);
        assert_int_equal(lines_of(config_warnings(config)), !!cases[i].part);
        if (cases[i].part)
            assert_non_null(strstr(config_warnings(config).p, cases[i].part));
        config_free(config);
    }
}

/* The line buffer of libinih is 200 bytes. What stands past it must not pass for a comment. */
static void long_lines_of_a_file_are_refused(void **state)
{
    char file[400], expected[128];
    struct slice problem;

    snprintf(file, sizeof file, "\n[backup]\nhealth_check_key = %0170d\n", 0);
    struct config *config = load(&(struct source){.file = file}, &problem);
    assert_non_null(config);
    assert_int_equal(config_text(config, "backup.health_check_key").n, 170);
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
        {"MEDIAHUB_ADMIN_PASSWORD", "password"},
        "durability = everysec\nlisten = 127.0.0.1:8080\n",
    };
    struct arena *arena = arena_new();
    struct slice problem;
    struct config *config = load(&source, &problem);

    assert_non_null(config);
    assert_string_equal(config_text(config, "admin_password").p, "password");
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

    assert_non_null(strstr(help.p, "  --listen, MEDIAHUB_LISTEN, listen in the INI file\n"));
    assert_non_null(strstr(help.p, "always or everysec (always)\n"));
    assert_non_null(strstr(help.p, "  MEDIAHUB_ADMIN_PASSWORD, admin_password in"));
    assert_non_null(strstr(help.p, "user of [limits] in the INI file\n"));
    assert_non_null(strstr(help.p, "0 to 1000000 (1000)\n"));
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
        cmocka_unit_test(all_faults_are_told_at_once),
        cmocka_unit_test(what_must_hold_between_settings),
        cmocka_unit_test(what_is_hardly_meant_is_a_warning),
        cmocka_unit_test(long_lines_of_a_file_are_refused),
        cmocka_unit_test(a_child_gets_what_differs),
        cmocka_unit_test(help_names_every_option),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
