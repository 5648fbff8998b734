#include "xosd/identity/accounts_image.h"

#include <sys/random.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <functional>
#include <numeric>
#include <string_view>
#include <unordered_map>

#include "xosd/identity/accounts_check.h"

namespace xos {
namespace {

constexpr uint32_t kSlotsMin = 8;
constexpr int kSeedTries = 8;

uint64_t units_of(uint64_t bytes) {
    return (bytes + kAccountsUnit - 1) / kAccountsUnit;
}

template <typename Entry, typename Id>
std::vector<uint32_t> order_by(const std::vector<Entry>& entries, Id id) {
    std::vector<uint32_t> order(entries.size());
    std::iota(order.begin(), order.end(), 0u);
    std::ranges::sort(order, {}, [&](uint32_t index) { return std::invoke(id, entries[index]); });
    return order;
}

size_t record_bytes(const VoEntry& vo) {
    return sizeof(AccountsVoRecord) + vo.vo.size() + 1;
}
size_t record_bytes(const AccountEntry& account, uint32_t groups) {
    return sizeof(AccountsUserRecord) + groups * sizeof(uint32_t) + account.name.size() +
           account.gecos.size() + account.home.size() + account.shell.size() + 4;
}
size_t record_bytes(const GroupEntry& group, uint32_t members) {
    return sizeof(AccountsGroupRecord) + members * sizeof(uint32_t) + group.name.size() + 1;
}

// Fills one record of a zeroed file.
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
    void put_number(uint32_t number) { put(&number, sizeof number); }
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

void store_slot(char* data, const AccountsPlace& place, AccountsSection section, uint32_t index,
                uint32_t unit, uint16_t tag) {
    const uint64_t slot = layout::make_slot(unit, tag, section, index);
    memcpy(data + (uint64_t{place.unit} + index) * kAccountsUnit, &slot, sizeof slot);
}

}  // namespace

Outcome<AccountsImage> AccountsImage::plan(const AccountsSnapshot& snapshot) {
    if (Outcome<void> checked = check_snapshot(snapshot); !checked) return std::unexpected(checked.error());
    AccountsImage image(snapshot);
    image.sort_entries();
    if (Outcome<void> single = image.find_doubles(); !single) return std::unexpected(single.error());
    if (Outcome<void> linked = image.link_members(); !linked) return std::unexpected(linked.error());
    if (Outcome<void> placed = image.place_all(); !placed) return std::unexpected(placed.error());
    return image;
}

void AccountsImage::sort_entries() {
    vo_order_ = order_by(snapshot_->vos, &VoEntry::base);
    user_order_ = order_by(snapshot_->accounts, &AccountEntry::uid);
    group_order_ = order_by(snapshot_->groups, &GroupEntry::gid);
}

Outcome<void> AccountsImage::find_doubles() const {
    const auto& accounts = snapshot_->accounts;
    const auto& groups = snapshot_->groups;
    for (size_t i = 1; i < user_order_.size(); ++i)
        if (const auto &a = accounts[user_order_[i - 1]], &b = accounts[user_order_[i]]; a.uid == b.uid)
            return failure(Errc::invalid, "{} and {} have the same uid {}", a.name, b.name, a.uid);
    for (size_t i = 1; i < group_order_.size(); ++i)
        if (const auto &a = groups[group_order_[i - 1]], &b = groups[group_order_[i]]; a.gid == b.gid)
            return failure(Errc::invalid, "{} and {} have the same gid {}", a.name, b.name, a.gid);
    return {};
}

// Resolves the groups' members to accounts, in both directions; finds doubled names on the way.
Outcome<void> AccountsImage::link_members() {
    const auto& accounts = snapshot_->accounts;
    const auto& groups = snapshot_->groups;
    std::unordered_map<std::string_view, uint32_t> names;
    names.reserve(std::max(accounts.size(), groups.size()));
    for (uint32_t i = 0; i < groups.size(); ++i)
        if (!names.emplace(groups[i].name, i).second)
            return failure(Errc::invalid, "the group {} is there twice", groups[i].name);
    names.clear();
    for (uint32_t i = 0; i < accounts.size(); ++i)
        if (!names.emplace(accounts[i].name, i).second)
            return failure(Errc::invalid, "the account {} is there twice", accounts[i].name);

    Rows& members = members_of_groups_;
    members.starts.assign(1, 0);
    for (const GroupEntry& group : groups) {
        const size_t first = members.items.size();
        for (const std::string& member : group.members)
            if (const auto found = names.find(member); found != names.end())
                members.items.push_back(found->second);
        const auto begin = members.items.begin() + static_cast<ptrdiff_t>(first);
        std::sort(begin, members.items.end());
        members.items.erase(std::unique(begin, members.items.end()), members.items.end());
        members.starts.push_back(static_cast<uint32_t>(members.items.size()));
    }
    Rows& back = groups_of_users_;
    back.starts.assign(accounts.size() + 1, 0);
    back.items.resize(members.items.size());
    for (const uint32_t user : members.items) ++back.starts[user + 1];
    std::partial_sum(back.starts.begin(), back.starts.end(), back.starts.begin());
    std::vector<uint32_t> next(back.starts.begin(), back.starts.end());
    for (const uint32_t group : group_order_)
        for (uint32_t i = members.starts[group]; i < members.starts[group + 1]; ++i)
            back.items[next[members.items[i]]++] = groups[group].gid;
    return {};
}

Outcome<void> AccountsImage::place_all() {
    const auto& [vos, accounts, groups] = *snapshot_;
    const auto listed = std::ranges::count(accounts, true, &AccountEntry::listed);
    const auto slots_for = [](size_t entries) {
        return std::bit_ceil(std::max<uint64_t>(kSlotsMin, entries * 2));
    };
    const uint64_t slots[kAccountsSections] = {slots_for(vos.size()),         slots_for(accounts.size()),
                                               slots_for(accounts.size()),    slots_for(groups.size()),
                                               slots_for(groups.size()),      vos.size(),
                                               static_cast<uint64_t>(listed), groups.size()};
    uint64_t unit = units_of(sizeof(AccountsHeader));
    for (size_t i = 0; i < kAccountsSections; ++i) {
        places_[i] = {static_cast<uint32_t>(unit), static_cast<uint32_t>(slots[i])};
        unit += slots[i];
    }
    arena_unit_ = static_cast<uint32_t>(unit);
    const auto place_records = [&unit](const std::vector<uint32_t>& order, std::vector<uint32_t>& units,
                                       auto bytes) {
        units.resize(order.size());
        for (const uint32_t index : order) {
            units[index] = static_cast<uint32_t>(unit);
            unit += units_of(bytes(index));
        }
    };
    place_records(vo_order_, vo_units_, [&](uint32_t i) { return record_bytes(vos[i]); });
    place_records(user_order_, user_units_,
                  [&](uint32_t i) { return record_bytes(accounts[i], groups_of_users_.count(i)); });
    place_records(group_order_, group_units_, [&](uint32_t i) {
        return record_bytes(groups[i], groups[i].members_listed ? members_of_groups_.count(i) : 0);
    });
    size_ = unit * kAccountsUnit;
    if (size_ > kAccountsSizeMax)
        return failure(Errc::invalid, "{} accounts need {} bytes, an accounts file holds at most {}",
                       accounts.size(), size_, kAccountsSizeMax);
    return {};
}

void AccountsImage::write_records(char* data) const {
    const auto& [vos, accounts, groups] = *snapshot_;
    for (const uint32_t i : vo_order_) {
        const AccountsVoRecord record{
            .base = vos[i].base, .size = vos[i].size, .name_size = static_cast<uint32_t>(vos[i].vo.size())};
        RecordWriter(data, vo_units_[i], AccountsRecordKind::vo, record, record_bytes(vos[i]))
            .put_text(vos[i].vo);
    }
    for (const uint32_t i : user_order_) {
        const AccountEntry& account = accounts[i];
        const uint32_t count = groups_of_users_.count(i);
        const AccountsUserRecord record{.uid = account.uid,
                                        .gid = account.gid,
                                        .name_size = static_cast<uint16_t>(account.name.size()),
                                        .gecos_size = static_cast<uint16_t>(account.gecos.size()),
                                        .home_size = static_cast<uint16_t>(account.home.size()),
                                        .shell_size = static_cast<uint16_t>(account.shell.size()),
                                        .group_count = count};
        RecordWriter writer(data, user_units_[i], AccountsRecordKind::account, record,
                            record_bytes(account, count));
        for (uint32_t n = 0; n < count; ++n)
            writer.put_number(groups_of_users_.items[groups_of_users_.starts[i] + n]);
        for (const std::string* text : {&account.name, &account.gecos, &account.home, &account.shell})
            writer.put_text(*text);
    }
    for (const uint32_t i : group_order_) {
        const uint32_t count = groups[i].members_listed ? members_of_groups_.count(i) : 0;
        const AccountsGroupRecord record{.gid = groups[i].gid,
                                         .name_size = static_cast<uint32_t>(groups[i].name.size()),
                                         .member_count = count};
        RecordWriter writer(data, group_units_[i], AccountsRecordKind::group, record,
                            record_bytes(groups[i], count));
        for (uint32_t n = 0; n < count; ++n)
            writer.put_number(user_units_[members_of_groups_.items[members_of_groups_.starts[i] + n]]);
        writer.put_text(groups[i].name);
    }
}

void AccountsImage::write_lists(char* data) const {
    const auto write_list = [&](AccountsSection section, const auto& order, const auto& units, auto listed) {
        uint32_t index = 0;
        for (const uint32_t i : order)
            if (listed(i)) store_slot(data, place(section), section, index++, units[i], 0);
    };
    const auto all = [](uint32_t) { return true; };
    write_list(AccountsSection::vo_list, vo_order_, vo_units_, all);
    write_list(AccountsSection::user_list, user_order_, user_units_,
               [&](uint32_t i) { return snapshot_->accounts[i].listed; });
    write_list(AccountsSection::group_list, group_order_, group_units_, all);
}

uint32_t AccountsImage::insert(char* data, AccountsSection section, uint64_t hash, uint32_t unit) const {
    const AccountsPlace& at = place(section);
    const uint32_t first = layout::hash_index(hash, at.slots);
    for (uint32_t probe = 0;; ++probe) {  // ends: at most half of the slots are ever taken
        const uint32_t index = (first + probe) & (at.slots - 1);
        const char* slot = data + (uint64_t{at.unit} + index) * kAccountsUnit;
        if (layout::slot_unit(layout::load_word(slot, sizeof(uint64_t))) != kSlotEmpty) continue;
        store_slot(data, at, section, index, unit, layout::hash_tag(hash));
        return probe;
    }
}

uint32_t AccountsImage::write_tables(char* data, uint64_t seed) const {
    const auto& [vos, accounts, groups] = *snapshot_;
    for (size_t section = 0; section < static_cast<size_t>(AccountsSection::vo_list); ++section)
        for (uint32_t index = 0; index < places_[section].slots; ++index)
            store_slot(data, places_[section], static_cast<AccountsSection>(section), index, kSlotEmpty, 0);
    uint32_t longest = 0;
    const auto add = [&](AccountsSection section, uint64_t hash, uint32_t unit) {
        longest = std::max(longest, insert(data, section, hash, unit));
    };
    const auto hash_text = [seed](const std::string& text) {
        return layout::hash_bytes(text.data(), text.size(), seed);
    };
    for (const uint32_t i : vo_order_) add(AccountsSection::by_vo, hash_text(vos[i].vo), vo_units_[i]);
    for (const uint32_t i : user_order_) {
        add(AccountsSection::by_name, hash_text(accounts[i].name), user_units_[i]);
        add(AccountsSection::by_uid, layout::hash_number(accounts[i].uid, seed), user_units_[i]);
    }
    for (const uint32_t i : group_order_) {
        add(AccountsSection::by_group, hash_text(groups[i].name), group_units_[i]);
        add(AccountsSection::by_gid, layout::hash_number(groups[i].gid, seed), group_units_[i]);
    }
    return longest;
}

void AccountsImage::write_header(char* data, uint64_t generation, uint64_t seed, uint32_t probe_max) const {
    AccountsHeader header{.abi = kAccountsAbi,
                          .header_size = sizeof header,
                          .file_size = size_,
                          .generation = generation,
                          .seed = seed,
                          .arena_unit = arena_unit_,
                          .arena_units = static_cast<uint32_t>(size_ / kAccountsUnit - arena_unit_),
                          .probe_max = probe_max};
    memcpy(header.magic, kAccountsMagic, sizeof header.magic);
    memcpy(header.sections, places_, sizeof places_);
    header.check = layout::header_check(&header, sizeof header);
    memcpy(data, &header, sizeof header);
}

Outcome<void> AccountsImage::write(char* data, uint64_t generation) const {
    memset(data, 0, size_);
    write_records(data);
    write_lists(data);
    for (int i = 0; i < kSeedTries; ++i) {
        uint64_t seed = 0;
        if (getrandom(&seed, sizeof seed, 0) != sizeof seed)
            return failure_errno(errno, "cannot draw a random seed");
        const uint32_t longest = write_tables(data, seed);
        if (longest > kAccountsProbeMax) continue;
        write_header(data, generation, seed, longest);
        return {};
    }
    return failure(Errc::invalid, "the accounts' names collide under each of {} random seeds", kSeedTries);
}

Outcome<std::string> build_accounts_file(const AccountsSnapshot& snapshot, uint64_t generation) {
    const Outcome<AccountsImage> image = AccountsImage::plan(snapshot);
    if (!image) return std::unexpected(image.error());
    std::string bytes(image->size(), '\0');
    if (Outcome<void> written = image->write(bytes.data(), generation); !written)
        return std::unexpected(written.error());
    return bytes;
}

}  // namespace xos
