#ifndef TOCSIN_CKERNEL_SIGNALS_H
#define TOCSIN_CKERNEL_SIGNALS_H

/* Signals as bytes in a pipe: what a handler may do (signal-safety(7)) is less than what Swift does behind anybody's back. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t ckernel_signal_end = -1;

static inline void ckernel_on_signal(int number) {
    int code = errno;
    unsigned char byte = (unsigned char)number;
    /* A pipe that is full of signals holds this one as well, or does not need it. */
    ssize_t ignored = write(ckernel_signal_end, &byte, 1);
    (void)ignored;
    errno = code;
}

/* The end from which the bytes are read; -1: errno says why there is none. Once a process. */
static inline int ckernel_signal_pipe(void) {
    int ends[2];
    if (pipe(ends) != 0) return -1;
    for (int end = 0; end < 2; end++) fcntl(ends[end], F_SETFD, FD_CLOEXEC);
    fcntl(ends[1], F_SETFL, O_NONBLOCK);
    ckernel_signal_end = ends[1];
    return ends[0];
}

static inline void ckernel_watch_signal(int number) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = ckernel_on_signal;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, NULL);
}

#endif
