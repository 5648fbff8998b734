#include "libxos/accounts_file.h"

namespace xos {
namespace {

constexpr uint32_t kHeaderSizeMax = 4096;

bool is_section_inside(const AccountsPlace& place, const AccountsHeader& header, bool hashed) {
    const uint64_t begin = uint64_t{place.unit} * kAccountsUnit;
    if (begin < header.header_size || begin + uint64_t{place.slots} * kAccountsUnit > header.file_size)
        return false;
    return !hashed || (place.slots != 0 && (place.slots & (place.slots - 1)) == 0);
}

bool is_sound(const AccountsHeader& header, const void* data, size_t size) {
    if (header.header_size < sizeof header || header.header_size > kHeaderSizeMax ||
        header.header_size > size)
        return false;
    if (header.header_size % kAccountsUnit != 0) return false;
    if (layout::header_check(data, header.header_size) != header.check) return false;
    if (header.file_size != size || header.probe_max > kAccountsProbeMax) return false;
    const uint64_t arena = uint64_t{header.arena_unit} * kAccountsUnit;
    if (arena < header.header_size || arena + uint64_t{header.arena_units} * kAccountsUnit > size)
        return false;
    for (size_t i = 0; i < kAccountsSections; ++i)
        if (!is_section_inside(header.sections[i], header, i < static_cast<size_t>(AccountsSection::vo_list)))
            return false;
    return true;
}

// The text of size bytes at *at, which a NUL must follow; moves *at behind it. end is the end of the record.
bool take_text(const char** at, const char* end, size_t size, std::string_view* text) {
    if (static_cast<size_t>(end - *at) <= size || (*at)[size] != '\0') return false;
    *text = std::string_view(*at, size);
    *at += size + 1;
    return true;
}

GroupView private_group(const AccountView& account) {
    return GroupView{.name = account.name, .gid = account.gid, .members = nullptr, .member_count = 0};
}

}  // namespace

Result<AccountsFile> AccountsFile::attach(const void* data, size_t size) {
    AccountsHeader header;
    if (size < sizeof header || size > kAccountsSizeMax ||
        reinterpret_cast<uintptr_t>(data) % kAccountsUnit != 0)
        return fail(Errc::unavailable, "accounts file: size");
    memcpy(&header, data, sizeof header);
    if (memcmp(header.magic, kAccountsMagic, sizeof header.magic) != 0 || header.abi != kAccountsAbi)
        return fail(Errc::unavailable, "accounts file: not of this version");
    if (!is_sound(header, data, size)) return fail(Errc::unavailable, "accounts file: header");
    AccountsFile file;
    file.data_ = static_cast<const char*>(data);
    file.size_ = size;
    file.seed_ = header.seed;
    file.arena_unit_ = header.arena_unit;
    file.arena_units_ = header.arena_units;
    file.probe_max_ = header.probe_max;
    memcpy(file.places_, header.sections, sizeof file.places_);
    return file;
}

bool AccountsFile::is_retired() const {
    const auto* retired = reinterpret_cast<const uint32_t*>(data_ + offsetof(AccountsHeader, retired));
    return __atomic_load_n(retired, __ATOMIC_ACQUIRE) != 0;
}

uint64_t AccountsFile::generation() const {
    return layout::load_word(data_ + offsetof(AccountsHeader, generation), sizeof(uint64_t));
}

uint64_t AccountsFile::load_slot(AccountsSection section, uint32_t index) const {
    const char* at = data_ + (uint64_t{place(section).unit} + index) * kAccountsUnit;
    return __atomic_load_n(reinterpret_cast<const uint64_t*>(at), __ATOMIC_ACQUIRE);
}

const char* AccountsFile::find_record(uint32_t unit, AccountsRecordKind kind, uint32_t* size) const {
    if (unit < arena_unit_ || unit - arena_unit_ >= arena_units_) return nullptr;
    const uint64_t left = (uint64_t{arena_units_} - (unit - arena_unit_)) * kAccountsUnit;
    AccountsRecordHead head;
    if (left < sizeof head) return nullptr;
    const char* at = data_ + uint64_t{unit} * kAccountsUnit;
    memcpy(&head, at, sizeof head);
    if (head.kind != static_cast<uint16_t>(kind) || head.size < sizeof head || head.size > left ||
        head.size % kAccountsUnit != 0)
        return nullptr;
    if (layout::record_check(at, head.size, unit) != head.check) return nullptr;
    *size = head.size;
    return at;
}

Result<VoBlock> AccountsFile::read_vo(uint32_t unit) const {
    uint32_t size = 0;
    const char* at = find_record(unit, AccountsRecordKind::vo, &size);
    AccountsVoRecord record;
    if (at == nullptr || size < sizeof record) return fail(Errc::unavailable, "accounts file: VO record");
    memcpy(&record, at, sizeof record);
    const char* end = at + size;
    at += sizeof record;
    VoBlock block{.vo = {}, .base = record.base, .size = record.size};
    if (!take_text(&at, end, record.name_size, &block.vo))
        return fail(Errc::unavailable, "accounts file: VO record");
    return block;
}

Result<AccountView> AccountsFile::read_user(uint32_t unit) const {
    uint32_t size = 0;
    const char* at = find_record(unit, AccountsRecordKind::account, &size);
    AccountsUserRecord record;
    if (at == nullptr || size < sizeof record)
        return fail(Errc::unavailable, "accounts file: account record");
    memcpy(&record, at, sizeof record);
    const char* end = at + size;
    at += sizeof record;
    AccountView account;
    account.uid = record.uid;
    account.gid = record.gid;
    account.groups = reinterpret_cast<const uint32_t*>(at);
    account.group_count = record.group_count;
    if (static_cast<uint64_t>(end - at) / sizeof(uint32_t) < record.group_count)
        return fail(Errc::unavailable, "accounts file: account record");
    at += uint64_t{record.group_count} * sizeof(uint32_t);
    const char* text = at;
    if (!take_text(&at, end, record.name_size, &account.name) ||
        !take_text(&at, end, record.gecos_size, &account.gecos) ||
        !take_text(&at, end, record.home_size, &account.home) ||
        !take_text(&at, end, record.shell_size, &account.shell))
        return fail(Errc::unavailable, "accounts file: account record");
    account.text = std::string_view(text, static_cast<size_t>(at - text));
    return account;
}

Result<GroupView> AccountsFile::read_group(uint32_t unit) const {
    uint32_t size = 0;
    const char* at = find_record(unit, AccountsRecordKind::group, &size);
    AccountsGroupRecord record;
    if (at == nullptr || size < sizeof record) return fail(Errc::unavailable, "accounts file: group record");
    memcpy(&record, at, sizeof record);
    const char* end = at + size;
    at += sizeof record;
    GroupView group{.name = {},
                    .gid = record.gid,
                    .members = reinterpret_cast<const uint32_t*>(at),
                    .member_count = record.member_count};
    if (static_cast<uint64_t>(end - at) / sizeof(uint32_t) < record.member_count)
        return fail(Errc::unavailable, "accounts file: group record");
    at += uint64_t{record.member_count} * sizeof(uint32_t);
    if (!take_text(&at, end, record.name_size, &group.name))
        return fail(Errc::unavailable, "accounts file: group record");
    return group;
}

template <typename View>
Result<View> AccountsFile::search(AccountsSection section, uint64_t hash,
                                  Result<View> (AccountsFile::*read)(uint32_t) const, auto accepts) const {
    const uint32_t slots = place(section).slots;
    if (slots == 0) return fail(Errc::unavailable, "accounts file: not open");
    const uint32_t first = layout::hash_index(hash, slots);
    for (uint32_t i = 0; i <= probe_max_ && i < slots; ++i) {
        const uint32_t index = (first + i) & (slots - 1);
        const uint64_t slot = load_slot(section, index);
        if (!layout::slot_holds(slot, section, index)) return fail(Errc::unavailable, "accounts file: slot");
        const uint32_t unit = layout::slot_unit(slot);
        if (unit == kSlotEmpty) break;
        if (unit == kSlotTombstone || layout::slot_tag(slot) != layout::hash_tag(hash)) continue;
        const Result<View> view = (this->*read)(unit);
        if (!view || accepts(*view)) return view;
    }
    return fail(Errc::not_found, "");
}

Result<VoBlock> AccountsFile::find_vo(std::string_view vo) const {
    return search(AccountsSection::by_vo, layout::hash_bytes(vo.data(), vo.size(), seed_),
                  &AccountsFile::read_vo, [vo](const VoBlock& found) { return found.vo == vo; });
}

Result<AccountView> AccountsFile::find_user(std::string_view name) const {
    return search(AccountsSection::by_name, layout::hash_bytes(name.data(), name.size(), seed_),
                  &AccountsFile::read_user, [name](const AccountView& found) { return found.name == name; });
}

Result<AccountView> AccountsFile::find_user(uint32_t uid) const {
    return search(AccountsSection::by_uid, layout::hash_number(uid, seed_), &AccountsFile::read_user,
                  [uid](const AccountView& found) { return found.uid == uid; });
}

Result<GroupView> AccountsFile::find_group(std::string_view name) const {
    const Result<GroupView> group =
        search(AccountsSection::by_group, layout::hash_bytes(name.data(), name.size(), seed_),
               &AccountsFile::read_group, [name](const GroupView& found) { return found.name == name; });
    if (group || group.error().code != Errc::not_found) return group;
    const Result<AccountView> account = find_user(name);
    if (!account) return std::unexpected(account.error());
    if (account->gid != account->uid) return fail(Errc::not_found, "");
    return private_group(*account);
}

Result<GroupView> AccountsFile::find_group(uint32_t gid) const {
    const Result<GroupView> group =
        search(AccountsSection::by_gid, layout::hash_number(gid, seed_), &AccountsFile::read_group,
               [gid](const GroupView& found) { return found.gid == gid; });
    if (group || group.error().code != Errc::not_found) return group;
    const Result<AccountView> account = find_user(gid);
    if (!account) return std::unexpected(account.error());
    if (account->gid != gid) return fail(Errc::not_found, "");
    return private_group(*account);
}

Result<AccountView> AccountsFile::find_member(const GroupView& group, uint32_t index) const {
    if (index >= group.member_count) return fail(Errc::not_found, "");
    return read_user(group.members[index]);
}

template <typename View>
Result<View> AccountsFile::walk(AccountsSection section, AccountsCursor& cursor,
                                Result<View> (AccountsFile::*read)(uint32_t) const, auto id_of) const {
    const auto read_at = [&](uint32_t index) -> Result<View> {
        const uint64_t slot = load_slot(section, index);
        if (!layout::slot_holds(slot, section, index)) return fail(Errc::unavailable, "accounts file: slot");
        return (this->*read)(layout::slot_unit(slot));
    };
    const uint32_t slots = place(section).slots;
    uint32_t index = cursor.started ? cursor.index : 0;
    if (cursor.started && cursor.seed != seed_) {
        // another file by now: go on behind the id that was given last
        uint32_t end = slots;
        for (index = 0; index < end;) {
            const uint32_t middle = index + (end - index) / 2;
            const Result<View> view = read_at(middle);
            if (!view) return view;
            if (id_of(*view) > cursor.after)
                end = middle;
            else
                index = middle + 1;
        }
    }
    if (index >= slots) return fail(Errc::not_found, "");
    Result<View> view = read_at(index);
    if (!view) return view;
    cursor.started = true;
    cursor.seed = seed_;
    cursor.index = index + 1;
    cursor.after = id_of(*view);
    return view;
}

Result<VoBlock> AccountsFile::next_vo(AccountsCursor& cursor) const {
    return walk(AccountsSection::vo_list, cursor, &AccountsFile::read_vo,
                [](const VoBlock& block) { return block.base; });
}

Result<AccountView> AccountsFile::next_user(AccountsCursor& cursor) const {
    return walk(AccountsSection::user_list, cursor, &AccountsFile::read_user,
                [](const AccountView& account) { return account.uid; });
}

Result<GroupView> AccountsFile::next_group(AccountsCursor& cursor) const {
    if (!cursor.in_accounts) {
        Result<GroupView> group = walk(AccountsSection::group_list, cursor, &AccountsFile::read_group,
                                       [](const GroupView& found) { return found.gid; });
        if (group || group.error().code != Errc::not_found) return group;
        cursor = AccountsCursor{.in_accounts = true};
    }
    for (;;) {
        const Result<AccountView> account = next_user(cursor);
        if (!account) return std::unexpected(account.error());
        if (account->gid == account->uid) return private_group(*account);
    }
}

}  // namespace xos
