/* page.h: the page of a selection that its filter asks for, in its order. */
#pragma once

#include "catalogue/selection.h"

/* out->total is set; fills in the rest. False: a fault of the file. */
bool page_take(struct selection *s, struct list_page *out);
