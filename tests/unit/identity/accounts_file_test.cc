#include "libxos/accounts_file.h"

#include <catch2/catch_test_macros.hpp>
#include <cstring>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "libxos/names.h"
#include "tests/unit/identity/sample_accounts.h"
#include "xosd/identity/accounts_writer.h"

using namespace xos;
namespace {

// Keeps the bytes aligned, as a mapping is.
struct Bytes {
    explicit Bytes(const std::string& from) : words((from.size() + 7) / 8), size(from.size()) {
        if (size != 0) memcpy(words.data(), from.data(), size);
    }
    char* data() { return reinterpret_cast<char*>(words.data()); }
    std::vector<uint64_t> words;
    size_t size;
};

Bytes build(const AccountsSnapshot& snapshot) {
    const auto bytes = build_accounts_file(snapshot);
    if (!bytes) FAIL(bytes.error().message);
    return Bytes(*bytes);
}

// What a file says about everything in the sample. not_found for the things that are there is a wrong answer.
std::string describe(const AccountsFile& file) {
    std::string text;
    const auto user = [&](const Result<AccountView>& found) {
        if (!found) return text += found.error().code == Errc::not_found ? "none;" : "UNAVAIL;", void();
        text += std::string(found->name) + ':' + std::to_string(found->uid) + ':' +
                std::to_string(found->gid) + ':' + std::string(found->gecos) + ':' +
                std::string(found->home) + ':' + std::string(found->shell);
        for (uint32_t i = 0; i < found->group_count; ++i) text += '+' + std::to_string(found->groups[i]);
        text += ';';
    };
    const auto group = [&](const Result<GroupView>& found) {
        if (!found) return text += found.error().code == Errc::not_found ? "none;" : "UNAVAIL;", void();
        text += std::string(found->name) + ':' + std::to_string(found->gid) + ':';
        for (uint32_t i = 0; i < found->member_count; ++i) {
            const auto member = file.find_member(*found, i);
            text += member ? std::string(member->name) + ',' : "UNAVAIL,";
        }
        text += ';';
    };
    for (const char* name :
         {"user1@physics", "user2@physics", "user3@physics", "ann@bio", "nobody@physics"}) {
        user(file.find_user(std::string_view(name)));
        group(file.find_group(std::string_view(name)));
    }
    group(file.find_group(std::string_view("analysis@physics")));
    for (const uint32_t id :
         {sample::kPhysics + 1, sample::kPhysics + 3, sample::kBio + 1, sample::kBio + 2}) {
        user(file.find_user(id));
        group(file.find_group(id));
    }
    group(file.find_group(sample::kAnalysis));
    for (const char* vo : {"physics", "bio", "chemistry"}) {
        const auto found = file.find_vo(vo);
        text += found
                    ? std::string(found->vo) + std::to_string(found->base) + '+' + std::to_string(found->size)
                    : (found.error().code == Errc::not_found ? "none" : "UNAVAIL");
        text += ';';
    }
    AccountsCursor cursor;
    for (auto next = file.next_user(cursor);; next = file.next_user(cursor)) {
        user(next);
        if (!next) break;
    }
    cursor = {};
    for (auto next = file.next_group(cursor);; next = file.next_group(cursor)) {
        group(next);
        if (!next) break;
    }
    return text;
}

constexpr size_t kLookUps = 23;  // what describe() asks before it enumerates

// Every answer of text is the one of right, or says that it is none.
bool is_right_or_unavailable(const std::string& text, const std::string& right) {
    if (text == right) return true;
    const auto split = [](const std::string& all) {
        std::vector<std::string> parts;
        for (size_t at = 0, end; (end = all.find(';', at)) != std::string::npos; at = end + 1)
            parts.push_back(all.substr(at, end - at));
        return parts;
    };
    const std::vector<std::string> some = split(text), all = split(right);
    size_t at = 0;
    bool broke_off = false;  // an enumeration that met the damage; the next one goes on somewhere behind
    for (const std::string& part : some) {
        if (part.find("UNAVAIL") != std::string::npos) {
            broke_off = ++at > kLookUps;
            continue;
        }
        while (broke_off && at < all.size() && all[at] != part) ++at;
        if (at >= all.size() || all[at] != part) return false;
        broke_off = false;
        ++at;
    }
    return true;
}

}  // namespace

TEST_CASE("what the writer puts into a file its readers find") {
    Bytes bytes = build(sample::snapshot());
    const auto file = AccountsFile::attach(bytes.data(), bytes.size);
    REQUIRE(file);
    const auto user = file->find_user(std::string_view("user3@physics"));
    REQUIRE(user);
    CHECK(user->uid == sample::kPhysics + 3);
    CHECK(user->home == "/home/physics/user3");
    CHECK(user->group_count == 2);
    CHECK(user->text() == std::string_view("user3@physics\0User user3\0/home/physics/user3\0/bin/sh\0", 53));
    CHECK(file->find_user(sample::kPhysics + 3)->name == "user3@physics");
    const auto analysis = file->find_group(sample::kAnalysis);
    REQUIRE(analysis);
    REQUIRE(analysis->member_count == 2);
    CHECK(file->find_member(*analysis, 0)->name == "user1@physics");
    CHECK_FALSE(file->find_member(*analysis, 2));
    const auto own = file->find_group(std::string_view("ann@bio"));
    REQUIRE(own);
    CHECK(own->gid == sample::kBio + 1);
    CHECK(own->member_count == 0);
    CHECK(file->find_vo("physics")->base == sample::kPhysics);
    for (const char* none : {"user6@physics", "user1@bio", "root", "", "analysis@physics"})
        CHECK(file->find_user(std::string_view(none)).error().code == Errc::not_found);
    CHECK(file->find_vo("chem").error().code == Errc::not_found);
    CHECK(file->find_user(uint32_t{0}).error().code == Errc::not_found);
}

TEST_CASE("an empty file is sound and holds nobody") {
    Bytes bytes = build({});
    const auto file = AccountsFile::attach(bytes.data(), bytes.size);
    REQUIRE(file);
    CHECK(file->find_user(std::string_view("user1@physics")).error().code == Errc::not_found);
    AccountsCursor cursor;
    CHECK(file->next_group(cursor).error().code == Errc::not_found);
}

TEST_CASE("every wrong byte gives the right answer or none") {
    Bytes bytes = build(sample::snapshot(3));
    const std::string right = describe(*AccountsFile::attach(bytes.data(), bytes.size));
    for (size_t at = 0; at < bytes.size; ++at)
        for (const int flip : {0x01, 0x80, 0xff}) {
            bytes.data()[at] ^= static_cast<char>(flip);
            const auto file = AccountsFile::attach(bytes.data(), bytes.size);
            if (file && !is_right_or_unavailable(describe(*file), right)) {
                INFO("byte " << at << " flip " << flip << "\n" << describe(*file) << "\n" << right);
                FAIL("a corrupt file gave a wrong answer");
            }
            bytes.data()[at] ^= static_cast<char>(flip);
        }
}

TEST_CASE("a page of zeros never means that nobody is there") {
    Bytes whole = build(sample::snapshot(3));
    const std::string right = describe(*AccountsFile::attach(whole.data(), whole.size));
    for (size_t from = 0; from < whole.size; from += 64) {
        Bytes bytes = whole;
        memset(bytes.data() + from, 0, std::min<size_t>(64, bytes.size - from));
        const auto file = AccountsFile::attach(bytes.data(), bytes.size);
        if (file) CHECK(is_right_or_unavailable(describe(*file), right));
    }
}

namespace {

// The file as a later version may write it: with a section more in its header, of which this one knows
// nothing.
Bytes of_later_version(Bytes now) {
    constexpr uint32_t kMore = 8;  // units
    AccountsHeader header;
    memcpy(&header, now.data(), sizeof header);
    const std::string old(now.data(), now.size);
    std::string bytes =
        old.substr(0, sizeof header) + std::string(kMore * kAccountsUnit, 'S') + old.substr(sizeof header);
    const auto at = [&](uint32_t unit) { return bytes.data() + size_t{unit} * kAccountsUnit; };
    const AccountsPlace blocks = header.sections[static_cast<size_t>(AccountsSection::vo_blocks)];
    for (uint32_t place = sizeof header / kAccountsUnit; place < header.arena_unit; ++place) {
        if (place - blocks.unit < blocks.slots) continue;
        const uint64_t slot = layout::load_word(at(place + kMore), sizeof(uint64_t));
        const uint32_t unit = layout::slot_unit(slot);
        const uint64_t moved = layout::make_slot(unit <= kSlotTombstone ? unit : unit + kMore,
                                                 layout::slot_tag(slot), place + kMore);
        memcpy(at(place + kMore), &moved, sizeof moved);
    }
    for (uint32_t i = 0; i < blocks.slots; i += kBlockUnits) {
        AccountsBlock block;
        const uint32_t place = blocks.unit + kMore + i;
        memcpy(&block, at(place), sizeof block);
        block.users.place.unit += kMore;
        block.groups.place.unit += kMore;
        block.check = layout::block_check(block, place);
        memcpy(at(place), &block, sizeof block);
    }
    for (uint32_t unit = header.arena_unit + kMore; size_t{unit} * kAccountsUnit < bytes.size();) {
        AccountsRecordHead head;
        memcpy(&head, at(unit), sizeof head);
        if (head.kind == static_cast<uint16_t>(AccountsRecordKind::group)) {
            AccountsGroupRecord group;
            memcpy(&group, at(unit), sizeof group);
            group.users.place.unit += kMore;
            memcpy(at(unit), &group, sizeof group);
        }
        head.check = layout::record_check(at(unit), head.size, unit);
        memcpy(at(unit), &head, sizeof head);
        unit += head.size / kAccountsUnit;
    }
    header.header_size += kMore * kAccountsUnit;
    header.file_size = bytes.size();
    header.arena_unit += kMore;
    for (AccountsPlace& place : header.sections) place.unit += kMore;
    memcpy(bytes.data(), &header, sizeof header);
    header.check = layout::header_check(bytes.data(), header.header_size);
    memcpy(bytes.data(), &header, sizeof header);
    return Bytes(bytes);
}

}  // namespace

TEST_CASE("a module that was loaded before an upgrade reads what the later version writes") {
    Bytes now = build(sample::snapshot());
    Bytes later = of_later_version(now);
    const auto file = AccountsFile::attach(later.data(), later.size);
    REQUIRE(file);
    CHECK(describe(*file) == describe(*AccountsFile::attach(now.data(), now.size)));
}

TEST_CASE("a truncated file is no file") {
    const auto bytes = build_accounts_file(sample::snapshot(3));
    REQUIRE(bytes);
    for (size_t size = 0; size < bytes->size(); ++size) {
        Bytes cut(bytes->substr(0, size));
        CHECK_FALSE(AccountsFile::attach(cut.data(), size));
    }
    Bytes longer(*bytes + std::string(8, '\0'));
    CHECK_FALSE(AccountsFile::attach(longer.data(), longer.size));
}

TEST_CASE("an enumeration over replacements gives what stays exactly once") {
    AccountsSnapshot before = sample::snapshot(100);
    AccountsSnapshot after = before;
    std::erase_if(after.accounts, [](const AccountEntry& entry) { return entry.uid % 3 == 0; });
    Bytes bytes[] = {build(before), build(after)};
    const AccountsFile files[] = {*AccountsFile::attach(bytes[0].data(), bytes[0].size),
                                  *AccountsFile::attach(bytes[1].data(), bytes[1].size)};
    std::map<std::string, int> seen;
    AccountsCursor cursor;
    for (int i = 0;; ++i) {
        const auto user = files[i % 2].next_user(cursor);
        if (!user) break;
        ++seen[std::string(user->name)];
    }
    for (const AccountEntry& entry : after.accounts) CHECK(seen[entry.name] == 1);
    for (const auto& [name, times] : seen) CHECK(times <= 1);
}

TEST_CASE("what is not listed is found, but not enumerated") {
    AccountsSnapshot snapshot = sample::snapshot(3);
    snapshot.accounts[1].listed = false;
    Bytes bytes = build(snapshot);
    const auto file = AccountsFile::attach(bytes.data(), bytes.size);
    REQUIRE(file);
    AccountsCursor cursor;
    std::set<std::string> seen;
    while (const auto user = file->next_user(cursor)) seen.insert(std::string(user->name));
    CHECK(seen == std::set<std::string>{"user1@physics", "user3@physics", "ann@bio"});
    CHECK(file->find_user(std::string_view("user2@physics"))->group_count == 1);
}

TEST_CASE("a group of all is who is there; one of too many lists none, and all know that they are in it") {
    for (const uint32_t count : {3u, uint32_t{kListedMembersMax}, uint32_t{kListedMembersMax + 1}})
        for (const bool of_all : {true, false}) {
            AccountsSnapshot snapshot = sample::snapshot(count);
            snapshot.groups[0].of_all = of_all;
            if (of_all) snapshot.groups[0].members.clear();
            Bytes bytes = build(snapshot);
            const auto file = AccountsFile::attach(bytes.data(), bytes.size);
            REQUIRE(file);
            const auto group = file->find_group(sample::kMembers);
            REQUIRE(group);
            CHECK(group->member_count == (count > kListedMembersMax ? 0 : count));
            for (uint32_t i = 0; i < group->member_count; i += 100)
                CHECK(file->find_member(*group, i)->uid == sample::kPhysics + 1 + i);
            CHECK(file->find_user(sample::kPhysics + count)->groups[0] == sample::kMembers);
            CHECK(file->find_user(sample::kBio + 1)->group_count == 0);
        }
}

TEST_CASE("ten thousand accounts are all found by name and by uid") {
    const AccountsSnapshot snapshot = sample::snapshot(10000);
    Bytes bytes = build(snapshot);
    const auto file = AccountsFile::attach(bytes.data(), bytes.size);
    REQUIRE(file);
    for (const AccountEntry& entry : snapshot.accounts) {
        const auto by_name = file->find_user(entry.name);
        const auto by_uid = file->find_user(entry.uid);
        if (!by_name || by_name->uid != entry.uid || !by_uid || by_uid->name != entry.name) FAIL(entry.name);
    }
}

TEST_CASE("a snapshot that would be ambiguous or unsafe makes no file") {
    const auto refused = [](auto change) {
        AccountsSnapshot snapshot = sample::snapshot();
        change(snapshot);
        const auto bytes = build_accounts_file(snapshot);
        return !bytes && bytes.error().code == Errc::invalid && !bytes.error().message.empty();
    };
    CHECK(refused([](auto& s) { s.accounts[0].uid = s.accounts[1].uid; }));
    CHECK(refused([](auto& s) { s.accounts[0].name = s.accounts[1].name; }));
    CHECK(refused([](auto& s) { s.groups[0].gid = s.groups[1].gid; }));
    CHECK(refused([](auto& s) { s.groups[0].name = s.groups[1].name; }));
    CHECK(refused([](auto& s) { s.accounts[0].name = "root"; }));
    CHECK(refused([](auto& s) { s.accounts[0].name = "user1@chemistry"; }));
    CHECK(refused([](auto& s) { s.accounts[0].uid = 0; }));
    CHECK(refused([](auto& s) { s.accounts[0].uid = sample::kPhysics; }));
    CHECK(refused([](auto& s) { s.accounts[0].uid = sample::kBio + 7; }));
    CHECK(refused([](auto& s) { s.accounts[0].uid = sample::kMembers; }));
    CHECK(refused([](auto& s) { s.accounts[0].gid = 0; }));
    CHECK(refused([](auto& s) { s.groups[0].gid = sample::kPhysics + 1; }));
    CHECK(refused([](auto& s) { s.groups[0].gid = 27; }));
    CHECK(refused([](auto& s) { s.accounts[0].gecos = "a:b"; }));
    CHECK(refused([](auto& s) { s.accounts[0].gecos = "a\nroot::0:0::/:/bin/sh"; }));
    CHECK(refused([](auto& s) { s.accounts[0].home = "home"; }));
    CHECK(refused([](auto& s) { s.accounts[0].shell = std::string("/bin/sh\0x", 9); }));
    CHECK(refused([](auto& s) { s.vos[1].base = s.vos[0].base + 5; }));
    CHECK(refused([](auto& s) { s.vos[1].vo = "physics"; }));
    CHECK(refused([](auto& s) { s.vos[1].base = kUidMax; }));
    CHECK(refused([](auto& s) { s.vos[1].base = 1000; }));
}
