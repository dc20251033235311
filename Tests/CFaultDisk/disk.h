#ifndef FAULT_DISK_INSIDE_H
#define FAULT_DISK_INSIDE_H

#include <pthread.h>

#include "CFaultDisk.h"

typedef struct fault_image {
    uint8_t *bytes;
    uint64_t size, capacity;
} fault_image;

/* A write, or a cut to `offset` bytes, since the last sync. */
typedef struct fault_change {
    struct fault_change *next;
    int is_cut;
    uint64_t offset;
    size_t count;
    uint8_t *bytes;
} fault_change;

typedef struct fault_file {
    struct fault_file *next;
    char *path;
    /* What programs see, and what a power cut leaves. */
    fault_image now, disk;
    int exists, is_on_disk;
    fault_change *changes, *last_change;
    /* SQLite's shared memory of a WAL: never on the disk. */
    uint8_t *shared_bytes;
    uint64_t shared_size;
    int mappers;
    /* Locks of several connections, as the real file systems keep them. */
    int readers;
    const void *reserved, *pending, *exclusive;
    int shared_readers[8];
    const void *shared_writer[8];
} fault_file;

struct fault_disk {
    pthread_mutex_t lock;
    char *prefix;
    fault_file *files;
    uint64_t steps, fault_at, limit, random;
    int fault, happened, is_off;
};

/* All with the lock held. Results as in CFaultDisk.h. */
fault_file *fault_find(fault_disk *disk, const char *path);
fault_file *fault_make(fault_disk *disk, const char *path);
int fault_write(fault_disk *disk, fault_file *file, uint64_t offset, const void *bytes, size_t count);
int fault_cut(fault_disk *disk, fault_file *file, uint64_t size);
int fault_sync(fault_disk *disk, fault_file *file);
int fault_remove(fault_disk *disk, fault_file *file, int is_synced);
void fault_forget_files(fault_disk *disk);

#endif
