/* housekeeping.h: what one gateway at a time does for all: expired leases of jobs go back to their
 * queues, logins that nobody lived to end are ended, records forget collections that were deleted,
 * content that nobody refers to is collected, and unfinished uploads expire. The turn is a lease of
 * 10 s on the volatile server; whoever holds it renews it. */
#pragma once

struct gateway;
struct housekeeping;

struct housekeeping *housekeeping_start(struct gateway *gateway);
void housekeeping_stop(struct housekeeping *housekeeping); /* gives the turn away; frees itself */
