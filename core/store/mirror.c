#include "store/mirror.h"

#include "base/crypto.h"
#include "base/memory.h"
#include "store/layout.h"
#include "store/store_errno.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COPY_BYTES = 1 << 20, FOLDER_MODE = 0700, FILE_MODE = 0600, VARIANTS_PATH_MAX = 96 };

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static enum err make_way(int at, const char *path)
{
    char folder[LAYOUT_PATH_MAX];

    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
        if (mkdirat(at, folder, FOLDER_MODE) != 0 && errno != EEXIST)
            return store_errno("mkdir", errno);
    }
    return OK;
}

static enum err write_all(int fd, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t written = write(fd, bytes, n);

        if (written < 0 && errno != EINTR)
            return store_errno("write", errno);
        if (written > 0) {
            bytes += written;
            n -= (size_t)written;
        }
    }
    return OK;
}

/* hash: NULL when nobody asks. */
static enum err copy_bytes(struct mirror *mirror, int from, int to, struct sha256 *hash)
{
    char *bytes = mem_alloc(COPY_BYTES);
    enum err err = OK;
    ssize_t n;

    while (err == OK && (n = read(from, bytes, COPY_BYTES)) != 0) {
        if (n < 0) {
            err = store_errno("read", errno);
            break;
        }
        if (hash)
            sha256_update(hash, bytes, (size_t)n);
        err = write_all(to, bytes, (size_t)n);
        mirror->bytes += (uint64_t)n;
    }
    mem_free(bytes);
    return err;
}

static enum err copy(struct mirror *mirror, int from, const struct stat *info, const char *path,
                     struct sha256 *hash)
{
    struct timespec times[] = {info->st_mtim, info->st_mtim};

    unlinkat(mirror->to, path, 0);
    int to =
        openat(mirror->to, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
    if (to < 0)
        return store_errno("create", errno);
    enum err err = copy_bytes(mirror, from, to, hash);
    if (err == OK && futimens(to, times) != 0)
        err = store_errno("futimens", errno);
    close(to);
    mirror->copied += err == OK;
    return err;
}

static bool link_before(struct mirror *mirror, const struct stat *info, const char *path,
                        bool by_size)
{
    struct stat before;

    if (mirror->before < 0 || fstatat(mirror->before, path, &before, AT_SYMLINK_NOFOLLOW) != 0 ||
        !(by_size ? before.st_size == info->st_size : same_file(&before, info)))
        return false;
    unlinkat(mirror->to, path, 0);
    bool linked = linkat(mirror->before, path, mirror->to, path, 0) == 0;
    mirror->linked += linked;
    return linked;
}

/* by_size: content does not change, so what has its size is it. */
static enum err mirror_open(struct mirror *mirror, int from, const char *path, bool by_size,
                            struct sha256 *hash)
{
    struct stat info, there;

    if (fstat(from, &info) != 0)
        return store_errno("fstat", errno);
    if (fstatat(mirror->to, path, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
        (by_size ? there.st_size == info.st_size : same_file(&there, &info)))
        return ERR_CONFLICT; /* as it should be already */
    enum err err = make_way(mirror->to, path);
    if (err != OK)
        return err;
    return link_before(mirror, &info, path, by_size) ? ERR_CONFLICT
                                                     : copy(mirror, from, &info, path, hash);
}

static enum err mirror_path(struct mirror *mirror, const char *source, const char *path,
                            bool by_size, struct sha256 *hash)
{
    int from = openat(mirror->from, source, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

    if (from < 0)
        return store_errno("open", errno);
    enum err err = mirror_open(mirror, from, path, by_size, hash);
    close(from);
    return err;
}

static enum err there_is_fine(enum err err)
{
    return err == ERR_CONFLICT ? OK : err;
}

enum err mirror_file(struct mirror *mirror, const char *path)
{
    return there_is_fine(mirror_path(mirror, path, path, false, NULL));
}

enum err mirror_blob(struct mirror *mirror, struct slice sha256_hex)
{
    char path[LAYOUT_PATH_MAX], trashed[LAYOUT_PATH_MAX], hex[SHA256_HEX + 1];
    uint8_t digest[SHA256_BYTES];

    if (!layout_is_hash(sha256_hex))
        return ERR_NOT_FOUND;
    struct sha256 *hash = sha256_new();
    layout_blob(path, sha256_hex);
    layout_trashed_blob(trashed, sha256_hex);
    enum err err = mirror_path(mirror, path, path, true, hash);
    if (err == ERR_NOT_FOUND) /* the collector has taken it, and it is needed all the same */
        err = mirror_path(mirror, trashed, path, true, hash);
    sha256_final(hash, digest);
    sha256_free(hash);
    sodium_bin2hex(hex, sizeof hex, digest, sizeof digest);
    if (err == OK && !slice_eq(sha256_hex, slice_from(hex)))
        return ERR_UNPROCESSABLE;
    return there_is_fine(err);
}

enum err mirror_variants(struct mirror *mirror, struct slice sha256_hex)
{
    char folder[LAYOUT_PATH_MAX], path[LAYOUT_PATH_MAX];
    enum err err = OK;

    if (!layout_is_hash(sha256_hex))
        return ERR_NOT_FOUND;
    layout_variants(folder, sha256_hex);
    int fd = openat(mirror->from, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir) {
        if (fd >= 0)
            close(fd);
        return OK; /* it has none */
    }
    for (const struct dirent *entry = readdir(dir); entry && err == OK; entry = readdir(dir)) {
        if (entry->d_name[0] == '.')
            continue;
        if (snprintf(path, sizeof path, "%.*s/%s", VARIANTS_PATH_MAX, folder, entry->d_name) >=
            (int)sizeof path)
            continue; /* no name of ours */
        err = mirror_file(mirror, path);
        if (err == ERR_NOT_FOUND) /* exchanged in this moment: the second look has it */
            err = OK;
    }
    closedir(dir);
    return err;
}

enum err mirror_sync(const struct mirror *mirror)
{
    return syncfs(mirror->to) == 0 ? OK : store_errno("syncfs", errno);
}
