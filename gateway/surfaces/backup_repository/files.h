/* files.h: the users and collections that are written in files (manifest.h), kept by the surface
 * for the life of the process. */
#pragma once

#include "base/config.h"
#include "gateway/surfaces/backup_repository/manifest.h"

struct gateway;

struct manifests *backup_manifests(const struct gateway *gateway);

/* For the surface's row. Their folder may come later. */
void *backup_files_open(const struct config *config, struct arena *arena);
void backup_files_close(void *manifests);
