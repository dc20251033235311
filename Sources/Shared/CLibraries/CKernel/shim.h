#ifndef TOCSIN_CKERNEL_SHIM_H
#define TOCSIN_CKERNEL_SHIM_H

/* What glibc has and Swift's Glibc module does not show: adjtimex(2), statfs(2), and prctl(2), which is variadic. */
#include <sys/prctl.h>
#include <sys/timex.h>
#include <sys/vfs.h>

#include "child.h"
#include "memory.h"

static const int ckernel_time_error = TIME_ERROR;
static const int ckernel_sta_nano = STA_NANO;

/* The calling thread's name in top -H and debuggers; cut to 15 bytes. */
static inline void ckernel_name_thread(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }

/* The magic number of a folder's filesystem (linux/magic.h); -1: errno says why. */
static inline long ckernel_filesystem(const char *path) {
    struct statfs found;
    return statfs(path, &found) == 0 ? (long)found.f_type : -1;
}

#endif
