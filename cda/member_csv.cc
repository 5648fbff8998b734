// Members from a table.
#include <algorithm>
#include <array>
#include <unordered_map>

#include "cda/member_import.h"
#include "libxos/login_name.h"
#include "libxos/names.h"

namespace xos {
namespace {

constexpr std::array<std::string_view, 5> kColumns = {"name", "groups", "roles", "issuer", "subject"};
constexpr size_t kName = 0, kGroups = 1, kRoles = 2, kIssuer = 3, kSubject = 4;

struct Record {
    size_t line = 0;
    std::vector<std::string> fields;
    const char* fault = nullptr;  // what its form does wrong
};

// Takes one record off the front of text. line counts on; a broken record is skipped to its line's end.
class CsvReader {
  public:
    explicit CsvReader(std::string_view text) : rest_(text) {
        if (rest_.starts_with("\xEF\xBB\xBF")) rest_.remove_prefix(3);
    }
    bool more() const { return !rest_.empty(); }
    Record next();

  private:
    const char* quoted(std::string& field);
    const char* bare(std::string& field);
    void end_line();

    std::string_view rest_;
    size_t line_ = 1;
};

const char* CsvReader::bare(std::string& field) {
    const size_t size = std::min(rest_.find_first_of(",\r\n"), rest_.size());
    field = rest_.substr(0, size);
    rest_.remove_prefix(size);
    if (field.size() > kImportLineMax) return "it is too long";
    return field.contains('"') ? "a quote inside a field that does not begin with one" : nullptr;
}

const char* CsvReader::quoted(std::string& field) {
    rest_.remove_prefix(1);
    while (!rest_.empty()) {
        const size_t size = std::min(rest_.find_first_of("\"\r\n"), rest_.size());
        field += rest_.substr(0, size);
        rest_.remove_prefix(size);
        // RFC 4180 allows line ends here; no field of ours has one, and a lost quote would swallow the file
        if (!rest_.starts_with('"')) return "a quote is not closed on its line";
        rest_.remove_prefix(1);
        if (field.size() > kImportLineMax) return "it is too long";
        if (!rest_.starts_with('"')) return nullptr;
        field += '"';
        rest_.remove_prefix(1);
    }
    return "a quote is not closed on its line";
}

void CsvReader::end_line() {
    const size_t end = rest_.find('\n');
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
    ++line_;
}

Record CsvReader::next() {
    Record record{line_, {}, nullptr};
    while (true) {
        std::string field;
        record.fault = rest_.starts_with('"') ? quoted(field) : bare(field);
        record.fields.push_back(std::move(field));
        if (record.fault == nullptr && record.fields.size() > kColumns.size())
            record.fault = "it has too many fields";
        if (record.fault != nullptr || !rest_.starts_with(',')) break;
        rest_.remove_prefix(1);
    }
    if (record.fault == nullptr && rest_.starts_with('\r')) rest_.remove_prefix(1);
    if (record.fault == nullptr && !rest_.empty() && rest_.front() != '\n')
        record.fault = "something follows a closing quote, or a lone carriage return";
    end_line();
    return record;
}

// Which of kColumns each field is.
Outcome<std::vector<size_t>> read_header(const Record& header) {
    std::vector<size_t> columns;
    for (const std::string& name : header.fields) {
        const auto found = std::ranges::find(kColumns, name);
        const auto column = static_cast<size_t>(found - kColumns.begin());
        if (header.fault != nullptr || found == kColumns.end() || std::ranges::contains(columns, column))
            break;
        columns.push_back(column);
    }
    const bool issuer = std::ranges::contains(columns, kIssuer),
               subject = std::ranges::contains(columns, kSubject);
    if (!std::ranges::contains(columns, kName) || columns.size() != header.fields.size() || issuer != subject)
        return failure(
            Errc::invalid,
            "nothing was done; line 1: expected a header of name and, as wanted, groups, roles, and issuer "
            "with subject, such as name,groups,roles");
    return columns;
}

const char* read_names(std::string_view text, size_t max, std::vector<std::string>& names) {
    while (true) {
        const size_t start = text.find_first_not_of("; ");
        if (start == std::string_view::npos) break;
        text.remove_prefix(start);
        const size_t size = std::min(text.find_first_of("; "), text.size());
        if (!is_user_name(text.substr(0, size)))
            return "groups and roles are names such as analysis, [a-z][a-z0-9._-]*";
        names.emplace_back(text.substr(0, size));
        text.remove_prefix(size);
    }
    std::ranges::sort(names);
    names.erase(std::ranges::unique(names).begin(), names.end());
    return names.size() > max ? "it has too many groups or roles" : nullptr;
}

const char* read_row(const Record& record, const std::vector<size_t>& columns, ImportRow& row) {
    if (record.fault != nullptr) return record.fault;
    if (record.fields.size() != columns.size()) return "it has not as many fields as the header";
    std::array<std::string_view, kColumns.size()> values;
    for (size_t i = 0; i < columns.size(); ++i) values[columns[i]] = record.fields[i];
    row.line = record.line;
    row.name = values[kName];
    if (!is_user_name(row.name)) return "name: expected a user name, [a-z][a-z0-9._-]{0,30}";
    if (const char* fault = read_names(values[kGroups], kGroupsPerMemberMax, row.groups)) return fault;
    if (const char* fault = read_names(values[kRoles], kRolesPerMemberMax, row.roles)) return fault;
    if (values[kIssuer].empty() != values[kSubject].empty()) return "issuer and subject belong together";
    if (values[kIssuer].empty()) return nullptr;
    if (!is_distinguished_name(values[kIssuer]) || !is_distinguished_name(values[kSubject]))
        return "issuer, subject: expected distinguished names such as /DC=org/DC=example/CN=User One";
    row.identities.push_back({std::string(values[kIssuer]), std::string(values[kSubject])});
    return nullptr;
}

}  // namespace

Outcome<std::vector<ImportRow>> parse_member_csv(std::string_view text) {
    if (text.size() > kImportMax)
        return failure(Errc::invalid, "the file has more than the {} bytes allowed", kImportMax);
    CsvReader reader(text);
    const auto columns = read_header(reader.next());
    if (!columns) return std::unexpected(columns.error());
    std::vector<ImportRow> rows;
    std::unordered_map<std::string, size_t> names;  // and the lines that they are on
    ImportFaults faults;
    while (reader.more()) {
        const Record record = reader.next();
        if (record.fault == nullptr && record.fields.size() == 1 && record.fields.front().empty()) continue;
        ImportRow row;
        if (const char* fault = read_row(record, *columns, row)) {
            faults.add(record.line, fault);
            continue;
        }
        if (const auto [there, added] = names.emplace(row.name, row.line); !added)
            faults.add(row.line, compose("{} is on line {} already", row.name, there->second));
        rows.push_back(std::move(row));
        if (rows.size() > kImportRowsMax)
            return failure(Errc::invalid, "nothing was done: the file has more than {} rows", kImportRowsMax);
    }
    if (faults.any()) return faults.get();
    return rows;
}

}  // namespace xos
