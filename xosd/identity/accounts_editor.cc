#include "xosd/identity/accounts_editor.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "libxos/names.h"
#include "xosd/identity/accounts_record.h"

namespace xos {
namespace {

// A table with more of its slots used up is made anew, larger: chains would get long.
constexpr uint32_t fullest(uint32_t slots) {
    return slots / 4 * 3;
}

Outcome<void> write_all(int fd, const std::vector<BootEdits::Edit>& edits) {
    for (const auto& [offset, bytes] : edits)
        if (pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset)) !=
            static_cast<ssize_t>(bytes.size()))
            return failure_errno(errno, "cannot write to the boot copy of the accounts file");
    if (fdatasync(fd) != 0) return failure_errno(errno, "cannot sync the boot copy of the accounts file");
    return {};
}

UniqueFd open_regular(const std::string& path) {
    return UniqueFd(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
}

}  // namespace

Outcome<void> write_edits(const BootEdits& edits) {
    if (edits.file == nullptr) return {};
    if (!edits.records.empty())
        if (auto written = write_all(edits.file->get(), edits.records); !written) return written;
    if (edits.slots.empty()) return {};
    return write_all(edits.file->get(), edits.slots);
}

AccountsEditor::AccountsEditor(void* data, size_t size, const AccountsFile& file)
    : data_(static_cast<char*>(data)),
      size_(size),
      room_(reinterpret_cast<AccountsRoom*>(data_ + offsetof(AccountsHeader, spare))),
      file_(file) {
    memcpy(&header_, data_, sizeof header_);
}

AccountsEditor::~AccountsEditor() {
    munmap(data_, size_);
}

Outcome<std::unique_ptr<AccountsEditor>> AccountsEditor::open(const std::string& run_path,
                                                              const std::string& boot_path) {
    const UniqueFd fd = open_regular(run_path);
    struct stat st{};
    if (!fd || fstat(fd.get(), &st) != 0) return failure_errno(errno, "cannot open {}", run_path);
    const auto size = static_cast<size_t>(st.st_size);
    // populated: else a change would pay for a fault at each slot that it comes to first
    void* const data = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd.get(), 0);
    if (data == MAP_FAILED) return failure_errno(errno, "cannot map {}", run_path);
    const auto file = AccountsFile::attach(data, size);
    if (!file) {
        munmap(data, size);
        return failure(Errc::invalid, "{} is no accounts file of this version", run_path);
    }
    std::unique_ptr<AccountsEditor> editor(new AccountsEditor(data, size, *file));
    if (boot_path.empty()) return editor;
    auto boot = std::make_shared<UniqueFd>(open_regular(boot_path));
    AccountsHeader header{};
    if (!*boot || pread(boot->get(), &header, sizeof header, 0) != sizeof header)
        return failure_errno(errno, "cannot read {}", boot_path);
    if (header.check != editor->header_.check || header.generation != editor->header_.generation)
        return failure(Errc::conflict, "{} is not the copy of {}", boot_path, run_path);
    editor->edits_.file = std::move(boot);
    return editor;
}

bool AccountsEditor::has_room(const ChangePlan& plan) const {
    const auto table = [&](AccountsSection section) {
        return fullest(header_.sections[static_cast<size_t>(section)].slots);
    };
    return uint64_t{room_->arena_used} + plan.units <= header_.arena_units &&
           uint64_t{room_->names_used} + plan.names <= table(AccountsSection::by_name) &&
           uint64_t{room_->groups_used} + plan.group_names <= table(AccountsSection::by_group);
}

uint32_t AccountsEditor::append(size_t bytes, auto write) {
    const auto units = static_cast<uint32_t>(units_of(bytes));
    const uint32_t unit = header_.arena_unit + room_->arena_used;
    // first: should this process die here, what is half written is never written over
    __atomic_store_n(&room_->arena_used, room_->arena_used + units, __ATOMIC_RELAXED);
    write(data_, unit);
    const uint64_t offset = uint64_t{unit} * kAccountsUnit;
    if (edits_.file != nullptr)
        edits_.records.push_back({offset, std::string(data_ + offset, units * kAccountsUnit)});
    return unit;
}

uint64_t AccountsEditor::load(uint32_t place) const {
    return layout::load_word(data_ + uint64_t{place} * kAccountsUnit, sizeof(uint64_t));
}

void AccountsEditor::store(uint32_t place, uint32_t unit, uint16_t tag, bool lasting) {
    const uint64_t offset = uint64_t{place} * kAccountsUnit;
    const uint64_t slot = layout::make_slot(unit, tag, place);
    __atomic_store_n(reinterpret_cast<uint64_t*>(data_ + offset), slot, __ATOMIC_RELEASE);
    if (edits_.file != nullptr && lasting)
        edits_.slots.push_back({offset, std::string(reinterpret_cast<const char*>(&slot), sizeof slot)});
}

uint32_t AccountsEditor::find_slot(AccountsSection section, uint64_t hash, uint32_t unit) const {
    const AccountsPlace& table = header_.sections[static_cast<size_t>(section)];
    for (uint32_t i = layout::hash_index(hash, table.slots);; i = (i + 1) & (table.slots - 1)) {
        const uint32_t there = layout::slot_unit(load(table.unit + i));
        if (there == unit) return table.unit + i;
        if (there == kSlotEmpty) return 0;
    }
}

// Ends: has_room() keeps a quarter of the slots empty.
uint32_t AccountsEditor::find_free(AccountsSection section, uint64_t hash) const {
    const AccountsPlace& table = header_.sections[static_cast<size_t>(section)];
    for (uint32_t i = layout::hash_index(hash, table.slots);; i = (i + 1) & (table.slots - 1))
        if (layout::slot_unit(load(table.unit + i)) <= kSlotTombstone) return table.unit + i;
}

void AccountsEditor::exchange_name(AccountsSection section, std::string_view old_name, uint32_t old_unit,
                                   std::string_view name, uint32_t unit) {
    const auto hash_of = [&](std::string_view text) {
        return layout::hash_bytes(text.data(), text.size(), header_.seed);
    };
    uint32_t& used = section == AccountsSection::by_name ? room_->names_used : room_->groups_used;
    const uint32_t old_place = old_name.empty() ? 0 : find_slot(section, hash_of(old_name), old_unit);
    const bool stays = old_place != 0 && old_name == name;
    if (!name.empty()) {
        const uint64_t hash = hash_of(name);
        const uint32_t place = stays ? old_place : find_free(section, hash);
        if (layout::slot_unit(load(place)) == kSlotEmpty) __atomic_store_n(&used, used + 1, __ATOMIC_RELAXED);
        store(place, unit, layout::hash_tag(hash));
    }
    if (old_place != 0 && !stays) store(old_place, kSlotTombstone, 0);
}

void AccountsEditor::write_group(const ChangePlan::Group& group) {
    const uint32_t number = group.gid - group.vo.base - first_group_offset(group.vo.size);
    const uint32_t place = group.vo.groups.place.unit + (number - group.vo.groups.first);
    const uint32_t old_unit = layout::slot_unit(load(place));
    uint32_t unit = kSlotEmpty;
    if (!group.name.empty())
        unit = append(group_record_bytes(group.name, group.numbers.size()), [&](char* data, uint32_t at) {
            write_record(data, at, {group.name, group.gid, group.flags, group.vo.users}, group.numbers);
        });
    store(place, unit, unit == kSlotEmpty ? 0 : kSlotListed);
    exchange_name(AccountsSection::by_group, group.old_name, old_unit, group.name, unit);
}

void AccountsEditor::write_account(const ChangePlan::Account& account) {
    const uint32_t number = account.uid - account.vo.base;
    const uint32_t place = account.vo.users.place.unit + (number - account.vo.users.first);
    const uint32_t old_unit = layout::slot_unit(load(place));
    if (account.to == nullptr) {
        exchange_name(AccountsSection::by_name, account.old_name, old_unit, {}, 0);
        return store(place, kSlotEmpty, 0);
    }
    const auto& [entry, gids] = *account.to;
    const uint32_t unit = append(record_bytes(entry, gids.size()),
                                 [&](char* data, uint32_t at) { write_record(data, at, entry, gids); });
    store(place, unit, entry.listed ? kSlotListed : 0);
    exchange_name(AccountsSection::by_name, account.old_name, old_unit, entry.name, unit);
}

Outcome<void> AccountsEditor::apply(const AccountsChange& change) {
    const auto plan = plan_change(file_, change);
    if (!plan) return std::unexpected(plan.error());
    if (!has_room(*plan)) return failure(Errc::too_small, "the accounts file is full");
    for (const ChangePlan::Account& account : plan->accounts)
        if (account.to == nullptr) write_account(account);
    for (const auto& [gid, group] : plan->groups) write_group(group);
    for (const ChangePlan::Account& account : plan->accounts)
        if (account.to != nullptr) write_account(account);
    return {};
}

Outcome<void> AccountsEditor::set_listed(uint32_t uid, bool listed) {
    const auto account = file_.find_user(uid);
    if (!account) return failure(account.error().code, "uid {} has no account", uid);
    const auto login = account->name;
    const auto vo = file_.find_vo(login.substr(login.find('@') + 1));
    if (!vo) return failure(vo.error().code, "the VO of {} is not in the accounts file", login);
    const uint32_t place = vo->users.place.unit + (uid - vo->base - vo->users.first);
    const uint64_t slot = load(place);
    const uint16_t tag = listed ? kSlotListed : 0;
    // of no use to the boot copy: nobody is active before xosd has started
    if (layout::slot_tag(slot) != tag) store(place, layout::slot_unit(slot), tag, false);
    return {};
}

BootEdits AccountsEditor::take_edits() {
    BootEdits taken{edits_.file};
    taken.records = std::exchange(edits_.records, {});
    taken.slots = std::exchange(edits_.slots, {});
    return taken;
}

}  // namespace xos
