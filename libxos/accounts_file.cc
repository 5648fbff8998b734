#include "libxos/accounts_file.h"

#include "libxos/names.h"

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
    const auto& [by_vo, by_name, by_group, vo_list, vo_blocks] = header.sections;
    return vo_blocks.slots == uint64_t{vo_list.slots} * kBlockUnits;
}

// The text of size bytes at *at, which a NUL must follow; moves *at behind it. end is the end of the record.
bool take_text(const char** at, const char* end, size_t size, std::string_view* text) {
    if (static_cast<size_t>(end - *at) <= size || (*at)[size] != '\0') return false;
    *text = std::string_view(*at, size);
    *at += size + 1;
    return true;
}

GroupView private_group(const AccountView& account) {
    return GroupView{.name = account.name, .gid = account.gid};
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
    if (!file.are_blocks_sound()) return fail(Errc::unavailable, "accounts file: blocks");
    return file;
}

bool AccountsFile::is_retired() const {
    const auto* retired = reinterpret_cast<const uint32_t*>(data_ + offsetof(AccountsHeader, retired));
    return __atomic_load_n(retired, __ATOMIC_ACQUIRE) != 0;
}

uint64_t AccountsFile::generation() const {
    return layout::load_word(data_ + offsetof(AccountsHeader, generation), sizeof(uint64_t));
}

bool AccountsFile::load_slot(uint32_t place, uint64_t* slot) const {
    const char* at = data_ + uint64_t{place} * kAccountsUnit;
    *slot = __atomic_load_n(reinterpret_cast<const uint64_t*>(at), __ATOMIC_ACQUIRE);
    return layout::slot_holds(*slot, place);
}

bool AccountsFile::is_inside(const AccountsArray& array, uint32_t numbers) const {
    const uint64_t end = uint64_t{array.place.unit} + array.place.slots;
    return array.place.unit >= sizeof(AccountsHeader) / kAccountsUnit && end <= size_ / kAccountsUnit &&
           uint64_t{array.first} + array.place.slots <= numbers;
}

const char* AccountsFile::find_record(uint32_t unit, AccountsRecordKind kind, uint32_t* size) const {
    if (unit < arena_unit_ || unit - arena_unit_ >= arena_units_) return nullptr;
    const uint64_t left = (uint64_t{arena_units_} - (unit - arena_unit_)) * kAccountsUnit;
    if (left < sizeof(AccountsRecordHead)) return nullptr;
    const char* at = data_ + uint64_t{unit} * kAccountsUnit;
    const auto& head = *reinterpret_cast<const AccountsRecordHead*>(at);
    const uint32_t bytes = head.size;
    if (head.kind != static_cast<uint16_t>(kind) || bytes < sizeof head || bytes > left ||
        bytes % kAccountsUnit != 0)
        return nullptr;
    if (layout::record_check(at, bytes, unit) != head.check) return nullptr;
    *size = bytes;
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
    AccountsBlock ids;
    if (find_block(record.base, &ids) != Step::found || ids.base != record.base || ids.size != record.size)
        return false;
    block->users = ids.users;
    block->groups = ids.groups;
    return take_text(&at, end, record.name_size, &block->vo);
}

bool AccountsFile::read(uint32_t unit, AccountView* account) const {
    uint32_t size = 0;
    const char* at = find_record(unit, AccountsRecordKind::account, &size);
    if (at == nullptr || size < sizeof(AccountsUserRecord)) return false;
    // not copied: this is what every hit does
    const auto& record = *reinterpret_cast<const AccountsUserRecord*>(at);
    const char* end = at + size;
    at += sizeof record;
    if (static_cast<uint64_t>(end - at) / sizeof(uint32_t) < record.group_count) return false;
    account->uid = record.uid;
    account->gid = record.gid;
    account->groups = reinterpret_cast<const uint32_t*>(at);
    account->group_count = record.group_count;
    at += uint64_t{record.group_count} * sizeof(uint32_t);
    return take_text(&at, end, record.name_size, &account->name) &&
           take_text(&at, end, record.gecos_size, &account->gecos) &&
           take_text(&at, end, record.home_size, &account->home) &&
           take_text(&at, end, record.shell_size, &account->shell);
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
    group->users = record.users;
    if (!is_inside(record.users, UINT32_MAX)) return false;
    group->flags = record.head.flags;
    const bool of_all = (group->flags & kGroupOfAll) != 0;
    const bool listed = (group->flags & kGroupUnlisted) == 0;
    group->members = of_all ? nullptr : reinterpret_cast<const uint32_t*>(at);
    group->member_count = !listed ? 0 : of_all ? record.users.place.slots : record.member_count;
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
        uint64_t slot = 0;
        if (!load_slot(place(section).unit + ((first + i) & (slots - 1)), &slot)) return Step::corrupt;
        const uint32_t unit = layout::slot_unit(slot);
        if (unit == kSlotEmpty) break;
        if (unit == kSlotTombstone || layout::slot_tag(slot) != layout::hash_tag(hash)) continue;
        if (!read(unit, view)) return Step::corrupt;
        if (accepts(*view)) return Step::found;
    }
    return Step::missing;
}

const AccountsBlock& AccountsFile::block_at(uint32_t index) const {
    const uint32_t at = place(AccountsSection::vo_blocks).unit + index * kBlockUnits;
    return *reinterpret_cast<const AccountsBlock*>(data_ + uint64_t{at} * kAccountsUnit);
}

bool AccountsFile::are_blocks_sound() const {
    uint64_t free_from = 0;  // so that a search by halves finds what is there
    for (uint32_t i = 0; i < count_blocks(); ++i) {
        const AccountsBlock& block = block_at(i);
        const uint32_t at = place(AccountsSection::vo_blocks).unit + i * kBlockUnits;
        if (layout::block_check(block, at) != block.check || block.base < free_from) return false;
        free_from = uint64_t{block.base} + block.size;
        if (free_from > UINT32_MAX) return false;
    }
    return true;
}

bool AccountsFile::read_block(uint32_t index, AccountsBlock* block) const {
    *block = block_at(index);
    // within the block, so that no id of an enumeration wraps around
    const uint32_t members = first_group_offset(block->size);
    return block->size - 1 <= UINT32_MAX - block->base && is_inside(block->users, members) &&
           is_inside(block->groups, block->size - members);
}

uint32_t AccountsFile::find_place(uint32_t id) const {
    uint32_t begin = 0, end = count_blocks();
    while (begin < end) {
        const uint32_t middle = begin + (end - begin) / 2;
        if (block_at(middle).base > id)
            end = middle;
        else
            begin = middle + 1;
    }
    return begin;
}

AccountsFile::Step AccountsFile::find_block(uint32_t id, AccountsBlock* block) const {
    const uint32_t count = find_place(id);
    if (count == 0) return Step::missing;
    if (!read_block(count - 1, block) || block->base > id) return Step::corrupt;
    return id - block->base < block->size ? Step::found : Step::missing;
}

template <typename View>
AccountsFile::Step AccountsFile::read_number(const AccountsArray& array, uint32_t number, View* view,
                                             uint16_t flags) const {
    if (number < array.first || number - array.first >= array.place.slots) return Step::missing;
    uint64_t slot = 0;
    if (!load_slot(array.place.unit + (number - array.first), &slot)) return Step::corrupt;
    if (layout::slot_unit(slot) == kSlotEmpty || (layout::slot_tag(slot) & flags) != flags)
        return Step::missing;
    return read(layout::slot_unit(slot), view) ? Step::found : Step::corrupt;
}

AccountsFile::Step AccountsFile::find_account(uint32_t uid, AccountView* account) const {
    AccountsBlock block;
    Step step = find_block(uid, &block);
    if (step == Step::found) step = read_number(block.users, uid - block.base, account);
    return step == Step::found && account->uid != uid ? Step::corrupt : step;
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
    return answer<AccountView>([&](AccountView* account) { return find_account(uid, account); });
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
        if (own != Step::found) return own;
        if (account.gid != account.uid) return Step::missing;
        *group = private_group(account);
        return Step::found;
    });
}

Result<GroupView> AccountsFile::find_group(uint32_t gid) const {
    return answer<GroupView>([&](GroupView* group) {
        AccountsBlock block;
        Step step = find_block(gid, &block);
        if (step != Step::found) return step;
        if (const uint32_t number = gid - block.base; number >= first_group_offset(block.size)) {
            step = read_number(block.groups, number - first_group_offset(block.size), group);
            return step == Step::found && group->gid != gid ? Step::corrupt : step;
        }
        AccountView account;
        step = find_account(gid, &account);
        if (step != Step::found) return step;
        if (account.gid != gid) return Step::missing;
        *group = private_group(account);
        return Step::found;
    });
}

Result<AccountView> AccountsFile::find_member(const GroupView& group, uint32_t index) const {
    return answer<AccountView>([&](AccountView* account) {
        if (index >= group.member_count) return Step::missing;
        const uint32_t number = group.members == nullptr ? group.users.first + index : group.members[index];
        return read_number(group.users, number, account);
    });
}

template <typename View>
AccountsFile::Step AccountsFile::walk(AccountsCursor& cursor, View* view, auto array_of, auto accepts) const {
    // the rest of the block that the cursor is in comes first
    uint32_t index = find_place(cursor.after);
    if (index != 0) --index;
    for (; index < count_blocks(); ++index) {
        AccountsBlock block;
        if (!read_block(index, &block)) return Step::corrupt;
        uint32_t first_id = block.base;
        const AccountsArray array = array_of(block, &first_id);
        const uint32_t next = cursor.after < first_id ? 0 : cursor.after - first_id + 1;
        uint32_t number = next > array.first ? next : array.first;
        for (; number - array.first < array.place.slots; ++number) {
            const Step step = read_number(array, number, view, kSlotListed);
            if (step == Step::corrupt) return step;
            if (step == Step::missing || !accepts(*view)) continue;
            cursor.after = first_id + number;
            return step;
        }
    }
    return Step::missing;
}

Result<VoBlock> AccountsFile::next_vo(AccountsCursor& cursor) const {
    return answer<VoBlock>([&](VoBlock* block) {
        const AccountsPlace& list = place(AccountsSection::vo_list);
        const uint32_t index = find_place(cursor.after);
        if (index >= list.slots) return Step::missing;
        uint64_t slot = 0;
        if (!load_slot(list.unit + index, &slot) || !read(layout::slot_unit(slot), block) ||
            block->base <= cursor.after)
            return Step::corrupt;
        cursor.after = block->base;
        return Step::found;
    });
}

namespace {

// For AccountsFile::walk.
constexpr auto kUsersOf = [](const AccountsBlock& block, uint32_t*) { return block.users; };
constexpr auto kGroupsOf = [](const AccountsBlock& block, uint32_t* first_id) {
    *first_id += first_group_offset(block.size);
    return block.groups;
};

}  // namespace

Result<AccountView> AccountsFile::next_user(AccountsCursor& cursor) const {
    return answer<AccountView>([&](AccountView* account) {
        return walk(cursor, account, kUsersOf, [](const AccountView&) { return true; });
    });
}

Result<GroupView> AccountsFile::next_group(AccountsCursor& cursor) const {
    return answer<GroupView>([&](GroupView* group) {
        if (!cursor.in_accounts) {
            const Step step = walk(cursor, group, kGroupsOf, [](const GroupView&) { return true; });
            if (step != Step::missing) return step;
            cursor = AccountsCursor{.in_accounts = true};
        }
        AccountView account;
        const Step step =
            walk(cursor, &account, kUsersOf, [](const AccountView& found) { return found.gid == found.uid; });
        if (step == Step::found) *group = private_group(account);
        return step;
    });
}

}  // namespace xos
