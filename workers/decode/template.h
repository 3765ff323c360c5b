/* template.h: the process that has loaded every library and never reads a stranger's byte. For each
 * job it forks a child, which enters the sandbox, does that one job and ends, so that nothing of
 * one file's decoding is there at the next. */
#pragma once

#include "decode/decode.h"

/* Says what the sandbox reaches here (`sandbox`), then answers requests on the socket
 * (SOCK_SEQPACKET) until its other end is closed. A request is a message `decode` with descriptors
 * beside it: the original, the outputs, a socket for the child's answer and a pipe for what it
 * says on standard error. What comes back: `started`, with a pidfd of the child beside it, and,
 * when that has ended, `ended`. One child at a time. From the only thread. */
void template_serve(int socket, const struct decode_skill *skill);
