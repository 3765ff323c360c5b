/* command.h: the words of the command line: `mediahub WORD ...`. Each gets what follows its word
 * and gives the exit status; what went wrong is one line on standard error. */
#pragma once

int command_run(int argc, char **argv);           /* the whole hub, until SIGTERM or Ctrl-C */
int command_check(int argc, char **argv);         /* check [--repair] [options]: 0, 1 or 2 */
int command_config(int argc, char **argv);        /* config check [options]: 0 or 1 */
int command_backup(int argc, char **argv);        /* backup FOLDER [--without-key] [options] */
int command_restore(int argc, char **argv);       /* restore FOLDER [options] */
int command_sandbox_check(int argc, char **argv); /* 0 or 1 */
int command_service(int argc, char **argv); /* service install [--print] [--user NAME] [options] */
int command_key(int argc, char **argv);     /* key rotate [--now] [options] */
int command_store(int argc, char **argv);   /* store claim [options] */
int command_user(int argc, char **argv);    /* user add NAME ..., user password NAME [options] */
int command_backup_password(int argc, char **argv); /* as files of the Backup Repository keep it */
int command_backup_session(int argc, char **argv);  /* the id of a token's session */
