#include "xosd/identity/accounts_record.h"

namespace xos {
namespace {

// Fills one record; its check is made at the end of its life.
class RecordWriter {
  public:
    template <typename Record>
    RecordWriter(char* data, uint32_t unit, AccountsRecordKind kind, Record record, size_t bytes)
        : start_(data + uint64_t{unit} * kAccountsUnit), at_(start_), unit_(unit) {
        record.head.size = static_cast<uint32_t>(units_of(bytes) * kAccountsUnit);
        record.head.kind = static_cast<uint16_t>(kind);
        size_ = record.head.size;
        put(&record, sizeof record);
    }
    void put_numbers(std::span<const uint32_t> numbers) { put(numbers.data(), numbers.size_bytes()); }
    void put_text(std::string_view text) {
        put(text.data(), text.size());
        ++at_;  // the NUL is there
    }
    ~RecordWriter() {
        const uint64_t check = layout::record_check(start_, size_, unit_);
        memcpy(start_, &check, sizeof check);
    }
    RecordWriter(const RecordWriter&) = delete;
    RecordWriter& operator=(const RecordWriter&) = delete;

  private:
    void put(const void* from, size_t size) {
        if (size != 0) memcpy(at_, from, size);
        at_ += size;
    }
    char *start_, *at_;
    uint32_t unit_, size_;
};

}  // namespace

void write_record(char* data, uint32_t unit, const VoEntry& vo) {
    const AccountsVoRecord record{
        .base = vo.base, .size = vo.size, .name_size = static_cast<uint32_t>(vo.vo.size())};
    RecordWriter(data, unit, AccountsRecordKind::vo, record, record_bytes(vo)).put_text(vo.vo);
}

void write_record(char* data, uint32_t unit, const AccountEntry& account, std::span<const uint32_t> gids) {
    const AccountsUserRecord record{.uid = account.uid,
                                    .gid = account.gid,
                                    .name_size = static_cast<uint16_t>(account.name.size()),
                                    .gecos_size = static_cast<uint16_t>(account.gecos.size()),
                                    .home_size = static_cast<uint16_t>(account.home.size()),
                                    .shell_size = static_cast<uint16_t>(account.shell.size()),
                                    .group_count = static_cast<uint32_t>(gids.size())};
    RecordWriter writer(data, unit, AccountsRecordKind::account, record, record_bytes(account, gids.size()));
    writer.put_numbers(gids);
    for (const std::string* text : {&account.name, &account.gecos, &account.home, &account.shell})
        writer.put_text(*text);
}

void write_record(char* data, uint32_t unit, const GroupHead& group, std::span<const uint32_t> numbers) {
    AccountsGroupRecord record{.gid = group.gid,
                               .name_size = static_cast<uint32_t>(group.name.size()),
                               .member_count = static_cast<uint32_t>(numbers.size()),
                               .users = group.users};
    record.head.flags = group.flags;
    RecordWriter writer(data, unit, AccountsRecordKind::group, record,
                        group_record_bytes(group.name, numbers.size()));
    writer.put_numbers(numbers);
    writer.put_text(group.name);
}

}  // namespace xos
