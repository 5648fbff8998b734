#include "cli/id_clash_check.h"

#include <pwd.h>

#include <array>
#include <charconv>
#include <fstream>

#include "libxos/names.h"

namespace xos {
namespace {

constexpr char kMove[] =
    "give it other ids, or stop trusting the VO (xos vo untrust); a VO's ids are part of its signed record";

std::vector<std::string> split(const std::string& line, char separator) {
    std::vector<std::string> fields;
    for (size_t at = 0; at <= line.size();) {
        const size_t end = std::min(line.find(separator, at), line.size());
        fields.push_back(line.substr(at, end - at));
        at = end + 1;
    }
    return fields;
}

std::optional<uint64_t> read_number(const std::string& text) {
    uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return number;
}

struct Range {
    std::string owner;
    uint64_t first = 0, count = 1;
};

void check_range(const Range& range, const std::vector<VoBlock>& blocks, Findings& findings) {
    for (const VoBlock& block : blocks) {
        const uint64_t end = uint64_t{block.base} + block.size;
        if (range.count == 0 || range.first >= end || range.first + range.count <= block.base) continue;
        wrong(findings,
              range.count == 1
                  ? compose("{} has the id {}, which is VO {}'s", range.owner, range.first, block.vo)
                  : compose("{} are {} ids from {}, some of which are VO {}'s", range.owner, range.count,
                            range.first, block.vo),
              kMove);
    }
}

// Lines of at least fields fields; each gets those.
void for_each_line(const std::string& path, size_t fields,
                   const std::function<void(const std::vector<std::string>&)>& each) {
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
        const auto parts = split(line, ':');
        if (parts.size() >= fields) each(parts);
    }
}

// Up to where useradd(8) hands out ids by itself.
void check_limits(const std::string& path, Findings& findings) {
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
        for (const char* key : {"UID_MAX", "GID_MAX", "SUB_UID_MAX", "SUB_GID_MAX"}) {
            if (!line.starts_with(key)) continue;
            const size_t at = line.find_first_not_of(" \t", std::string_view(key).size());
            if (at == std::string_view(key).size() || at == std::string::npos) continue;
            const auto number = read_number(line.substr(at, line.find_first_of(" \t\r#", at) - at));
            if (number && *number >= kUidMin)
                wrong(findings,
                      compose("{} lets useradd hand out ids up to {}: those from {} on are for VOs", path,
                              *number, kUidMin),
                      compose("in {}, set {} below {}", path, key, kUidMin));
        }
    }
}

}  // namespace

void check_local_ids(const std::string& etc, const std::vector<VoBlock>& blocks, Findings& findings) {
    const size_t before = findings.size();
    for (const VoBlock& block : blocks)
        if (block.base < kUidMin || block.size == 0 || uint64_t{block.base} + block.size - 1 > kUidMax)
            wrong(
                findings,
                compose("the ids of VO {} leave {}-{}, where systemd uses none", block.vo, kUidMin, kUidMax),
                kMove);
    for (const auto& [file, kind] : {std::pair{"passwd", "user"}, {"group", "group"}})
        for_each_line(etc + "/" + file, 3, [&](const std::vector<std::string>& fields) {
            if (const auto id = read_number(fields[2]))
                check_range({compose("the local {} {}", kind, fields[0]), *id, 1}, blocks, findings);
        });
    for (const char* file : {"subuid", "subgid"})
        for_each_line(etc + "/" + file, 3, [&](const std::vector<std::string>& fields) {
            const auto first = read_number(fields[1]), count = read_number(fields[2]);
            if (first && count)
                check_range(
                    {compose("the {}s of {}", file, fields[0]), *first, std::max<uint64_t>(*count, 2)},
                    blocks, findings);
        });
    check_limits(etc + "/login.defs", findings);
    if (findings.size() == before) good(findings, "no local id lies in the block of a VO");
}

NameLookups system_lookups() {
    const auto look_up = [](auto&& call) -> std::optional<passwd> {
        static std::array<char, 65536> buffer;
        passwd entry{};
        passwd* found = nullptr;
        if (call(&entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) return std::nullopt;
        return entry;
    };
    return {[look_up](uint32_t uid) -> std::optional<std::string> {
                const auto entry = look_up([uid](passwd* into, char* buffer, size_t size, passwd** found) {
                    return getpwuid_r(uid, into, buffer, size, found);
                });
                if (!entry) return std::nullopt;
                return entry->pw_name;
            },
            [look_up](const std::string& name) -> std::optional<uint32_t> {
                const auto entry = look_up([&name](passwd* into, char* buffer, size_t size, passwd** found) {
                    return getpwnam_r(name.c_str(), into, buffer, size, found);
                });
                if (!entry) return std::nullopt;
                return entry->pw_uid;
            }};
}

void check_other_sources(const AccountsFile& accounts, const NameLookups& lookups, Findings& findings) {
    const size_t before = findings.size();
    AccountsCursor vo_cursor;
    while (const auto block = accounts.next_vo(vo_cursor)) {
        // number 0 is no member, ever
        if (const auto name = lookups.name_of(block->base))
            wrong(findings,
                  compose("the id {} of VO {} is {} for the C library: another source uses ids of that VO",
                          block->base, block->vo, *name),
                  kMove);
        AccountsCursor cursor{.after = block->base};
        const auto sample = accounts.next_user(cursor);
        if (!sample || sample->uid < block->base || sample->uid - block->base >= block->size) continue;
        const std::string login(sample->name);
        const auto name = lookups.name_of(sample->uid);
        const auto uid = lookups.uid_of(login);
        if (!name && !uid)
            wrong(findings, compose("the C library does not know {} (uid {})", login, sample->uid),
                  "see what is said of nsswitch.conf, and of caches such as nscd");
        else if (name != login || uid != sample->uid)
            wrong(findings,
                  compose(
                      "{} (uid {}) is {} by number and {} by name for the C library: another source answers "
                      "before xos",
                      login, sample->uid, name.value_or("nobody"), uid ? std::to_string(*uid) : "nobody"),
                  "find it with: getent -s SOURCE passwd NAME, for each source of /etc/nsswitch.conf");
    }
    if (findings.size() == before)
        good(findings, "the C library's answers are ours, for a member of each VO");
}

}  // namespace xos
