#include "redis_fixture.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static struct {
    char folder[32];
    char url[64];
    pid_t pid;
} fixture;

static void die(const char *what)
{
    fprintf(stderr, "redis fixture: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void run_server(pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent || chdir(fixture.folder) != 0)
        _exit(1);
    execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", "redis.sock", "--dir",
           ".", "--appendonly", "yes", "--appendfsync", "always", "--save", "", "--logfile",
           "redis.log", (char *)NULL);
    _exit(127);
}

const char *redis_fixture_command(const char *command)
{
    static char answer[256];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char line[256];
    ssize_t got = 0;
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    int n = snprintf(line, sizeof line, "%s\r\n", command);

    snprintf(address.sun_path, sizeof address.sun_path, "%s/redis.sock", fixture.folder);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
        write(fd, line, (size_t)n) == n)
        got = read(fd, answer, sizeof answer - 1);
    answer[got > 0 ? got : 0] = '\0';
    if (fd >= 0)
        close(fd);
    return answer;
}

void redis_fixture_again(void)
{
    pid_t self = getpid();

    fixture.pid = fork();
    if (fixture.pid < 0)
        die("fork");
    if (fixture.pid == 0)
        run_server(self);
    while (strncmp(redis_fixture_command("PING"), "+PONG", 5) != 0) {
        if (waitpid(fixture.pid, NULL, WNOHANG) != 0)
            die("redis-server ended at once");
        poll(NULL, 0, 2);
    }
}

static void remove_folder(void)
{
    char command[64];

    snprintf(command, sizeof command, "rm -rf %s", fixture.folder);
    FILE *pipe = popen(command, "r");
    if (pipe)
        pclose(pipe);
}

void redis_fixture_start(void)
{
    snprintf(fixture.folder, sizeof fixture.folder, "/tmp/mh-redis-XXXXXX");
    if (!mkdtemp(fixture.folder))
        die("mkdtemp");
    snprintf(fixture.url, sizeof fixture.url, "unix:%s/redis.sock", fixture.folder);
    redis_fixture_again();
}

void redis_fixture_kill(void)
{
    kill(fixture.pid, SIGKILL);
    waitpid(fixture.pid, NULL, 0);
    fixture.pid = 0;
}

void redis_fixture_signal(int signal)
{
    kill(fixture.pid, signal);
}

void redis_fixture_stop(void)
{
    if (fixture.pid)
        redis_fixture_kill();
    remove_folder();
}

struct slice redis_fixture_url(void)
{
    return slice_from(fixture.url);
}

const char *redis_fixture_folder(void)
{
    return fixture.folder;
}
