#include "gateway/surfaces/backup_repository/files.h"

#include "gateway/router.h"
#include "handlers.h"

void *backup_files_open(const struct config *config, struct arena *arena)
{
    struct slice folder = config_text(config, "backup.config_path");

    if (folder.n == 0)
        folder =
            arena_printf(arena, "%.*s/backup-repository", SLICE_ARG(config_text(config, "data")));
    return manifests_open(folder, config_text(config, "backup.namespace"));
}

void backup_files_close(void *manifests)
{
    manifests_close(manifests);
}

struct manifests *backup_manifests(const struct gateway *gateway)
{
    return surface_own(gateway, &surface_backup_repository);
}
