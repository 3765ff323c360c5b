/* decode.h: a decode child at work: its libraries, and the loop that answers its worker. */
#pragma once

/* All of a process's libraries, before the sandbox closes. */
void decode_libraries_init(void);

/* Answers requests on the socket (SOCK_SEQPACKET; messages `decode` with SCM_RIGHTS) until its
 * other end is closed. */
void decode_serve(int socket);
