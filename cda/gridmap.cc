// Members from a grid-mapfile, as GSI and its successors read it.
#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "cda/member_import.h"
#include "libxos/login_name.h"

namespace xos {
namespace {

std::optional<uint8_t> read_hex(std::string_view two) {
    uint8_t value = 0;
    for (const char c : two) {
        const int digit = c >= '0' && c <= '9'   ? c - '0'
                          : c >= 'a' && c <= 'f' ? c - 'a' + 10
                          : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                 : -1;
        if (digit < 0) return std::nullopt;
        value = static_cast<uint8_t>(value * 16 + digit);
    }
    return two.size() == 2 ? std::optional(value) : std::nullopt;
}

// The subject at the front of line, which keeps what follows it; what is wrong, or nullptr.
const char* take_subject(std::string_view& line, std::string& subject) {
    if (!line.starts_with('"')) {
        const size_t size = std::min(line.find_first_of(" \t"), line.size());
        subject = line.substr(0, size);
        line.remove_prefix(size);
        return nullptr;
    }
    for (size_t i = 1; i < line.size(); ++i) {
        if (line[i] == '"') {
            line.remove_prefix(i + 1);
            return nullptr;
        }
        if (line[i] != '\\') {
            subject += line[i];
            continue;
        }
        if (++i == line.size()) break;
        if (line[i] != 'x') {
            subject += line[i];
            continue;
        }
        const auto value = read_hex(line.substr(i + 1, 2));
        if (!value) return "\\x is followed by two hexadecimal digits";
        subject += static_cast<char>(*value);
        i += 2;
    }
    return "the quote is not closed";
}

// The attribute names that older tools write, as X509_NAME_oneline(3) writes them.
std::string normalise(std::string subject) {
    constexpr std::pair<std::string_view, std::string_view> kNames[] = {
        {"/Email=", "/emailAddress="}, {"/E=", "/emailAddress="}, {"/USERID=", "/UID="}};
    for (const auto& [from, to] : kNames)
        for (size_t at = subject.find(from); at != std::string::npos; at = subject.find(from, at + to.size()))
            subject.replace(at, from.size(), to);
    return subject;
}

const char* read_line(std::string_view line, std::string& subject, std::string& name) {
    if (const char* fault = take_subject(line, subject)) return fault;
    subject = normalise(std::move(subject));
    if (!is_distinguished_name(subject))
        return "expected a subject such as \"/DC=org/DC=example/CN=User One\"";
    const size_t start = line.find_first_not_of(" \t");
    if (start != 0 && start != std::string_view::npos) line.remove_prefix(start);
    if (start == 0 || start == std::string_view::npos)
        return "expected a blank and a user name after the subject";
    name = line.substr(0, std::min(line.find_first_of(", \t"), line.size()));
    if (name.starts_with('.'))
        return "pools of accounts (.name) have no members of their own: name each user";
    if (!is_user_name(name)) return "the user name is not [a-z][a-z0-9._-]{0,30}";
    return nullptr;
}

class GridmapRows {
  public:
    explicit GridmapRows(std::string_view issuer) : issuer_(issuer) {}
    void add(size_t line, std::string_view text);
    bool full() const { return rows_.size() > kImportRowsMax || subjects_.size() > kImportRowsMax; }
    Outcome<std::vector<ImportRow>> get() {
        if (faults_.any()) return faults_.get();
        return std::move(rows_);
    }

  private:
    std::string_view issuer_;
    std::vector<ImportRow> rows_;
    std::unordered_map<std::string, size_t> by_name_;  // index in rows_
    std::unordered_set<std::string> subjects_;
    ImportFaults faults_;
};

void GridmapRows::add(size_t line, std::string_view text) {
    std::string subject, name;
    if (text.size() > kImportLineMax) return faults_.add(line, "it is too long");
    if (const char* fault = read_line(text, subject, name)) return faults_.add(line, fault);
    if (!subjects_.insert(subject).second) return faults_.add(line, compose("{} is there twice", subject));
    const auto [found, added] = by_name_.emplace(name, rows_.size());
    if (added) rows_.push_back({line, name, {}, {}, {}});
    auto& identities = rows_[found->second].identities;
    identities.push_back({std::string(issuer_), subject});
    if (identities.size() == kIdentitiesPerMemberMax + 1)
        faults_.add(line, compose("{} has more than {} subjects: an account that many share is no member",
                                  name, kIdentitiesPerMemberMax));
}

}  // namespace

Outcome<std::vector<ImportRow>> parse_gridmap(std::string_view text, std::string_view issuer) {
    if (text.size() > kImportMax)
        return failure(Errc::invalid, "the file has more than the {} bytes allowed", kImportMax);
    if (!is_distinguished_name(issuer))
        return failure(Errc::invalid,
                       "--issuer: expected a distinguished name such as /DC=org/DC=example/CN=CA");
    GridmapRows rows(issuer);
    for (size_t line = 1; !text.empty(); ++line) {
        std::string_view one = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(one.size() + 1, text.size()));
        if (one.ends_with('\r')) one.remove_suffix(1);
        const size_t start = one.find_first_not_of(" \t");
        if (start == std::string_view::npos || one[start] == '#') continue;
        rows.add(line, one.substr(start));
        if (rows.full())
            return failure(Errc::invalid, "nothing was done: the file has more than {} subjects",
                           kImportRowsMax);
    }
    return rows.get();
}

}  // namespace xos
