#include "gateway/surfaces/backup_repository/collection.h"

enum { MS_PER_S = 1000 };

static bool is_open_at(const struct backup_window *window, uint64_t now_ms)
{
    uint64_t start_ms = cron_previous(&window->from, now_ms / MS_PER_S) * MS_PER_S;

    return start_ms && now_ms - start_ms < window->duration_ms;
}

bool collection_is_open(const struct backup_collection *collection, uint64_t now_ms)
{
    for (size_t i = 0; i < collection->window_count; i++)
        if (is_open_at(&collection->windows[i], now_ms))
            return true;
    return collection->window_count == 0;
}

bool collection_due_since(const struct backup_collection *collection, uint64_t now_ms,
                          uint64_t *since_ms)
{
    *since_ms = 0;
    for (size_t i = 0; i < collection->window_count; i++) {
        const struct backup_window *window = &collection->windows[i];
        uint64_t ended_s =
            now_ms > window->duration_ms ? (now_ms - window->duration_ms) / MS_PER_S : 0;
        uint64_t start_ms = cron_previous(&window->from, ended_s) * MS_PER_S;

        if (start_ms > *since_ms)
            *since_ms = start_ms;
    }
    return *since_ms > 0;
}

bool collection_surplus(const struct backup_collection *collection,
                        const struct backup_stock *stock, uint64_t *surplus)
{
    *surplus = 0;
    if (collection->max_backups == 0 || stock->count < collection->max_backups)
        return true;
    *surplus = stock->count + 1 - collection->max_backups;
    return collection->strategy.n == 0 || slice_eq(collection->strategy, SLICE("fifo"));
}

uint64_t collection_room(const struct backup_collection *collection,
                         const struct backup_stock *stock, uint64_t freed)
{
    uint64_t used = stock->bytes > freed ? stock->bytes - freed : 0;
    uint64_t room = UINT64_MAX;

    if (collection->max_collection_bytes)
        room =
            collection->max_collection_bytes > used ? collection->max_collection_bytes - used : 0;
    if (collection->max_one_version_bytes && collection->max_one_version_bytes < room)
        room = collection->max_one_version_bytes;
    return room;
}

struct object collection_object(const struct backup_collection *collection)
{
    return (struct object){SLICE("collection"), collection->name, collection->access};
}
