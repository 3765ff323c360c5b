/* decoder.h: one of the worker's decoders (decoders.h), which forks a child per request
 * (decode/template.h): started at once, started again when it dies. Gives it one request at a time,
 * watches the child's clock and memory meanwhile, and kills it when it does not behave. */
#pragma once

#include "base/task.h"
#include "wire/wire.h"
#include "workers/reader.h"

struct decoder;

enum decoder_end {
    DECODER_ANSWERED,    /* `decoded`, `undecodable`, `needs` or `elsewhere` */
    DECODER_UNAVAILABLE, /* no child could be had: says nothing about the file */
    DECODER_CRASHED,
    DECODER_TIMED_OUT,
    DECODER_OUT_OF_MEMORY,
    DECODER_CANCELLED,
};

/* What it may know of the environment, which can hold secrets of the operator's: where programs lie
 * and how to report; and as whom to go on. Ends with NULL; in the arena. */
char **decoder_environment(struct arena *arena, const struct reader_user *user);

/* program: its name, beside our own. Both are borrowed as long as the decoder lives. */
struct decoder *decoder_start(const char *program, const struct reader_user *user);
/* Kills the processes; suspends until nothing of them is left, and frees. */
void decoder_stop(struct task *task, struct decoder *decoder);

/* fds: the original and the outputs, borrowed. The answer lives in the task's arena, and so does
 * *said: the end of what the child wrote to its standard error, WORDS_MAX_BYTES at most. Suspends.
 */
enum { WORDS_MAX_BYTES = 1500 };
enum decoder_end decoder_ask(struct task *task, struct decoder *decoder,
                             const struct wire_decode *request, const int *fds, size_t n,
                             struct wire_message *answer, struct slice *said);
/* Suspends until there is one that takes requests, for some seconds at most. */
bool decoder_wait_ready(struct decoder *decoder);
/* Of a decoder that has been ready: what holds its children, and whether the kernel can keep a
 * program from files (Landlock). */
enum wire_hold decoder_hold(const struct decoder *decoder);
bool decoder_confines_files(const struct decoder *decoder);

/* Kills the child at work: decoder_ask() returns DECODER_CANCELLED. */
void decoder_cancel(struct decoder *decoder);
