#ifndef TOCSIN_CKERNEL_MEMORY_H
#define TOCSIN_CKERNEL_MEMORY_H

/* Memory that the process has and does not use. */

#include <elf.h>
#include <link.h>
#include <malloc.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/* The beginning of struct dl_phdr_info, which link.h shows to GNU programs alone. */
struct dl_phdr_info;
struct ckernel_object {
    ElfW(Addr) dlpi_addr;
    const char *dlpi_name;
    const ElfW(Phdr) *dlpi_phdr;
    ElfW(Half) dlpi_phnum;
};
extern int dl_iterate_phdr(int (*)(struct dl_phdr_info *, size_t, void *), void *);

/* A text that was changed when it was loaded exists only in memory. */
static inline int ckernel_has_text_relocations(const struct ckernel_object *object) {
    for (int index = 0; index < object->dlpi_phnum; index++) {
        if (object->dlpi_phdr[index].p_type != PT_DYNAMIC) continue;
        const ElfW(Dyn) *entry = (const ElfW(Dyn) *)(object->dlpi_addr + object->dlpi_phdr[index].p_vaddr);
        for (; entry->d_tag != DT_NULL; entry++) {
            if (entry->d_tag == DT_TEXTREL || (entry->d_tag == DT_FLAGS && (entry->d_un.d_val & DF_TEXTREL))) return 1;
        }
    }
    return 0;
}

static inline int ckernel_unmap_code_of(struct dl_phdr_info *information, size_t size, void *unused) {
    const struct ckernel_object *object = (const struct ckernel_object *)information;
    (void)size;
    (void)unused;
    if (ckernel_has_text_relocations(object)) return 0;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    for (int index = 0; index < object->dlpi_phnum; index++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[index];
        if (segment->p_type != PT_LOAD || (segment->p_flags & PF_W)) continue;
        uintptr_t start = (object->dlpi_addr + segment->p_vaddr) & ~(page - 1);
        uintptr_t end = (object->dlpi_addr + segment->p_vaddr + segment->p_memsz + page - 1) & ~(page - 1);
        madvise((void *)start, end - start, MADV_DONTNEED);
    }
    return 0;
}

/* Takes the pages of all code and constants out of this process. They stay in the page cache, and those that are used come back by themselves, some
   sixteen at a time. Segments that may be written are left alone, and no library is unloaded meanwhile: dl_iterate_phdr(3) holds the loader's lock. */
static inline void ckernel_unmap_code(void) { dl_iterate_phdr(ckernel_unmap_code_of, NULL); }

#endif
