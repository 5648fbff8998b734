// A BPF array map as memory that only the kernel's filter writes.
//
// Owns: the mapping. Process: the agent. Trusts: the kernel to keep the map's size; a counter may be read
// while it grows, and is then the value before or after.
#pragma once

#include <sys/mman.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "libxos/result.h"

namespace xos {

template <typename T>
class MappedCounters {
  public:
    MappedCounters() = default;
    // map: made with BPF_F_MMAPABLE, of count values of T.
    static Result<MappedCounters> map(int map, size_t count) {
        static_assert(sizeof(T) % sizeof(uint64_t) == 0, "the kernel rounds each value up to eight bytes");
        void* memory = mmap(nullptr, count * sizeof(T), PROT_READ, MAP_SHARED, map, 0);
        if (memory == MAP_FAILED) return fail_errno("map the filter's counters");
        MappedCounters mapped;
        mapped.values_ = static_cast<const T*>(memory);
        mapped.count_ = count;
        return mapped;
    }
    MappedCounters(MappedCounters&& other) noexcept
        : values_(std::exchange(other.values_, nullptr)), count_(std::exchange(other.count_, 0)) {}
    MappedCounters& operator=(MappedCounters&& other) noexcept {
        std::swap(values_, other.values_);
        std::swap(count_, other.count_);
        return *this;
    }
    ~MappedCounters() {
        if (values_ != nullptr) munmap(const_cast<T*>(values_), count_ * sizeof(T));
    }

    // member of value index, 0 beyond the end.
    uint64_t read(size_t index, unsigned long long T::* member) const {
        return index < count_ ? __atomic_load_n(&(values_[index].*member), __ATOMIC_ACQUIRE) : 0;
    }

  private:
    const T* values_ = nullptr;
    size_t count_ = 0;
};

}  // namespace xos
