#include "catalogue_process/files.h"

#include "catalogue/applied.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_catalogue(const char *name, struct slice ending, uint64_t *database)
{
    const struct slice prefix = SLICE("catalogue-");
    struct slice rest = slice_from(name);

    if (!slice_starts_with(rest, prefix) || !slice_ends_with(rest, ending) ||
        rest.n < prefix.n + ending.n)
        return false;
    rest = slice_from_offset(rest, prefix.n);
    rest.n -= ending.n;
    return slice_to_u64(rest, database);
}

bool files_prepare(struct arena *arena, struct slice folder)
{
    return mkdir(arena_cstr(arena, folder), 0700) == 0 || errno == EEXIST;
}

uint64_t files_newest(struct slice folder)
{
    DIR *dir = opendir(folder.p);
    struct dirent *entry;
    uint64_t newest = 0, database;

    while (dir && (entry = readdir(dir)) != NULL)
        if (is_catalogue(entry->d_name, SLICE(".db"), &database) && database > newest)
            newest = database;
    if (dir)
        closedir(dir);
    return newest;
}

void files_remove_others(struct arena *arena, struct slice folder, uint64_t keep)
{
    struct slice kept = arena_printf(arena, "catalogue-%llu.db", (unsigned long long)keep);
    DIR *dir = opendir(folder.p);
    struct dirent *entry;

    while (dir && (entry = readdir(dir)) != NULL) {
        struct slice name = slice_from(entry->d_name);

        if (slice_starts_with(name, SLICE("catalogue-")) &&
            !(keep && slice_starts_with(name, kept)))
            unlinkat(dirfd(dir), entry->d_name, 0);
    }
    if (dir)
        closedir(dir);
}

struct slice files_new(struct arena *arena, struct slice folder, uint64_t database)
{
    return arena_printf(arena, "%.*s/catalogue-%llu.new", SLICE_ARG(folder),
                        (unsigned long long)database);
}
