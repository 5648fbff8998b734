// Any bytes as an accounts file: look-ups end, and read nothing outside of them.
//
// The first byte says whether the header's check and the records' checks are made right, so that the fuzzer
// gets past them to what lies behind.
#include <algorithm>
#include <cstring>
#include <string_view>
#include <vector>

#include "libxos/accounts_file.h"
#include "libxos/names.h"

using namespace xos;
namespace {

// Gives each thing that could be a header, slot or record the check it needs.
void repair(char* data, size_t size) {
    AccountsHeader header;
    if (size < sizeof header) return;
    memcpy(header.magic, kAccountsMagic, sizeof header.magic);
    memcpy(&header, data, sizeof header);
    memcpy(header.magic, kAccountsMagic, sizeof header.magic);
    header.abi = kAccountsAbi;
    header.header_size = sizeof header;
    header.file_size = size;
    memcpy(data, &header, sizeof header);
    header.check = layout::header_check(data, sizeof header);
    memcpy(data, &header, sizeof header);
    const AccountsPlace& blocks = header.sections[static_cast<size_t>(AccountsSection::vo_blocks)];
    const auto is_in_block = [&](uint32_t place) { return place - blocks.unit < blocks.slots; };
    for (uint32_t place = sizeof header / kAccountsUnit; place < header.arena_unit; ++place) {
        const uint64_t at = uint64_t{place} * kAccountsUnit;
        if (at + 8 > size) break;
        if (is_in_block(place)) continue;
        const uint64_t slot = layout::load_word(data + at, 8);
        const uint64_t right = layout::make_slot(layout::slot_unit(slot), layout::slot_tag(slot), place);
        memcpy(data + at, &right, sizeof right);
    }
    for (uint32_t i = 0; i + kBlockUnits <= blocks.slots; i += kBlockUnits) {
        const uint64_t at = (uint64_t{blocks.unit} + i) * kAccountsUnit;
        AccountsBlock block;
        if (at < sizeof header || at + sizeof block > size) break;
        memcpy(&block, data + at, sizeof block);
        block.check = layout::block_check(block, blocks.unit + i);
        memcpy(data + at, &block, sizeof block);
    }
    for (size_t at = uint64_t{header.arena_unit} * kAccountsUnit; at + sizeof(AccountsRecordHead) <= size;) {
        AccountsRecordHead head;
        memcpy(&head, data + at, sizeof head);
        if (head.size < sizeof head || head.size > size - at || head.size % kAccountsUnit != 0) break;
        head.check = layout::record_check(data + at, head.size, static_cast<uint32_t>(at / kAccountsUnit));
        memcpy(data + at, &head, sizeof head);
        at += head.size;
    }
}

// Reads every byte of a view, as a caller would.
size_t touch(std::string_view text) {
    return static_cast<size_t>(std::ranges::count(text, 'x'));
}

size_t touch(const Result<AccountView>& user) {
    if (!user) return 0;
    size_t sum = touch(user->text()) + touch(user->name) + touch(user->shell);
    for (uint32_t i = 0; i < user->group_count; ++i) sum += user->groups[i];
    return sum;
}

size_t touch(const AccountsFile& file, const Result<GroupView>& group) {
    if (!group) return 0;
    size_t sum = touch(group->name);
    for (uint32_t i = 0; i < std::min(group->member_count, 64u); ++i)
        sum += touch(file.find_member(*group, i));
    return sum;
}

size_t look_up_all(const AccountsFile& file) {
    size_t sum = 0;
    for (const std::string_view name :
         {"user1@physics", "user2@physics", "ann@bio", "analysis@physics", "x"}) {
        sum += touch(file.find_user(name)) + touch(file, file.find_group(name));
        if (const auto vo = file.find_vo(name)) sum += touch(vo->vo);
    }
    for (uint32_t i = 0; i < 4; ++i)
        sum += touch(file.find_user(kUidMin + i)) +
               touch(file, file.find_group(kUidMin + first_group_offset(kBlockSize) + i));
    AccountsCursor users, groups, vos;
    for (int i = 0; i < 64; ++i) sum += touch(file.next_user(users)) + touch(file, file.next_group(groups));
    users.after ^= 1;
    sum += touch(file.next_user(users));
    if (const auto vo = file.next_vo(vos)) sum += touch(vo->vo);
    return sum;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size < 1) return 0;
    // exactly as large as the file, so that one byte too many is seen
    std::vector<uint64_t> words((size - 1) / 8);
    const size_t bytes = words.size() * 8;
    if (bytes == 0) return 0;
    memcpy(words.data(), data + 1, bytes);
    if ((data[0] & 1) != 0) repair(reinterpret_cast<char*>(words.data()), bytes);
    const auto file = AccountsFile::attach(words.data(), bytes);
    [[maybe_unused]] static volatile size_t sink;
    if (file) sink = look_up_all(*file);
    return 0;
}
