#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "disk.h"

/* SQLite's file system over the disks. Paths of no disk go to the real one. */

enum { disks_max = 64, shared_region_max = 1 << 20 };

static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;
static fault_disk *disks[disks_max];
static sqlite3_vfs *real;
static sqlite3_vfs ours;

typedef struct open_file {
    sqlite3_file base;
    fault_disk *disk;
    fault_file *file;
    int removes_at_close;
    int lock, is_mapped, shared_held;
} open_file;

static fault_disk *disk_of(const char *path) {
    fault_disk *found = NULL;
    if (!path) return NULL;
    pthread_mutex_lock(&table_lock);
    for (int index = 0; index < disks_max && !found; index++) {
        if (disks[index] && strncmp(path, disks[index]->prefix, strlen(disks[index]->prefix)) == 0) found = disks[index];
    }
    pthread_mutex_unlock(&table_lock);
    return found;
}

static int file_unlock(sqlite3_file *base, int level);

static int file_close(sqlite3_file *base) {
    open_file *open = (open_file *)base;
    file_unlock(base, SQLITE_LOCK_NONE);
    if (open->removes_at_close) {
        pthread_mutex_lock(&open->disk->lock);
        fault_remove(open->disk, open->file, 0);
        pthread_mutex_unlock(&open->disk->lock);
    }
    return SQLITE_OK;
}

static int file_read(sqlite3_file *base, void *buffer, int count, sqlite3_int64 offset) {
    open_file *open = (open_file *)base;
    pthread_mutex_lock(&open->disk->lock);
    int code = SQLITE_OK;
    uint64_t size = open->file->now.size;
    if (open->disk->is_off) {
        code = SQLITE_IOERR_READ;
    } else if ((uint64_t)offset + (uint64_t)count <= size) {
        memcpy(buffer, open->file->now.bytes + offset, (size_t)count);
    } else {
        memset(buffer, 0, (size_t)count);
        if ((uint64_t)offset < size) memcpy(buffer, open->file->now.bytes + offset, size - (uint64_t)offset);
        code = SQLITE_IOERR_SHORT_READ;
    }
    pthread_mutex_unlock(&open->disk->lock);
    return code;
}

static int file_write(sqlite3_file *base, const void *bytes, int count, sqlite3_int64 offset) {
    open_file *open = (open_file *)base;
    pthread_mutex_lock(&open->disk->lock);
    int result = fault_write(open->disk, open->file, (uint64_t)offset, bytes, (size_t)count);
    pthread_mutex_unlock(&open->disk->lock);
    return result == 0 ? SQLITE_OK : result == -2 ? SQLITE_FULL : SQLITE_IOERR_WRITE;
}

static int file_truncate(sqlite3_file *base, sqlite3_int64 size) {
    open_file *open = (open_file *)base;
    pthread_mutex_lock(&open->disk->lock);
    int result = fault_cut(open->disk, open->file, (uint64_t)size);
    pthread_mutex_unlock(&open->disk->lock);
    return result == 0 ? SQLITE_OK : SQLITE_IOERR_TRUNCATE;
}

static int file_sync(sqlite3_file *base, int flags) {
    (void)flags;
    open_file *open = (open_file *)base;
    pthread_mutex_lock(&open->disk->lock);
    int result = fault_sync(open->disk, open->file);
    pthread_mutex_unlock(&open->disk->lock);
    return result == 0 ? SQLITE_OK : SQLITE_IOERR_FSYNC;
}

static int file_size(sqlite3_file *base, sqlite3_int64 *size) {
    open_file *open = (open_file *)base;
    pthread_mutex_lock(&open->disk->lock);
    *size = (sqlite3_int64)open->file->now.size;
    int code = open->disk->is_off ? SQLITE_IOERR_FSTAT : SQLITE_OK;
    pthread_mutex_unlock(&open->disk->lock);
    return code;
}

static int file_lock(sqlite3_file *base, int level) {
    open_file *open = (open_file *)base;
    fault_file *file = open->file;
    if (open->lock >= level) return SQLITE_OK;
    pthread_mutex_lock(&open->disk->lock);
    int code = SQLITE_OK;
    if (level == SQLITE_LOCK_SHARED) {
        if ((file->pending && file->pending != open) || (file->exclusive && file->exclusive != open)) code = SQLITE_BUSY;
        else file->readers += 1;
    } else if (file->reserved && file->reserved != open) {
        code = SQLITE_BUSY;
    } else if (level == SQLITE_LOCK_RESERVED) {
        file->reserved = open;
    } else {
        file->pending = open;
        if (file->readers > 1) code = SQLITE_BUSY;
        else file->exclusive = open;
    }
    if (code == SQLITE_OK) open->lock = level;
    pthread_mutex_unlock(&open->disk->lock);
    return code;
}

static int file_unlock(sqlite3_file *base, int level) {
    open_file *open = (open_file *)base;
    fault_file *file = open->file;
    pthread_mutex_lock(&open->disk->lock);
    if (file->reserved == open) file->reserved = NULL;
    if (file->pending == open) file->pending = NULL;
    if (file->exclusive == open) file->exclusive = NULL;
    if (level == SQLITE_LOCK_NONE && open->lock >= SQLITE_LOCK_SHARED) file->readers -= 1;
    open->lock = level;
    pthread_mutex_unlock(&open->disk->lock);
    return SQLITE_OK;
}

static int file_reserved(sqlite3_file *base, int *result) {
    open_file *open = (open_file *)base;
    pthread_mutex_lock(&open->disk->lock);
    *result = open->file->reserved != NULL;
    pthread_mutex_unlock(&open->disk->lock);
    return SQLITE_OK;
}

static int file_control(sqlite3_file *base, int operation, void *argument) {
    (void)base;
    /* The WAL stays when the last connection closes, as the log asks for. */
    if (operation == SQLITE_FCNTL_PERSIST_WAL) {
        *(int *)argument = 1;
        return SQLITE_OK;
    }
    return SQLITE_NOTFOUND;
}
static int file_sector(sqlite3_file *base) { (void)base; return 512; }
/* Nothing is promised of torn writes. */
static int file_promises(sqlite3_file *base) { (void)base; return 0; }

static int shared_map(sqlite3_file *base, int region, int size, int extends, void volatile **pointer) {
    open_file *open = (open_file *)base;
    fault_file *file = open->file;
    pthread_mutex_lock(&open->disk->lock);
    int code = SQLITE_OK;
    *pointer = NULL;
    uint64_t end = (uint64_t)(region + 1) * (uint64_t)size;
    if (end > shared_region_max) {
        code = SQLITE_NOMEM;
    } else {
        /* One piece of memory that never moves: SQLite keeps pointers into it. */
        if (!file->shared_bytes && extends) file->shared_bytes = calloc(1, shared_region_max);
        if (!file->shared_bytes && extends) code = SQLITE_NOMEM;
        if (extends && end > file->shared_size) file->shared_size = end;
        if (!open->is_mapped) {
            open->is_mapped = 1;
            file->mappers += 1;
        }
        if (file->shared_bytes && end <= file->shared_size) *pointer = file->shared_bytes + (uint64_t)region * (uint64_t)size;
    }
    pthread_mutex_unlock(&open->disk->lock);
    return code;
}
static int shared_lock(sqlite3_file *base, int offset, int count, int flags) {
    open_file *open = (open_file *)base;
    fault_file *file = open->file;
    pthread_mutex_lock(&open->disk->lock);
    int code = SQLITE_OK;
    for (int slot = offset; slot < offset + count && code == SQLITE_OK && (flags & SQLITE_SHM_LOCK); slot++) {
        int others = file->shared_readers[slot] - (open->shared_held >> slot & 1);
        if (file->shared_writer[slot] && file->shared_writer[slot] != open) code = SQLITE_BUSY;
        if ((flags & SQLITE_SHM_EXCLUSIVE) && others > 0) code = SQLITE_BUSY;
    }
    for (int slot = offset; slot < offset + count && code == SQLITE_OK; slot++) {
        int holds = open->shared_held >> slot & 1;
        if (flags & SQLITE_SHM_EXCLUSIVE) {
            file->shared_writer[slot] = flags & SQLITE_SHM_LOCK ? open : NULL;
        } else if ((flags & SQLITE_SHM_LOCK) && !holds) {
            file->shared_readers[slot] += 1;
            open->shared_held |= 1 << slot;
        } else if ((flags & SQLITE_SHM_UNLOCK) && holds) {
            file->shared_readers[slot] -= 1;
            open->shared_held &= ~(1 << slot);
        }
    }
    pthread_mutex_unlock(&open->disk->lock);
    return code;
}
static void shared_barrier(sqlite3_file *base) { (void)base; __sync_synchronize(); }
static int shared_unmap(sqlite3_file *base, int removes) {
    (void)removes;
    open_file *open = (open_file *)base;
    fault_file *file = open->file;
    pthread_mutex_lock(&open->disk->lock);
    if (open->is_mapped && --file->mappers == 0) {
        free(file->shared_bytes);
        file->shared_bytes = NULL;
        file->shared_size = 0;
    }
    open->is_mapped = 0;
    pthread_mutex_unlock(&open->disk->lock);
    return SQLITE_OK;
}

static const sqlite3_io_methods methods = {
    2, file_close, file_read, file_write, file_truncate, file_sync, file_size, file_lock, file_unlock, file_reserved, file_control,
    file_sector, file_promises, shared_map, shared_lock, shared_barrier, shared_unmap, NULL, NULL,
};

static int vfs_open(sqlite3_vfs *vfs, sqlite3_filename path, sqlite3_file *base, int flags, int *out) {
    (void)vfs;
    fault_disk *disk = disk_of(path);
    if (!disk) return real->xOpen(real, path, base, flags, out);
    open_file *open = (open_file *)base;
    memset(open, 0, sizeof *open);
    pthread_mutex_lock(&disk->lock);
    fault_file *file = disk->is_off ? NULL : fault_find(disk, path);
    if (!file && !disk->is_off && (flags & SQLITE_OPEN_CREATE)) file = fault_make(disk, path);
    pthread_mutex_unlock(&disk->lock);
    if (!file) return SQLITE_CANTOPEN;
    open->base.pMethods = &methods;
    open->disk = disk;
    open->file = file;
    open->removes_at_close = flags & SQLITE_OPEN_DELETEONCLOSE;
    if (out) *out = flags;
    return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *path, int syncs) {
    (void)vfs;
    fault_disk *disk = disk_of(path);
    if (!disk) return real->xDelete(real, path, syncs);
    pthread_mutex_lock(&disk->lock);
    fault_file *file = fault_find(disk, path);
    int code = SQLITE_IOERR_DELETE_NOENT;
    if (disk->is_off) code = SQLITE_IOERR_DELETE;
    else if (file) code = fault_remove(disk, file, syncs) == 0 ? SQLITE_OK : SQLITE_IOERR_DELETE;
    pthread_mutex_unlock(&disk->lock);
    return code;
}

static int vfs_access(sqlite3_vfs *vfs, const char *path, int flags, int *result) {
    (void)vfs;
    fault_disk *disk = disk_of(path);
    if (!disk) return real->xAccess(real, path, flags, result);
    pthread_mutex_lock(&disk->lock);
    fault_file *file = fault_find(disk, path);
    *result = file && (flags != SQLITE_ACCESS_EXISTS || file->now.size > 0);
    int code = disk->is_off ? SQLITE_IOERR_ACCESS : SQLITE_OK;
    pthread_mutex_unlock(&disk->lock);
    return code;
}

static int vfs_path(sqlite3_vfs *vfs, const char *path, int capacity, char *full) {
    (void)vfs;
    if (!disk_of(path)) return real->xFullPathname(real, path, capacity, full);
    if ((int)strlen(path) >= capacity) return SQLITE_CANTOPEN;
    strcpy(full, path);
    return SQLITE_OK;
}

fault_disk *fault_disk_new(const char *prefix, uint64_t seed) {
    sqlite3_initialize();
    fault_disk *disk = calloc(1, sizeof *disk);
    if (!disk) return NULL;
    disk->prefix = strdup(prefix);
    disk->random = seed;
    pthread_mutex_init(&disk->lock, NULL);
    pthread_mutex_lock(&table_lock);
    if (!real) {
        real = sqlite3_vfs_find(NULL);
        ours = *real;
        ours.zName = "tocsin-fault";
        ours.szOsFile = real->szOsFile > (int)sizeof(open_file) ? real->szOsFile : (int)sizeof(open_file);
        ours.pNext = NULL;
        ours.xOpen = vfs_open;
        ours.xDelete = vfs_delete;
        ours.xAccess = vfs_access;
        ours.xFullPathname = vfs_path;
        sqlite3_vfs_register(&ours, 1);
    }
    int index = 0;
    while (index < disks_max && disks[index]) index++;
    if (index < disks_max) disks[index] = disk;
    pthread_mutex_unlock(&table_lock);
    if (index == disks_max) {
        free(disk->prefix);
        free(disk);
        return NULL;
    }
    return disk;
}

void fault_disk_free(fault_disk *disk) {
    pthread_mutex_lock(&table_lock);
    for (int index = 0; index < disks_max; index++) if (disks[index] == disk) disks[index] = NULL;
    pthread_mutex_unlock(&table_lock);
    fault_forget_files(disk);
    pthread_mutex_destroy(&disk->lock);
    free(disk->prefix);
    free(disk);
}
