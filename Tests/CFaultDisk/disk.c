#include "disk.h"

#include <stdlib.h>
#include <string.h>

/* The disk itself: files, their unsynced changes, and the planned fault. Every function takes the disk's lock. */

static uint64_t next_random(fault_disk *disk) {
    uint64_t z = (disk->random += 0x9E3779B97F4A7C15ull);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
}

fault_file *fault_find(fault_disk *disk, const char *path) {
    for (fault_file *file = disk->files; file; file = file->next) {
        if (file->exists && strcmp(file->path, path) == 0) return file;
    }
    return NULL;
}

static int image_resize(fault_image *image, uint64_t size) {
    if (size > image->capacity) {
        uint64_t capacity = image->capacity ? image->capacity : 4096;
        while (capacity < size) capacity *= 2;
        uint8_t *bytes = realloc(image->bytes, capacity);
        if (!bytes) return -1;
        image->bytes = bytes;
        image->capacity = capacity;
    }
    if (size > image->size) memset(image->bytes + image->size, 0, size - image->size);
    image->size = size;
    return 0;
}

static int image_write(fault_image *image, uint64_t offset, const void *bytes, size_t count) {
    if (offset + count > image->size && image_resize(image, offset + count) != 0) return -1;
    if (count) memcpy(image->bytes + offset, bytes, count);
    return 0;
}

static int image_copy(fault_image *target, const fault_image *source) {
    target->size = 0;
    if (image_resize(target, source->size) != 0) return -1;
    if (source->size) memcpy(target->bytes, source->bytes, source->size);
    return 0;
}

static void forget_changes(fault_file *file) {
    while (file->changes) {
        fault_change *change = file->changes;
        file->changes = change->next;
        free(change->bytes);
        free(change);
    }
    file->last_change = NULL;
}

static int remember(fault_file *file, int is_cut, uint64_t offset, const void *bytes, size_t count) {
    fault_change *change = calloc(1, sizeof *change);
    if (!change) return -1;
    change->is_cut = is_cut;
    change->offset = offset;
    change->count = count;
    if (count) {
        change->bytes = malloc(count);
        if (!change->bytes) {
            free(change);
            return -1;
        }
        memcpy(change->bytes, bytes, count);
    }
    if (file->last_change) file->last_change->next = change; else file->changes = change;
    file->last_change = change;
    return 0;
}

static void sync_names(fault_disk *disk) {
    for (fault_file *file = disk->files; file; file = file->next) {
        file->is_on_disk = file->exists;
        if (file->exists) continue;
        forget_changes(file);
        file->disk.size = 0;
    }
}

/* Counts a change. FAULT_NONE: go on. */
static int step(fault_disk *disk) {
    if (disk->is_off) return FAULT_POWER;
    disk->steps += 1;
    if (disk->fault == FAULT_NONE || disk->steps != disk->fault_at) return FAULT_NONE;
    disk->happened = 1;
    if (disk->fault == FAULT_POWER) disk->is_off = 1;
    return disk->fault;
}

fault_file *fault_make(fault_disk *disk, const char *path) {
    fault_file *file = fault_find(disk, path);
    if (file) return file;
    /* A name that was removed and not synced away takes its place again. */
    for (file = disk->files; file; file = file->next) {
        if (strcmp(file->path, path) == 0) break;
    }
    if (!file) {
        file = calloc(1, sizeof *file);
        if (!file) return NULL;
        file->path = strdup(path);
        file->next = disk->files;
        disk->files = file;
    }
    file->exists = 1;
    file->now.size = 0;
    remember(file, 1, 0, NULL, 0);
    return file;
}

int fault_write(fault_disk *disk, fault_file *file, uint64_t offset, const void *bytes, size_t count) {
    int was_off = disk->is_off;
    int fault = step(disk);
    if (fault == FAULT_POWER) {
        /* What was under way when the power failed may be on the platter. */
        if (!was_off) remember(file, 0, offset, bytes, count);
        return -1;
    }
    if (fault == FAULT_ERROR) return -1;
    if (fault == FAULT_FULL) return -2;
    if (disk->limit) {
        uint64_t total = 0;
        for (fault_file *other = disk->files; other; other = other->next) if (other->exists) total += other->now.size;
        uint64_t end = offset + count;
        if (end > file->now.size && total + (end - file->now.size) > disk->limit) {
            disk->happened = 1;
            return -2;
        }
    }
    if (image_write(&file->now, offset, bytes, count) != 0 || remember(file, 0, offset, bytes, count) != 0) return -1;
    return fault == FAULT_LIE ? -1 : 0;
}

int fault_cut(fault_disk *disk, fault_file *file, uint64_t size) {
    int fault = step(disk);
    if (fault != FAULT_NONE && fault != FAULT_LIE) return fault == FAULT_FULL ? -2 : -1;
    if (image_resize(&file->now, size) != 0 || remember(file, 1, size, NULL, 0) != 0) return -1;
    return fault == FAULT_LIE ? -1 : 0;
}

int fault_sync(fault_disk *disk, fault_file *file) {
    int fault = step(disk);
    if (fault == FAULT_ERROR) forget_changes(file);
    if (fault == FAULT_FULL) return -2;
    if (fault != FAULT_NONE && fault != FAULT_LIE) return -1;
    for (fault_change *change = file->changes; change; change = change->next) {
        if (change->is_cut) image_resize(&file->disk, change->offset);
        else image_write(&file->disk, change->offset, change->bytes, change->count);
    }
    forget_changes(file);
    /* The first sync of a new file syncs its folder, as SQLite's own file system does: with it go all names made and removed before. */
    if (!file->is_on_disk) sync_names(disk);
    return fault == FAULT_LIE ? -1 : 0;
}

int fault_remove(fault_disk *disk, fault_file *file, int is_synced) {
    int fault = step(disk);
    if (fault != FAULT_NONE && fault != FAULT_LIE) return -1;
    file->exists = 0;
    if (is_synced) {
        file->is_on_disk = 0;
        forget_changes(file);
        file->disk.size = 0;
    }
    return fault == FAULT_LIE ? -1 : 0;
}

/* MARK: The door for Swift */

void fault_disk_plan(fault_disk *disk, uint64_t at, int fault) {
    pthread_mutex_lock(&disk->lock);
    disk->fault_at = at;
    disk->fault = fault;
    disk->happened = 0;
    pthread_mutex_unlock(&disk->lock);
}

uint64_t fault_disk_steps(fault_disk *disk) {
    pthread_mutex_lock(&disk->lock);
    uint64_t steps = disk->steps;
    pthread_mutex_unlock(&disk->lock);
    return steps;
}

int fault_disk_happened(fault_disk *disk) {
    pthread_mutex_lock(&disk->lock);
    int happened = disk->happened;
    pthread_mutex_unlock(&disk->lock);
    return happened;
}

void fault_disk_limit(fault_disk *disk, uint64_t bytes) {
    pthread_mutex_lock(&disk->lock);
    disk->limit = bytes;
    pthread_mutex_unlock(&disk->lock);
}

void fault_disk_restart(fault_disk *disk, int keep) {
    pthread_mutex_lock(&disk->lock);
    for (fault_file *file = disk->files; file; file = file->next) {
        for (fault_change *change = file->changes; change; change = change->next) {
            if (keep == FAULT_KEEP_NOTHING) break;
            uint64_t chance = next_random(disk);
            if (keep == FAULT_KEEP_SOME && chance % 2 == 0) continue;
            if (change->is_cut) {
                image_resize(&file->disk, change->offset);
                continue;
            }
            size_t count = change->count;
            if (keep == FAULT_KEEP_SOME && (chance >> 8) % 3 == 0 && count > 512) count = 512 * ((chance >> 16) % (count / 512));
            image_write(&file->disk, change->offset, change->bytes, count);
        }
        /* A name that was never synced may be there all the same; one that was removed may be back. */
        if (file->exists != file->is_on_disk && (keep == FAULT_KEEP_ALL || (keep == FAULT_KEEP_SOME && next_random(disk) % 2 == 0)))
            file->is_on_disk = file->exists;
        forget_changes(file);
        file->exists = file->is_on_disk;
        if (!file->exists) file->disk.size = 0;
        image_copy(&file->now, &file->disk);
        free(file->shared_bytes);
        file->shared_bytes = NULL;
        file->shared_size = 0;
        file->mappers = 0;
    }
    disk->is_off = 0;
    disk->fault = FAULT_NONE;
    disk->happened = 0;
    pthread_mutex_unlock(&disk->lock);
}

int fault_disk_damage(fault_disk *disk, const char *path, uint64_t offset, uint8_t bits) {
    pthread_mutex_lock(&disk->lock);
    fault_file *file = fault_find(disk, path);
    int result = -1;
    if (file && offset < file->now.size) {
        file->now.bytes[offset] ^= bits;
        if (offset < file->disk.size) file->disk.bytes[offset] ^= bits;
        result = 0;
    }
    pthread_mutex_unlock(&disk->lock);
    return result;
}

int fault_file_create(fault_disk *disk, const char *path) {
    pthread_mutex_lock(&disk->lock);
    int result = -4;
    if (!fault_find(disk, path)) {
        int fault = step(disk);
        result = fault == FAULT_FULL ? -2 : -1;
        if (fault == FAULT_NONE || fault == FAULT_LIE) {
            fault_file *file = fault_make(disk, path);
            if (file) {
                /* The contract of segments: the name is on disk when this returns. */
                forget_changes(file);
                file->disk.size = 0;
                file->is_on_disk = 1;
                result = fault == FAULT_LIE ? -1 : 0;
            }
        }
    }
    pthread_mutex_unlock(&disk->lock);
    return result;
}

int fault_file_remove(fault_disk *disk, const char *path) {
    pthread_mutex_lock(&disk->lock);
    fault_file *file = fault_find(disk, path);
    int result = file ? fault_remove(disk, file, 1) : 0;
    pthread_mutex_unlock(&disk->lock);
    return result;
}

int64_t fault_file_size(fault_disk *disk, const char *path) {
    pthread_mutex_lock(&disk->lock);
    fault_file *file = fault_find(disk, path);
    int64_t size = disk->is_off ? -1 : file ? (int64_t)file->now.size : -3;
    pthread_mutex_unlock(&disk->lock);
    return size;
}

int fault_file_write(fault_disk *disk, const char *path, uint64_t offset, const void *bytes, size_t count) {
    pthread_mutex_lock(&disk->lock);
    fault_file *file = fault_find(disk, path);
    int result = file ? fault_write(disk, file, offset, bytes, count) : -3;
    pthread_mutex_unlock(&disk->lock);
    return result;
}

int fault_file_read(fault_disk *disk, const char *path, uint64_t offset, void *bytes, size_t count) {
    pthread_mutex_lock(&disk->lock);
    fault_file *file = fault_find(disk, path);
    int result = -3;
    if (disk->is_off) {
        result = -1;
    } else if (file) {
        result = -1;
        if (offset + count <= file->now.size) {
            if (count) memcpy(bytes, file->now.bytes + offset, count);
            result = 0;
        }
    }
    pthread_mutex_unlock(&disk->lock);
    return result;
}

int fault_file_truncate(fault_disk *disk, const char *path, uint64_t size) {
    pthread_mutex_lock(&disk->lock);
    fault_file *file = fault_find(disk, path);
    int result = file ? fault_cut(disk, file, size) : -3;
    pthread_mutex_unlock(&disk->lock);
    return result;
}

int fault_file_sync(fault_disk *disk, const char *path) {
    pthread_mutex_lock(&disk->lock);
    fault_file *file = fault_find(disk, path);
    int result = file ? fault_sync(disk, file) : -3;
    pthread_mutex_unlock(&disk->lock);
    return result;
}

int fault_file_name(fault_disk *disk, int index, char *name, size_t capacity) {
    pthread_mutex_lock(&disk->lock);
    int result = -1;
    for (fault_file *file = disk->files; file; file = file->next) {
        if (!file->exists) continue;
        if (index-- == 0) {
            const char *rest = file->path + strlen(disk->prefix);
            result = (int)strlen(rest);
            if ((size_t)result >= capacity) result = (int)capacity - 1;
            memcpy(name, rest, (size_t)result);
            name[result] = 0;
            break;
        }
    }
    pthread_mutex_unlock(&disk->lock);
    return result;
}

void fault_forget_files(fault_disk *disk) {
    while (disk->files) {
        fault_file *file = disk->files;
        disk->files = file->next;
        forget_changes(file);
        free(file->now.bytes);
        free(file->disk.bytes);
        free(file->shared_bytes);
        free(file->path);
        free(file);
    }
}
