/* keyring_watch.h: takes up rotated signing keys without a restart: reads the keyring again every
 * second. Keys that end before their time (mediahub key rotate --now) take the open sockets along
 * that came with a token. */
#pragma once

struct gateway;
struct keyring_watch;

struct keyring_watch *keyring_watch_start(struct gateway *gateway);
void keyring_watch_stop(struct keyring_watch *watch); /* NULL is allowed; before the state closes */
