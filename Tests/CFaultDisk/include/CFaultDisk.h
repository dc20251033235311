#ifndef CFAULTDISK_H
#define CFAULTDISK_H

#include <stddef.h>
#include <stdint.h>

/* A disk in memory that forgets what was not synced, for tests.
 *
 * While it exists SQLite opens every file whose path begins with its prefix on it; all other paths go to the real disk. Segments of a test
 * write into the same disk, so that one counter numbers every change (write, cut, sync, create, remove) of both.
 *
 * A file has the content that programs see, and a list of changes since its last sync. When the power fails, the program sees errors only; at
 * the restart each unsynced change is kept or dropped by chance, and a kept write may be torn at a sector of 512 bytes. */

typedef struct fault_disk fault_disk;

/* What happens at a chosen step. */
enum {
    FAULT_NONE = 0,
    /* The power fails: this change and all later calls fail. */
    FAULT_POWER = 1,
    /* This one call fails, and a sync that fails drops what it should have written: it is seen until the restart, and never reaches the disk. */
    FAULT_ERROR = 2,
    /* This one call fails with "disk full". */
    FAULT_FULL = 3,
    /* The call does what it should and says that it failed. */
    FAULT_LIE = 4
};

/* What is kept of unsynced changes at a restart. */
enum { FAULT_KEEP_NOTHING = 0, FAULT_KEEP_SOME = 1, FAULT_KEEP_ALL = 2 };

/* NULL when there is no memory or the limit of 64 disks at once is reached. */
fault_disk *fault_disk_new(const char *prefix, uint64_t seed);
void fault_disk_free(fault_disk *disk);

void fault_disk_plan(fault_disk *disk, uint64_t step, int fault);
uint64_t fault_disk_steps(fault_disk *disk);
/* Whether the planned fault has happened. */
int fault_disk_happened(fault_disk *disk);
/* Bytes that all files together may have; 0: no limit. */
void fault_disk_limit(fault_disk *disk, uint64_t bytes);
/* The power comes back. All files must have been closed. */
void fault_disk_restart(fault_disk *disk, int keep);
/* Turns over bits of a file where they lie, as if they had been synced so. 0: done, -1: no such byte. */
int fault_disk_damage(fault_disk *disk, const char *path, uint64_t offset, uint8_t bits);

/* Files of segments. Results below 0: -1 failed, -2 disk full, -3 no such file, -4 there is one. */
int fault_file_create(fault_disk *disk, const char *path);
int fault_file_remove(fault_disk *disk, const char *path);
int64_t fault_file_size(fault_disk *disk, const char *path);
int fault_file_write(fault_disk *disk, const char *path, uint64_t offset, const void *bytes, size_t count);
int fault_file_read(fault_disk *disk, const char *path, uint64_t offset, void *bytes, size_t count);
int fault_file_truncate(fault_disk *disk, const char *path, uint64_t size);
int fault_file_sync(fault_disk *disk, const char *path);
/* The nth name below the prefix, into `name`; its length, or -1 when there are no more. */
int fault_file_name(fault_disk *disk, int index, char *name, size_t capacity);

#endif
