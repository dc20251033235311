#ifndef TOCSIN_CKERNEL_SHIM_H
#define TOCSIN_CKERNEL_SHIM_H

/* What glibc has and Swift's Glibc module does not show: adjtimex(2), statfs(2), sem_clockwait(3), and prctl(2),
   which is variadic. */
#include <semaphore.h>
#include <sys/prctl.h>
#include <sys/timex.h>
#include <sys/vfs.h>
#include <time.h>

#include "child.h"
#include "links.h"
#include "memory.h"
#include "signals.h"

static const int ckernel_time_error = TIME_ERROR;
static const int ckernel_sta_nano = STA_NANO;

/* The calling thread's name in top -H and debuggers; cut to 15 bytes. */
static inline void ckernel_name_thread(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }

/* The magic number of a folder's filesystem (linux/magic.h); -1: errno says why. */
static inline long ckernel_filesystem(const char *path) {
    struct statfs found;
    return statfs(path, &found) == 0 ? (long)found.f_type : -1;
}

/* glibc 2.30 declares it for _GNU_SOURCE only. */
extern int sem_clockwait(sem_t *semaphore, clockid_t clock, const struct timespec *deadline);

/* 0: posted. -1: errno is ETIMEDOUT, or EINTR. */
static inline int ckernel_wait(sem_t *semaphore, clockid_t clock, const struct timespec *deadline) {
    return sem_clockwait(semaphore, clock, deadline);
}

#endif
