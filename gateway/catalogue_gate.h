/* catalogue_gate.h: lists and searches, out of the catalogue that this host's process of that name
 * keeps (core/catalogue). What is found are ids; the records are read from state. The file is read
 * on the disk threads. */
#pragma once

#include "catalogue/search.h"
#include "gateway/request.h"

enum { CATALOGUE_WAIT_MS = 2000 };

struct catalogue_gate *catalogue_gate_start(struct gateway *gateway);
/* Who waits gives up; then, when the loop has ended, it is freed. NULL is allowed. */
void catalogue_gate_stop(struct catalogue_gate *gate);
void catalogue_gate_free(struct catalogue_gate *gate);

/* A page no older than the request, whose route `lists`: waits until the catalogue has come so far.
 * Of everybody's (filter->owner empty), all partitions' heads are read first: one more round trip
 * where there are several. *media has what is still there of the page. ERR_CATALOGUE_BEHIND after
 * CATALOGUE_WAIT_MS. */
enum err catalogue_gate_list(struct request *req, const struct list_filter *filter,
                             struct list_page *page, struct media **media, size_t *n);

struct catalogue_standing {
    bool follows;         /* alive, and not building */
    uint64_t behind;      /* events that this gateway has read and the catalogue has not */
    uint64_t done, total; /* of the rebuild under way, or the last one */
};
void catalogue_gate_standing(struct gateway *gateway, struct catalogue_standing *out);
