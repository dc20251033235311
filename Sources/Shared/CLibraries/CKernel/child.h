#ifndef TOCSIN_CKERNEL_CHILD_H
#define TOCSIN_CKERNEL_CHILD_H

/* A program of the operator's, started so that nothing of ours reaches it: posix_spawn(3) can neither take capabilities away nor tie the
   child's life to ours. Between fork(2) and execve(2) only async-signal-safe functions are called. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

/* Not in the headers of every C library that builds this. */
#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

static inline void ckernel_become(char *const argv[], char *const envp[], const int ends[3], int report, pid_t parent) {
    setpgid(0, 0);
    /* It must not outlive the agent; if the agent is gone already there was no signal to come. */
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (getppid() != parent) _exit(127);
    /* The packaged agent may read every file: what it starts may not. */
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    for (int target = 0; target < 3; target++) {
        if (dup2(ends[target], target) < 0) goto failed;
    }
    syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC);
    if (chdir("/") != 0) goto failed;
    execve(argv[0], argv, envp);
failed:;
    int code = errno;
    ssize_t ignored = write(report, &code, sizeof code);
    (void)ignored;
    _exit(127);
}

/* Moves a descriptor out of the way of 0, 1 and 2. */
static inline int ckernel_above_stderr(int descriptor) {
    if (descriptor < 0 || descriptor > 2) return descriptor;
    int moved = fcntl(descriptor, F_DUPFD_CLOEXEC, 3);
    close(descriptor);
    return moved;
}

/* A descriptor from which these bytes are read: a file in memory, so that nobody has to wait for a reader, nor hears of one that went away. */
static inline int ckernel_input(const void *bytes, size_t count) {
    if (count == 0) return ckernel_above_stderr(open("/dev/null", O_RDONLY | O_CLOEXEC));
    int file = ckernel_above_stderr((int)syscall(SYS_memfd_create, "input", 1U /* MFD_CLOEXEC */));
    if (file < 0) return -1;
    size_t written = 0;
    while (written < count) {
        ssize_t piece = write(file, (const char *)bytes + written, count - written);
        if (piece < 0 && errno != EINTR) {
            int code = errno;
            close(file);
            errno = code;
            return -1;
        }
        if (piece > 0) written += (size_t)piece;
    }
    lseek(file, 0, SEEK_SET);
    return file;
}

/* Starts argv[0] in a process group of its own, with `input` (which is closed) as its standard input. `ours` receives our ends of its standard
   output and error, which do not block. Returns 0, or an errno: then nothing was started. */
static inline int ckernel_start(char *const argv[], char *const envp[], int input, pid_t *pid, int ours[2]) {
    if (input < 0) return errno;
    int pairs[3][2] = {{-1, -1}, {-1, -1}, {-1, -1}};
    int code = 0;
    for (int index = 0; index < 3 && code == 0; index++) {
        if (pipe2(pairs[index], O_CLOEXEC) != 0) {
            code = errno;
        } else {
            for (int end = 0; end < 2; end++) {
                pairs[index][end] = ckernel_above_stderr(pairs[index][end]);
                if (pairs[index][end] < 0) code = EMFILE;
            }
        }
    }
    if (code == 0) {
        int theirs[3] = {input, pairs[0][1], pairs[1][1]};
        pid_t parent = getpid();
        pid_t child = fork();
        if (child == 0) ckernel_become(argv, envp, theirs, pairs[2][1], parent);
        if (child < 0) {
            code = errno;
        } else {
            /* In both processes, so that neither has to wait for the other before it may be killed as a group. */
            setpgid(child, child);
            close(pairs[2][1]);
            pairs[2][1] = -1;
            int report = 0;
            ssize_t count;
            do count = read(pairs[2][0], &report, sizeof report);
            while (count < 0 && errno == EINTR);
            if (count == (ssize_t)sizeof report) {
                code = report;
                while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {}
            } else {
                *pid = child;
            }
        }
    }
    if (code == 0) {
        for (int index = 0; index < 2; index++) {
            ours[index] = pairs[index][0];
            pairs[index][0] = -1;
            fcntl(ours[index], F_SETFL, O_NONBLOCK);
        }
    }
    for (int index = 0; index < 3; index++) {
        for (int end = 0; end < 2; end++) {
            if (pairs[index][end] >= 0) close(pairs[index][end]);
        }
    }
    close(input);
    return code;
}

/* Whether it has ended. It stays a zombie, so that its number and its group's belong to nobody else. */
static inline int ckernel_has_ended(pid_t pid) {
    siginfo_t info;
    info.si_pid = 0;
    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == pid;
}

/* A descriptor that is readable when the process has ended; -1 before Linux 5.3. */
static inline int ckernel_pidfd(pid_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }

#endif
