#include "xosd/identity/local_ids.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <optional>
#include <string_view>

#include "libxos/unique_fd.h"

namespace xos {
namespace {

constexpr off_t kFileMax = 256 * 1024 * 1024;

// Errc::not_found: no such file.
Outcome<std::string> read_file(const std::string& path) {
    const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!fd && errno == ENOENT) return failure(Errc::not_found, "{} does not exist", path);
    struct stat st{};
    if (!fd || fstat(fd.get(), &st) != 0) return failure_errno(errno, "cannot open {}", path);
    if (!S_ISREG(st.st_mode) || st.st_size > kFileMax)
        return failure(Errc::invalid, "{} is no plain file of at most {} bytes", path, kFileMax);
    std::string text;
    char block[65536];
    for (;;) {
        const ssize_t size = read(fd.get(), block, sizeof block);
        if (size < 0) return failure_errno(errno, "cannot read {}", path);
        if (size == 0) return text;
        text.append(block, static_cast<size_t>(size));
    }
}

std::string_view take_until(std::string_view& text, char end) {
    const size_t at = std::min(text.find(end), text.size());
    const std::string_view part = text.substr(0, at);
    text.remove_prefix(std::min(at + 1, text.size()));
    return part;
}

std::optional<uint64_t> parse_number(std::string_view text) {
    uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return number;
}

// Lines of name:x:ID:..., as in passwd(5) and group(5).
void parse_ids(std::string_view text, const char* what, LocalIds& ids, bool users) {
    while (!text.empty()) {
        std::string_view line = take_until(text, '\n');
        const std::string_view name = take_until(line, ':');
        take_until(line, ':');
        const std::optional<uint64_t> id = parse_number(take_until(line, ':'));
        if (name.empty()) continue;
        if (users) ids.names.emplace_back(name);
        if (id) ids.ranges.push_back({.owner = std::string(what) + " " + std::string(name), .first = *id});
    }
}

// Lines of owner:FIRST:COUNT, as in subuid(5).
void parse_ranges(std::string_view text, const char* what, LocalIds& ids) {
    while (!text.empty()) {
        std::string_view line = take_until(text, '\n');
        const std::string_view owner = take_until(line, ':');
        const std::optional<uint64_t> first = parse_number(take_until(line, ':'));
        const std::optional<uint64_t> count = parse_number(line);
        if (!owner.empty() && first && count && *count > 0)
            ids.ranges.push_back({std::string(what) + " of " + std::string(owner), *first, *count});
    }
}

// Section headers [domain/NAME], or [domain/NAME/SUBDOMAIN] of a trusted one.
void parse_domains(std::string_view text, LocalIds& ids) {
    constexpr std::string_view kSection = "[domain/";
    while (!text.empty()) {
        std::string_view line = take_until(text, '\n');
        while (line.starts_with(' ') || line.starts_with('\t')) line.remove_prefix(1);
        if (!line.starts_with(kSection)) continue;
        line.remove_prefix(kSection.size());
        std::string_view name = take_until(line, ']');
        while (!name.empty()) ids.domains.emplace_back(take_until(name, '/'));
    }
}

// sssd.conf(5), and what is in its conf.d; unreadable files are SSSD's own trouble.
void read_domains(const std::string& directory, LocalIds& ids) {
    std::vector<std::string> paths{directory + "/sssd.conf"};
    std::error_code error;
    for (std::filesystem::directory_iterator at(directory + "/conf.d", error), end; !error && at != end;
         at.increment(error))
        if (at->path().extension() == ".conf") paths.push_back(at->path());
    for (const std::string& path : paths)
        if (const auto text = read_file(path)) parse_domains(*text, ids);
    std::ranges::sort(ids.domains);
}

}  // namespace

std::string LocalIds::find_server_of(std::string_view vo) const {
    if (std::ranges::binary_search(domains, vo)) return "SSSD";
    const std::string suffix = "@" + std::string(vo);
    const auto found = std::ranges::find_if(
        names, [&](const std::string& name) { return std::string_view(name).ends_with(suffix); });
    return found == names.end() ? "" : "the local user " + *found;
}

bool LocalIds::has_user(const std::string& name) const {
    return std::ranges::binary_search(names, name);
}

const LocalIds::Range* LocalIds::find_clash(uint32_t base, uint32_t size) const {
    const uint64_t end = uint64_t{base} + size;
    for (const Range& range : ranges)
        // without a sum, which a hostile count could make wrap
        if (range.first < end && (range.first >= base || base - range.first < range.count)) return &range;
    return nullptr;
}

Outcome<LocalIds> read_local_ids(const std::string& directory) {
    LocalIds ids;
    for (const bool users : {true, false}) {
        const Outcome<std::string> text = read_file(directory + (users ? "/passwd" : "/group"));
        if (!text) return std::unexpected(text.error());
        parse_ids(*text, users ? "local user" : "local group", ids, users);
    }
    for (const bool users : {true, false}) {
        const Outcome<std::string> text = read_file(directory + (users ? "/subuid" : "/subgid"));
        if (!text && text.error().code == Errc::not_found) continue;
        if (!text) return std::unexpected(text.error());
        parse_ranges(*text, users ? "the subuids" : "the subgids", ids);
    }
    std::ranges::sort(ids.names);
    read_domains(directory + "/sssd", ids);
    return ids;
}

}  // namespace xos
