/* mediahub: the command line. */
#include "base/config.h"
#include "base/process.h"
#include "supervisor/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int command_help(int argc, char **argv)
{
    printf(
        "usage: mediahub [run] [options]          start the hub\n"
        "       mediahub user add NAME [--admin] [--email E] [options]\n"
        "                                         make an account; password on standard input\n"
        "       mediahub user list [options]      everybody's accounts\n"
        "       mediahub user password NAME [options]\n"
        "                                         a new password, from standard input\n"
        "       mediahub user disable | enable NAME [options]\n"
        "                                         close an account, or open it again\n"
        "       mediahub user sessions NAME [--end] [options]\n"
        "                                         where it is logged in; --end: nowhere any more\n"
        "       mediahub check [--repair] [options]\n"
        "                                         compare files and records; 0: all is well\n"
        "       mediahub config check [options]   try every setting, and the files it names\n"
        "       mediahub backup FOLDER [--without-key] [options]\n"
        "                                         all of a hub, while it runs\n"
        "       mediahub restore FOLDER [options]\n"
        "                                         a new data folder and store of a back-up\n"
        "       mediahub key rotate [--now] [options]\n"
        "                                         new signing keys; --now: the old ones end at "
        "once\n"
        "       mediahub service install [--print] [--user NAME] [options]\n"
        "                                         a hardened systemd unit with these options\n"
        "       mediahub sandbox-check            try what holds the readers of strangers' files; "
        "0: all "
        "of it\n"
        "       mediahub store claim [options]    this hub's from now on, whatever its mark says\n"
        "       mediahub backup-password         what a file keeps of a password on standard "
        "input\n"
        "       mediahub backup-session          the id of the session of a token, likewise\n"
        "       mediahub help | version\n\noptions:\n%.*s",
        SLICE_ARG(config_help(process_arena())));
    return EXIT_SUCCESS;
}

static int command_version(int argc, char **argv)
{
    printf("mediahub %s\n", MEDIAHUB_VERSION);
    return EXIT_SUCCESS;
}

static const struct {
    const char *word;
    int (*fn)(int argc, char **argv);
} commands[] = {
    {"run", command_run},
    {"check", command_check},
    {"config", command_config},
    {"backup", command_backup},
    {"restore", command_restore},
    {"service", command_service},
    {"sandbox-check", command_sandbox_check},
    {"key", command_key},
    {"store", command_store},
    {"user", command_user},
    {"backup-password", command_backup_password},
    {"backup-session", command_backup_session},
    {"help", command_help},
    {"--help", command_help},
    {"-h", command_help},
    {"version", command_version},
    {"--version", command_version},
};

int main(int argc, char **argv)
{
    process_init("mediahub");
    if (argc > 2 && process_wants_help(argc - 2, argv + 2))
        return command_help(argc, argv);
    if (argc < 2)
        return command_run(0, argv + argc);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(argv[1], commands[i].word) == 0)
            return commands[i].fn(argc - 2, argv + 2);
    if (argv[1][0] == '-')
        return command_run(argc - 1, argv + 1);
    process_fail("there is no command \"%s\"; see mediahub help", argv[1]);
}
