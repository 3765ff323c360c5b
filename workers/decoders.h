/* decoders.h: the three decoders of a worker, one for each set of libraries (decode/decode.h): the
 * smallest is started at once, the others when they are wanted first. What a file begins with says
 * whom to ask, and whoever lacks the libraries for it says so, so that the next one is asked. */
#pragma once

#include "workers/decoder.h"

struct decoders;

/* user: borrowed as long as they live. */
struct decoders *decoders_start(const struct reader_user *user);
/* Kills the processes; suspends until nothing of them is left, and frees. */
void decoders_stop(struct task *task, struct decoders *decoders);

/* The program that becomes ffmpeg, too. */
#define DECODERS_SMALLEST "mediahub-decode"

/* Of the smallest one: decoder_wait_ready(), decoder_hold(), decoder_confines_files(). The others
 * reach the same. */
bool decoders_wait_ready(struct decoders *decoders);
enum wire_hold decoders_hold(const struct decoders *decoders);
bool decoders_confine_files(const struct decoders *decoders);

/* decoder_ask() of whoever can do it; the answer is never `elsewhere`. head: of the original, as
 * many bytes as sniff_mime() wants. One request at a time. */
enum decoder_end decoders_ask(struct task *task, struct decoders *decoders, struct slice head,
                              const struct wire_decode *request, const int *fds, size_t n,
                              struct wire_message *answer, struct slice *said);

/* Ends the request under way: decoders_ask() returns DECODER_CANCELLED. */
void decoders_cancel(struct decoders *decoders);
