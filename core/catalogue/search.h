/* search.h: the catalogue's file, as those see it who only read: pages of media, with their number.
 * Blocking, so for the disk threads; a search is used by one thread at a time. */
#pragma once

#include "base/err.h"
#include "catalogue/list.h"

struct search;

/* ERR_CATALOGUE_BEHIND: it cannot be opened now; ERR_INTERNAL: it is damaged. */
enum err search_open(const char *path, struct search **out);
void search_close(struct search *search);

/* All of one moment. ERR_CATALOGUE_BEHIND: the file has not come so far, is of another history, or
 * cannot be read now; ERR_INTERNAL: it is damaged. */
enum err search_list(struct search *search, struct arena *arena, const struct list_filter *filter,
                     const struct list_need *needs, size_t n, struct list_page *out);
