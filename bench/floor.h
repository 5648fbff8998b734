// The yardstick of bench/accounts: the least that finding an account in a shared file can cost.
//
// One open-addressing table over a mapped memory file; a hit is a hash, a probe, a comparison, one look at a
// "retired" word and a copy of the record. No check of anything: what xos costs above this is the price of
// its safety.
#pragma once

#include <pwd.h>
#include <sys/mman.h>

#include <bit>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "libxos/accounts_layout.h"
#include "xosd/identity/accounts_writer.h"

namespace xos::bench {

class Floor {
  public:
    explicit Floor(const AccountsSnapshot& snapshot) {
        const size_t slots = std::bit_ceil(snapshot.accounts.size() * 2);
        mask_ = slots - 1;
        by_name_ = sizeof(uint32_t) * 2;
        by_uid_ = by_name_ + slots * sizeof(uint32_t);
        std::string bytes(by_uid_ + slots * sizeof(uint32_t), '\0');
        for (const AccountEntry& account : snapshot.accounts) {
            bytes.resize((bytes.size() + 7) & ~size_t{7});
            const auto at = static_cast<uint32_t>(bytes.size());
            const Record record{account.uid,
                                account.gid,
                                static_cast<uint16_t>(account.name.size()),
                                static_cast<uint16_t>(account.gecos.size()),
                                static_cast<uint16_t>(account.home.size()),
                                static_cast<uint16_t>(account.shell.size())};
            bytes.append(reinterpret_cast<const char*>(&record), sizeof record);
            for (const std::string* text : {&account.name, &account.gecos, &account.home, &account.shell})
                bytes.append(text->c_str(), text->size() + 1);
            insert(bytes, by_name_, layout::hash_bytes(account.name.data(), account.name.size(), 0), at);
            insert(bytes, by_uid_, layout::hash_number(account.uid, 0), at);
        }
        size_ = bytes.size();
        const int fd = memfd_create("floor", MFD_CLOEXEC);
        if (fd < 0 || write(fd, bytes.data(), size_) != static_cast<ssize_t>(size_)) abort();
        data_ = static_cast<const char*>(mmap(nullptr, size_, PROT_READ, MAP_SHARED, fd, 0));
        close(fd);
        if (data_ == MAP_FAILED) abort();
    }
    ~Floor() { munmap(const_cast<char*>(data_), size_); }
    Floor(const Floor&) = delete;
    Floor& operator=(const Floor&) = delete;

    bool find(std::string_view name, passwd* entry, char* buffer, size_t size) const {
        return find(by_name_, layout::hash_bytes(name.data(), name.size(), 0), entry, buffer, size,
                    [name](const Record& record, const char* text) {
                        return record.name == name.size() && memcmp(text, name.data(), name.size()) == 0;
                    });
    }
    bool find(uint32_t uid, passwd* entry, char* buffer, size_t size) const {
        return find(by_uid_, layout::hash_number(uid, 0), entry, buffer, size,
                    [uid](const Record& record, const char*) { return record.uid == uid; });
    }

  private:
    struct Record {
        uint32_t uid, gid;
        uint16_t name, gecos, home, shell;
    };
    uint32_t slot(const char* bytes, size_t table, size_t index) const {
        uint32_t at = 0;
        memcpy(&at, bytes + table + index * sizeof at, sizeof at);
        return at;
    }
    void insert(std::string& bytes, size_t table, uint64_t hash, uint32_t at) const {
        size_t index = hash & mask_;
        while (slot(bytes.data(), table, index) != 0) index = (index + 1) & mask_;
        memcpy(bytes.data() + table + index * sizeof at, &at, sizeof at);
    }
    bool find(size_t table, uint64_t hash, passwd* entry, char* buffer, size_t size, auto accepts) const {
        if (__atomic_load_n(reinterpret_cast<const uint32_t*>(data_), __ATOMIC_ACQUIRE) != 0) return false;
        for (size_t index = hash & mask_;; index = (index + 1) & mask_) {
            const uint32_t at = slot(data_, table, index);
            if (at == 0) return false;
            const auto* record = reinterpret_cast<const Record*>(data_ + at);
            const char* text = data_ + at + sizeof *record;
            if (!accepts(*record, text)) continue;
            const size_t bytes = size_t{record->name} + record->gecos + record->home + record->shell + 4;
            if (bytes + 2 > size) return false;
            memcpy(buffer, text, bytes);
            memcpy(buffer + bytes, "*", 2);
            entry->pw_name = buffer;
            entry->pw_gecos = entry->pw_name + record->name + 1;
            entry->pw_dir = entry->pw_gecos + record->gecos + 1;
            entry->pw_shell = entry->pw_dir + record->home + 1;
            entry->pw_passwd = buffer + bytes;
            entry->pw_uid = record->uid;
            entry->pw_gid = record->gid;
            return true;
        }
    }
    size_t mask_ = 0, by_name_ = 0, by_uid_ = 0, size_ = 0;
    const char* data_ = nullptr;
};

}  // namespace xos::bench
