/* unit.h: cmocka with what it wants included before itself, and what several tests need. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

/* Runs fn in a child process. Gives its wait status and what it wrote to standard error, cut to
 * size - 1 bytes. */
static inline int unit_run_in_child(void (*fn)(void), char *text, size_t size)
{
    int ends[2], status;
    size_t n = 0;
    ssize_t got;

    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        fn();
        _exit(0);
    }
    close(ends[1]);
    char rest[256];
    while ((got = n + 1 < size ? read(ends[0], text + n, size - 1 - n)
                               : read(ends[0], rest, sizeof rest)) > 0)
        if (n + 1 < size)
            n += (size_t)got;
    text[n] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static inline bool unit_died(int status)
{
    return !(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
