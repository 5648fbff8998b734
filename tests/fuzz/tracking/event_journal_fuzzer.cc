// Any file as a journal of process events: refused, or records that can be told.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>

#include "common/tracking/event_journal.h"
#include "libxos/unique_fd.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static const xos::UniqueFd file(memfd_create("journal", MFD_CLOEXEC));
    if (ftruncate(file.get(), 0) != 0 || pwrite(file.get(), data, size, 0) != static_cast<ssize_t>(size))
        return 0;
    uint64_t offset = 0;
    for (;;) {
        const auto page = xos::read_journal(file.get(), offset, 7);
        if (!page || page->records.empty()) return 0;
        if (page->next != offset + page->records.size() * sizeof(xos::EventRecord) || page->next > size)
            std::abort();
        offset = page->next;
        for (const xos::EventRecord& record : page->records)
            if (xos::comm_of(record).size() > record.comm.size() ||
                *xos::process_event_name(record.kind) == '?')
                std::abort();
    }
}
