/* process.h: what every program of the hub does at its start and end. */
#pragma once

#include "base/config.h"

#include <uv.h>

/* As many descriptors as the system allows (up to 65536), umask 077, log, crypto, ignored SIGPIPE,
 * an alternate stack so that a fault on a guard page is reported, and, under a supervisor
 * (MEDIAHUB_SUPERVISED=1), death with the parent (PR_SET_PDEATHSIG). */
void process_init(const char *name);

/* The path of another of the hub's programs, which lie beside this one. */
const char *process_sibling(struct arena *arena, const char *name);

/* An arena that lives as long as the process: a command has many ways out, and whatever it needs is
 * freed on each of them. */
struct arena *process_arena(void);

/* Is -h or --help among these? */
bool process_wants_help(int argc, char **argv);

/* config_load() for a command: prints every fault and exits with `status` when there is one. */
struct config *process_settings(int argc, char **argv, int status);
/* config_load_to_start() likewise, exit status 1; sets the log's level and logs the warnings. */
struct config *process_settings_to_start(int argc, char **argv);
/* For a program without commands: argv with its name. Prints help and exits when that is asked for.
 * Under a supervisor, who has looked at the files already, they are not looked at. */
struct config *process_config(int argc, char **argv);

/* Is standard error the journal's (JOURNAL_STREAM, systemd.exec(5))? What is said there is kept,
 * and others may read it. */
bool process_is_in_journal(void);

/* Tells the supervisor (one byte on the descriptor in MEDIAHUB_READY_FD, then closes it). */
void process_ready(void);
/* Tells systemd, if it waits for that (Type=notify; sd_notify(3): a datagram to NOTIFY_SOCKET). */
void process_tell_systemd(const char *word); /* "READY=1" */

/* fn runs on the loop at the first SIGTERM or SIGINT; a second signal ends the process at once. So
 * does the end of the terminal; any other SIGHUP means: read again what may have changed. */
void process_on_stop(uv_loop_t *loop, void (*fn)(void *arg), void *arg);
void process_on_hangup(void (*fn)(void));
/* Without a loop, or until there is one: SIGHUP never ends what serves. The settings of a program
 * that starts do it. */
void process_ignore_hangup(void);
/* fn runs just before the second signal ends the process. */
void process_on_second_signal(void (*fn)(void));
void process_stop_watching(void); /* closes the signal handles: the loop can end */

/* One line on standard error for whoever starts us, behind our name. */
void process_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* "Cannot listen on ...": one line on standard error, exit status 1. */
_Noreturn void process_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
