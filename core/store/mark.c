#include "store/mark.h"

#include "store/store_errno.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NAME "hub"
#define NAME_OF_NEW "hub.new"
#define VERSION_LINE "mediahub store 1\n"
#define VERSION_WORDS "mediahub store "

enum { FILE_MODE = 0600, FILE_BYTES_MAX = sizeof VERSION_LINE + MARK_BYTES_MAX };

static enum mark_found parse(struct slice text, char mark[MARK_BYTES_MAX])
{
    struct slice line, rest;

    if (!slice_starts_with(text, SLICE(VERSION_WORDS)))
        return MARK_UNREADABLE;
    if (!slice_starts_with(text, SLICE(VERSION_LINE)))
        return MARK_NEWER;
    text = slice_from_offset(text, sizeof VERSION_LINE - 1);
    if (!slice_split(text, '\n', &line, &rest) || !rest.p || !line.n || line.n >= MARK_BYTES_MAX)
        return MARK_UNREADABLE;
    memcpy(mark, line.p, line.n);
    mark[line.n] = '\0';
    return MARK_FOUND;
}

enum mark_found mark_read(int folder_fd, char mark[MARK_BYTES_MAX])
{
    char text[FILE_BYTES_MAX];
    int fd = openat(folder_fd, NAME, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        return errno == ENOENT ? MARK_NONE : MARK_UNREADABLE;
    ssize_t n = read(fd, text, sizeof text);
    close(fd);
    return n < 0 ? MARK_UNREADABLE : parse((struct slice){text, (size_t)n}, mark);
}

static bool has_entries(int folder_fd, const char *name)
{
    int fd = openat(folder_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    bool found = false;

    if (!dir) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    for (const struct dirent *entry = readdir(dir); entry && !found; entry = readdir(dir))
        found = entry->d_name[0] != '.';
    closedir(dir);
    return found;
}

enum mark_found mark_look(struct arena *arena, struct slice folder, struct slice *mark)
{
    char text[MARK_BYTES_MAX];
    int fd = open(arena_cstr(arena, folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    *mark = SLICE_NONE;
    if (fd < 0)
        return errno == ENOENT ? MARK_ABSENT : MARK_UNREADABLE;
    enum mark_found found = mark_read(fd, text);
    if (found == MARK_FOUND)
        *mark = arena_dup(arena, slice_from(text));
    else if (found == MARK_NONE && !has_entries(fd, "blobs"))
        found = MARK_EMPTY;
    close(fd);
    return found;
}

static enum err write_new(int folder_fd, struct slice mark)
{
    int fd = openat(folder_fd, NAME_OF_NEW, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
                    FILE_MODE);
    char text[FILE_BYTES_MAX];
    int n = snprintf(text, sizeof text, VERSION_LINE "%.*s\n", SLICE_ARG(mark));

    if (fd < 0)
        return store_errno("create", errno);
    bool fine = write(fd, text, (size_t)n) == n && fsync(fd) == 0;
    enum err err = fine ? OK : store_errno("write", errno);
    close(fd);
    return err;
}

enum err mark_write(int folder_fd, struct slice mark)
{
    assert(mark.n > 0 && mark.n < MARK_BYTES_MAX);
    enum err err = write_new(folder_fd, mark);
    if (err == OK && renameat(folder_fd, NAME_OF_NEW, folder_fd, NAME) != 0)
        err = store_errno("rename", errno);
    return err == OK && fsync(folder_fd) != 0 ? store_errno("fsync", errno) : err;
}
