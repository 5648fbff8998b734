#include "xosd/tracking/container_name.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "common/failure.h"

namespace xos {
namespace {

constexpr size_t kIdMax = 128;
constexpr size_t kIdPrefixMin = 6;
constexpr size_t kIdShown = 12;
constexpr size_t kLongId = 32;  // hexadecimal digits in a row: the id of a container, 64 in fact

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_lower(char c) {
    return c >= 'a' && c <= 'z';
}
bool is_name_character(char c) {
    return is_digit(c) || is_lower(c) || (c >= 'A' && c <= 'Z') || c == '.' || c == '_' || c == '-';
}
bool is_hexadecimal(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); });
}

// Of systemd.unit(5): every other byte is \xNN.
std::string escape_unit_name(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (is_name_character(c) && c != '-')
            out += c;
        else
            out += compose("\\x{:02x}", static_cast<unsigned char>(c));
    }
    return out;
}

std::string unescape_unit_name(std::string_view text) {
    std::string out;
    for (size_t i = 0; i < text.size(); ++i) {
        unsigned value = 0;
        const char* const digits = text.data() + i + 2;
        if (i + 3 < text.size() && text[i] == '\\' && text[i + 1] == 'x' &&
            std::from_chars(digits, digits + 2, value, 16).ptr == digits + 2) {
            out += static_cast<char>(value);
            i += 3;
        } else {
            out += text[i];
        }
    }
    return out;
}

std::string shorten_ids(const std::string& text) {
    std::string out;
    for (size_t i = 0; i < text.size();) {
        size_t end = i;
        while (end < text.size() && is_hexadecimal(text.substr(end, 1))) ++end;
        const size_t run = end - i;
        out += text.substr(i, run >= kLongId ? kIdShown : std::max<size_t>(run, 1));
        i += std::max<size_t>(run, 1);
    }
    return out;
}

std::string_view without_unit_type(std::string_view name) {
    for (const std::string_view type : {".scope", ".service", ".slice"})
        if (name.size() > type.size() && name.ends_with(type))
            return name.substr(0, name.size() - type.size());
    return name;
}

std::string with_suffix(const std::string& name, const std::string& suffix) {
    return name.substr(0, kContainerNameMax - suffix.size()) + suffix;
}

}  // namespace

bool is_container_name(std::string_view name) {
    if (name.empty() || name.size() > kContainerNameMax || !(is_digit(name[0]) || is_lower(name[0])))
        return false;
    // parse_job_name() takes a number alone, too
    return std::ranges::all_of(name, is_name_character) && !std::ranges::all_of(name, is_digit) &&
           !name.starts_with("job-") && !name.starts_with("session-");
}

std::string derive_container_name(const std::vector<std::string>& names, size_t first,
                                  const std::function<bool(const std::string&)>& taken) {
    std::string joined;
    for (size_t i = first; i < names.size(); ++i)
        joined += (joined.empty() ? "" : "-") + unescape_unit_name(without_unit_type(names[i]));
    std::string name = shorten_ids(joined);
    std::ranges::replace_if(name, [](char c) { return !is_name_character(c); }, '-');
    if (!name.empty() && name[0] >= 'A' && name[0] <= 'Z') name[0] = static_cast<char>(name[0] - 'A' + 'a');
    if (name.size() > kContainerNameMax) name.resize(kContainerNameMax);
    if (!is_container_name(name)) name = ("c-" + name).substr(0, kContainerNameMax);
    std::string unique = name;
    for (size_t number = 2; taken(unique); ++number) unique = with_suffix(name, compose("-{}", number));
    return unique;
}

bool is_container_id(std::string_view id) {
    return !id.empty() && id.size() <= kIdMax &&
           std::ranges::all_of(id, [](char c) { return c > ' ' && c <= '~' && c != '/'; });
}

bool is_cgroup_of_container(std::string_view name, std::string_view id) {
    const std::string plain(id), escaped = escape_unit_name(id);
    if (name == id || name == "lxc.payload." + plain || name == "machine-" + escaped + ".scope" ||
        name == "machine-" + plain + ".scope" || name == plain + ".scope" || name == plain + ".service")
        return true;
    const bool is_prefix = id.size() >= kIdPrefixMin && is_hexadecimal(id);
    if (is_prefix && name.size() >= kLongId && is_hexadecimal(name)) return name.starts_with(id);
    for (const std::string_view runtime : {"libpod-", "docker-", "cri-containerd-"}) {
        if (!name.starts_with(runtime) || !name.ends_with(".scope")) continue;
        const std::string_view whole = without_unit_type(name.substr(runtime.size()));
        return whole == id || (is_prefix && is_hexadecimal(whole) && whole.starts_with(id));
    }
    return false;
}

}  // namespace xos
