#include "daemon/idle_memory.h"

#include <cstdint>

#include <sys/mman.h>
#include <unistd.h>

#include <link.h>
#include <malloc.h>

namespace entitle {
namespace {

int giveBack(dl_phdr_info* library, std::size_t, void*) {
    // The program itself has no name here and the kernel's own page no path: both stay.
    if (library->dlpi_name == nullptr || library->dlpi_name[0] != '/') return 0;
    const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
    for (int i = 0; i < library->dlpi_phnum; ++i) {
        const auto& segment = library->dlpi_phdr[i];
        // What was relocated lies in segments that are writable to begin with: those hold what no file has.
        if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0) continue;
        const auto begin = (library->dlpi_addr + segment.p_vaddr + page - 1) / page * page;
        const auto end = (library->dlpi_addr + segment.p_vaddr + segment.p_filesz) / page * page;
        if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
    }
    return 0;
}

}  // namespace

void giveBackIdleMemory() {
    ::malloc_trim(0);
    ::dl_iterate_phdr(giveBack, nullptr);
}

}  // namespace entitle
