// What a listener of bench/tracking tells the bench, in memory that both map.
//
// Owns: the mapping. Process: bench/tracking and its listeners. Trusts: one another.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>

#include "libxos/unique_fd.h"

namespace xos::bench {

struct Seen {
    std::atomic<uint64_t> events;
    std::atomic<uint64_t> exit_ns;  // CLOCK_MONOTONIC, when the latest exit became known
    std::atomic<int32_t> exit_pid;  // of that
};

class SharedSeen {
  public:
    // Of memory that another process made.
    explicit SharedSeen(UniqueFd memory)
        : memory_(std::move(memory)),
          seen_(mmap(nullptr, sizeof(Seen), PROT_READ | PROT_WRITE, MAP_SHARED, memory_.get(), 0)) {}
    SharedSeen() : SharedSeen(make_memory()) {}
    SharedSeen(const SharedSeen&) = delete;
    SharedSeen& operator=(const SharedSeen&) = delete;
    ~SharedSeen() {
        if (valid()) munmap(seen_, sizeof(Seen));
    }

    bool valid() const { return seen_ != MAP_FAILED; }
    int memory() const { return memory_.get(); }
    Seen& operator*() const { return *static_cast<Seen*>(seen_); }
    Seen* operator->() const { return static_cast<Seen*>(seen_); }

  private:
    static UniqueFd make_memory() {
        UniqueFd memory(memfd_create("xos-bench", MFD_CLOEXEC));
        if (memory && ftruncate(memory.get(), sizeof(Seen)) != 0) memory.reset();
        return memory;
    }
    UniqueFd memory_;
    void* seen_;
};

}  // namespace xos::bench
