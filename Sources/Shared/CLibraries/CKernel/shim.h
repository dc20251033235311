#ifndef TOCSIN_CKERNEL_SHIM_H
#define TOCSIN_CKERNEL_SHIM_H

/* What glibc has and Swift's Glibc module does not show: adjtimex(2), and prctl(2), which is variadic. */
#include <sys/prctl.h>
#include <sys/timex.h>

#include "child.h"
#include "memory.h"

static const int ckernel_time_error = TIME_ERROR;
static const int ckernel_sta_nano = STA_NANO;

/* The calling thread's name in top -H and debuggers; cut to 15 bytes. */
static inline void ckernel_name_thread(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }

#endif
