#include "gateway/surfaces/backup_repository/manifest_file.h"

#include "base/yaml.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define API_VERSION "backups.riotkit.org/v1alpha1"
#define SUFFIX ".yaml"

enum { NAME_MAX_BYTES = 253, NAMES_STEP = 64, NAMES_MAX = 100000 };

static const struct {
    struct slice api_version, kind;
    struct slice folder; /* below the namespace's */
    struct slice label;  /* its last part */
} kinds[MANIFEST_KINDS] = {
    [MANIFEST_USER] = {SLICE_INIT(API_VERSION), SLICE_INIT("BackupUser"),
                       SLICE_INIT(API_VERSION "/backupusers"), SLICE_INIT("backupusers")},
    [MANIFEST_COLLECTION] = {SLICE_INIT(API_VERSION), SLICE_INIT("BackupCollection"),
                             SLICE_INIT(API_VERSION "/backupcollections"),
                             SLICE_INIT("backupcollections")},
    [MANIFEST_SECRET] = {SLICE_INIT("v1"), SLICE_INIT("Secret"), SLICE_INIT("v1/secrets"),
                         SLICE_INIT("secrets")},
};

/* --- names -------------------------------------------------------------------------------------
 */

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

static bool is_name(struct slice name)
{
    if (name.n == 0 || name.n > NAME_MAX_BYTES || name.p[0] == '.')
        return false;
    for (size_t i = 0; i < name.n; i++)
        if (!is_name_char(name.p[i]))
            return false;
    return true;
}

static struct slice name_of_entry(const struct dirent *entry)
{
    struct slice file = slice_from(entry->d_name), suffix = SLICE(SUFFIX);

    if (!slice_ends_with(file, suffix))
        return SLICE_NONE;
    file.n -= suffix.n;
    return is_name(file) ? file : SLICE_NONE;
}

struct slice manifest_file_folder(struct arena *arena, struct slice folder, enum manifest_kind kind)
{
    return arena_printf(arena, "%.*s/%.*s", SLICE_ARG(folder), SLICE_ARG(kinds[kind].folder));
}

void manifest_file_names(struct arena *arena, struct slice folder, enum manifest_kind kind,
                         struct slice **names, size_t *n)
{
    struct slice path = manifest_file_folder(arena, folder, kind);
    DIR *dir = opendir(path.p);
    size_t room = 0;

    *names = NULL;
    *n = 0;
    for (struct dirent *entry; dir && *n < NAMES_MAX && (entry = readdir(dir));) {
        struct slice name = name_of_entry(entry);

        if (!name.n)
            continue;
        if (*n == room) {
            struct slice *more = ARENA_ARRAY(arena, struct slice, room = 2 * room + NAMES_STEP);

            if (*n)
                memcpy(more, *names, *n * sizeof **names);
            *names = more;
        }
        (*names)[(*n)++] = arena_dup(arena, name);
    }
    if (dir)
        closedir(dir);
}

/* --- bytes -------------------------------------------------------------------------------------
 */

static enum err refuse(struct manifest_file *file, struct slice problem)
{
    file->problem = problem;
    return ERR_INTERNAL;
}

static enum err read_bytes(struct arena *arena, int fd, struct manifest_file *file,
                           struct slice *out)
{
    struct stat status;
    size_t n = 0;
    ssize_t got;

    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
        return refuse(file, SLICE("is no regular file"));
    file->stamp = (struct manifest_stamp){
        .modified_ns =
            (uint64_t)status.st_mtim.tv_sec * 1000000000 + (uint64_t)status.st_mtim.tv_nsec,
        .size = (uint64_t)status.st_size,
        .inode = status.st_ino,
    };
    if (status.st_size > YAML_MAX_BYTES)
        return refuse(file, SLICE("is larger than 256 KiB"));
    char *bytes = arena_alloc(arena, (size_t)status.st_size + 1);
    while (n < (size_t)status.st_size &&
           (got = read(fd, bytes + n, (size_t)status.st_size - n)) > 0)
        n += (size_t)got;
    if (n < (size_t)status.st_size)
        return refuse(file, SLICE("cannot be read"));
    *out = (struct slice){bytes, n};
    return OK;
}

/* A name that is too long for a file system is one that no file has. */
static bool is_absence(int error)
{
    return error == ENOENT || error == ENOTDIR || error == ENAMETOOLONG;
}

/* A pipe in its place must not hold up the thread: O_NONBLOCK. */
static enum err read_text(struct arena *arena, struct slice path, struct manifest_file *file,
                          struct slice *out)
{
    int fd = open(path.p, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0)
        return is_absence(errno) ? ERR_NOT_FOUND
                                 : refuse(file, arena_printf(arena, "cannot be opened: %s",
                                                             strerrordesc_np(errno)));
    enum err err = read_bytes(arena, fd, file, out);
    close(fd);
    return err;
}

/* --- meaning -----------------------------------------------------------------------------------
 */

static enum err check_place(struct arena *arena, enum manifest_kind kind, struct slice name,
                            struct manifest_file *file)
{
    const json_t *tree = file->tree;

    if (!slice_eq(json_get_slice(tree, "apiVersion"), kinds[kind].api_version))
        return refuse(file, arena_printf(arena, "apiVersion must be %.*s",
                                         SLICE_ARG(kinds[kind].api_version)));
    if (!slice_eq(json_get_slice(tree, "kind"), kinds[kind].kind))
        return refuse(file, arena_printf(arena, "kind must be %.*s", SLICE_ARG(kinds[kind].kind)));
    if (!slice_eq(json_get_slice(json_object_get(tree, "metadata"), "name"), name))
        return refuse(file, SLICE("metadata.name must be the name of the file"));
    return OK;
}

enum err manifest_file_read(struct arena *arena, struct slice folder, enum manifest_kind kind,
                            struct slice name, struct manifest_file *out)
{
    struct slice text;

    *out = (struct manifest_file){0};
    if (!is_name(name))
        return ERR_NOT_FOUND;
    out->label =
        arena_printf(arena, "%.*s/%.*s" SUFFIX, SLICE_ARG(kinds[kind].label), SLICE_ARG(name));
    enum err err = read_text(arena,
                             arena_printf(arena, "%.*s/%.*s/%.*s" SUFFIX, SLICE_ARG(folder),
                                          SLICE_ARG(kinds[kind].folder), SLICE_ARG(name)),
                             out, &text);
    if (err != OK)
        return err;
    out->tree = yaml_parse(arena, text, &out->problem);
    return out->tree ? check_place(arena, kind, name, out) : ERR_INTERNAL;
}
