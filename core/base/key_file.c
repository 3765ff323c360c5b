#include "base/key_file.h"

#include "base/crypto.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEXT_BYTES_MAX = 256, FILE_MODE = 0600 };

static const struct slice words = SLICE_INIT("mediahub key 1 ");

static enum key_file refuse(struct arena *arena, struct slice path, struct slice why,
                            struct slice *problem)
{
    *problem = arena_printf(arena, "the key file %.*s %.*s", SLICE_ARG(path), SLICE_ARG(why));
    return KEY_FILE_REFUSED;
}

static enum key_file refuse_errno(struct arena *arena, struct slice path, struct slice *problem)
{
    struct slice why = arena_printf(arena, "cannot be used: %s", strerror(errno));

    return refuse(arena, path, why, problem);
}

static bool parse(struct slice text, struct seal_key *out)
{
    struct slice line, rest;

    if (!slice_starts_with(text, words) || !slice_split(text, '\n', &line, &rest) ||
        !text_unhex(slice_from_offset(line, words.n), out->bytes, sizeof out->bytes))
        return false;
    seal_key_name(out);
    return true;
}

static enum key_file read_open(struct arena *arena, int fd, struct slice path, struct seal_key *out,
                               struct slice *problem)
{
    char text[TEXT_BYTES_MAX];
    struct stat info;

    if (fstat(fd, &info) != 0)
        return refuse_errno(arena, path, problem);
    if (!S_ISREG(info.st_mode) || info.st_uid != geteuid() || (info.st_mode & (S_IRWXG | S_IRWXO)))
        return refuse(arena, path,
                      arena_printf(arena,
                                   "can be read by other users of this machine: chown %u '%.*s' && "
                                   "chmod 600 '%.*s'",
                                   (unsigned)geteuid(), SLICE_ARG(path), SLICE_ARG(path)),
                      problem);
    ssize_t n = read(fd, text, sizeof text);
    if (n < 0)
        return refuse_errno(arena, path, problem);
    bool fine = parse((struct slice){text, (size_t)n}, out);
    return fine ? KEY_FILE_READ
                : refuse(arena, path, SLICE("does not hold a key of a hub"), problem);
}

enum key_file key_file_read(struct arena *arena, struct slice path, struct seal_key *out,
                            struct slice *problem)
{
    int fd = open(arena_cstr(arena, path), O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        return errno == ENOENT ? KEY_FILE_MISSING : refuse_errno(arena, path, problem);
    enum key_file result = read_open(arena, fd, path, out, problem);
    close(fd);
    return result;
}

static bool write_new(struct arena *arena, const char *path)
{
    uint8_t bytes[SEAL_KEY_BYTES];

    unlink(path); /* of a process that died here, and had our number */
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);

    if (fd < 0)
        return false;
    random_bytes(bytes, sizeof bytes);
    struct slice hex = text_hex(arena, bytes, sizeof bytes);
    struct slice line = arena_printf(arena, "%.*s%.*s\n", SLICE_ARG(words), SLICE_ARG(hex));
    bool fine = write(fd, line.p, line.n) == (ssize_t)line.n && fsync(fd) == 0;
    close(fd);
    return fine;
}

static bool sync_parent(struct arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/');
    struct slice parent = slash ? (struct slice){path, (size_t)(slash - path) + 1} : SLICE(".");
    int fd = open(arena_cstr(arena, parent), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool fine = fd >= 0 && fsync(fd) == 0;

    if (fd >= 0)
        close(fd);
    return fine;
}

enum key_file key_file_make(struct arena *arena, struct slice path, struct seal_key *out,
                            struct slice *problem)
{
    const char *name = arena_cstr(arena, path);
    const char *temporary = arena_printf(arena, "%s.%ld", name, (long)getpid()).p;
    bool made = write_new(arena, temporary);
    bool there = made && (link(temporary, name) == 0 || errno == EEXIST);
    int error = errno;

    if (made)
        unlink(temporary);
    errno = error;
    if (!there || !sync_parent(arena, name))
        return refuse_errno(arena, path, problem);
    return key_file_read(arena, path, out, problem);
}
