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

bool AccountsFile::read(uint32_t unit, VoBlock* block) const {
    uint32_t size = 0;
    const char* at = find_record(unit, AccountsRecordKind::vo, &size);
    AccountsVoRecord record;
    if (at == nullptr || size < sizeof record) return false;
    memcpy(&record, at, sizeof record);
    const char* end = at + size;
    at += sizeof record;
    block->base = record.base;
    block->size = record.size;
    return take_text(&at, end, record.name_size, &block->vo);
}

bool AccountsFile::read(uint32_t unit, AccountView* account) const {
    uint32_t size = 0;
    const char* at = find_record(unit, AccountsRecordKind::account, &size);
    AccountsUserRecord record;
    if (at == nullptr || size < sizeof record) return false;
    memcpy(&record, at, sizeof record);
    const char* end = at + size;
    at += sizeof record;
    if (static_cast<uint64_t>(end - at) / sizeof(uint32_t) < record.group_count) return false;
    account->uid = record.uid;
    account->gid = record.gid;
    account->groups = reinterpret_cast<const uint32_t*>(at);
    account->group_count = record.group_count;
    at += uint64_t{record.group_count} * sizeof(uint32_t);
    const char* text = at;
    if (!take_text(&at, end, record.name_size, &account->name) ||
        !take_text(&at, end, record.gecos_size, &account->gecos) ||
        !take_text(&at, end, record.home_size, &account->home) ||
        !take_text(&at, end, record.shell_size, &account->shell))
        return false;
    account->text = std::string_view(text, static_cast<size_t>(at - text));
    return true;
}

bool AccountsFile::read(uint32_t unit, GroupView* group) const {
    uint32_t size = 0;
    const char* at = find_record(unit, AccountsRecordKind::group, &size);
    AccountsGroupRecord record;
    if (at == nullptr || size < sizeof record) return false;
    memcpy(&record, at, sizeof record);
    const char* end = at + size;
    at += sizeof record;
    if (static_cast<uint64_t>(end - at) / sizeof(uint32_t) < record.member_count) return false;
    group->gid = record.gid;
    group->members = reinterpret_cast<const uint32_t*>(at);
    group->member_count = record.member_count;
    at += uint64_t{record.member_count} * sizeof(uint32_t);
    return take_text(&at, end, record.name_size, &group->name);
}

template <typename View>
AccountsFile::Step AccountsFile::search(AccountsSection section, uint64_t hash, View* view,
                                        auto accepts) const {
    const uint32_t slots = place(section).slots;
    if (slots == 0) return Step::corrupt;
    const uint32_t first = layout::hash_index(hash, slots);
    for (uint32_t i = 0; i <= probe_max_ && i < slots; ++i) {
        const uint32_t index = (first + i) & (slots - 1);
        const uint64_t slot = load_slot(section, index);
        if (!layout::slot_holds(slot, section, index)) return Step::corrupt;
        const uint32_t unit = layout::slot_unit(slot);
        if (unit == kSlotEmpty) break;
        if (unit == kSlotTombstone || layout::slot_tag(slot) != layout::hash_tag(hash)) continue;
        if (!read(unit, view)) return Step::corrupt;
        if (accepts(*view)) return Step::found;
    }
    return Step::missing;
}

namespace {

// Makes the Result in its place: look(&view) fills it and says how that went.
template <typename View>
Result<View> answer(auto look) {
    Result<View> result(std::in_place);
    using Step = decltype(look(&*result));
    switch (look(&*result)) {
        case Step::found:
            break;
        case Step::missing:
            result = fail(Errc::not_found, "");
            break;
        case Step::corrupt:
            result = fail(Errc::unavailable, "accounts file: corrupt");
            break;
    }
    return result;
}

}  // namespace

Result<VoBlock> AccountsFile::find_vo(std::string_view vo) const {
    return answer<VoBlock>([&](VoBlock* block) {
        return search(AccountsSection::by_vo, layout::hash_bytes(vo.data(), vo.size(), seed_), block,
                      [vo](const VoBlock& found) { return found.vo == vo; });
    });
}

Result<AccountView> AccountsFile::find_user(std::string_view name) const {
    return answer<AccountView>([&](AccountView* account) {
        return search(AccountsSection::by_name, layout::hash_bytes(name.data(), name.size(), seed_), account,
                      [name](const AccountView& found) { return found.name == name; });
    });
}

Result<AccountView> AccountsFile::find_user(uint32_t uid) const {
    return answer<AccountView>([&](AccountView* account) {
        return search(AccountsSection::by_uid, layout::hash_number(uid, seed_), account,
                      [uid](const AccountView& found) { return found.uid == uid; });
    });
}

Result<GroupView> AccountsFile::find_group(std::string_view name) const {
    const uint64_t hash = layout::hash_bytes(name.data(), name.size(), seed_);
    return answer<GroupView>([&](GroupView* group) {
        const Step step = search(AccountsSection::by_group, hash, group,
                                 [name](const GroupView& found) { return found.name == name; });
        if (step != Step::missing) return step;
        AccountView account;
        const Step own = search(AccountsSection::by_name, hash, &account,
                                [name](const AccountView& found) { return found.name == name; });
        if (own == Step::found && account.gid != account.uid) return Step::missing;
        *group = private_group(account);
        return own;
    });
}

Result<GroupView> AccountsFile::find_group(uint32_t gid) const {
    const uint64_t hash = layout::hash_number(gid, seed_);
    return answer<GroupView>([&](GroupView* group) {
        const Step step = search(AccountsSection::by_gid, hash, group,
                                 [gid](const GroupView& found) { return found.gid == gid; });
        if (step != Step::missing) return step;
        AccountView account;
        const Step own = search(AccountsSection::by_uid, hash, &account,
                                [gid](const AccountView& found) { return found.uid == gid; });
        if (own == Step::found && account.gid != gid) return Step::missing;
        *group = private_group(account);
        return own;
    });
}

Result<AccountView> AccountsFile::find_member(const GroupView& group, uint32_t index) const {
    return answer<AccountView>([&](AccountView* account) {
        if (index >= group.member_count) return Step::missing;
        return read(group.members[index], account) ? Step::found : Step::corrupt;
    });
}

template <typename View>
bool AccountsFile::read_at(AccountsSection section, uint32_t index, View* view) const {
    const uint64_t slot = load_slot(section, index);
    return layout::slot_holds(slot, section, index) && read(layout::slot_unit(slot), view);
}

template <typename View>
AccountsFile::Step AccountsFile::walk(AccountsSection section, AccountsCursor& cursor, View* view,
                                      auto id_of) const {
    const uint32_t slots = place(section).slots;
    uint32_t index = cursor.started ? cursor.index : 0;
    if (cursor.started && cursor.seed != seed_) {
        // another file by now: go on behind the id that was given last
        uint32_t end = slots;
        for (index = 0; index < end;) {
            const uint32_t middle = index + (end - index) / 2;
            if (!read_at(section, middle, view)) return Step::corrupt;
            if (id_of(*view) > cursor.after)
                end = middle;
            else
                index = middle + 1;
        }
    }
    if (index >= slots) return Step::missing;
    if (!read_at(section, index, view)) return Step::corrupt;
    cursor = {.seed = seed_,
              .index = index + 1,
              .after = id_of(*view),
              .started = true,
              .in_accounts = cursor.in_accounts};
    return Step::found;
}

Result<VoBlock> AccountsFile::next_vo(AccountsCursor& cursor) const {
    return answer<VoBlock>([&](VoBlock* block) {
        return walk(AccountsSection::vo_list, cursor, block, [](const VoBlock& found) { return found.base; });
    });
}

Result<AccountView> AccountsFile::next_user(AccountsCursor& cursor) const {
    return answer<AccountView>([&](AccountView* account) {
        return walk(AccountsSection::user_list, cursor, account,
                    [](const AccountView& found) { return found.uid; });
    });
}

Result<GroupView> AccountsFile::next_group(AccountsCursor& cursor) const {
    return answer<GroupView>([&](GroupView* group) {
        if (!cursor.in_accounts) {
            const Step step = walk(AccountsSection::group_list, cursor, group,
                                   [](const GroupView& found) { return found.gid; });
            if (step != Step::missing) return step;
            cursor = AccountsCursor{.in_accounts = true};
        }
        for (;;) {
            AccountView account;
            const Step step = walk(AccountsSection::user_list, cursor, &account,
                                   [](const AccountView& found) { return found.uid; });
            if (step != Step::found) return step;
            if (account.gid != account.uid) continue;
            *group = private_group(account);
            return Step::found;
        }
    });
}

}  // namespace xos
