// Bytes as a line of the audit log: what is read is printable and short, and stays as it is when it is
// written again, as a line and as an entry of the journal.
#include <algorithm>
#include <cstdlib>
#include <map>
#include <string>

#include "common/audit/audit_record.h"
#include "common/encoding.h"

using namespace xos;

namespace {

bool is_printable(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
}

void check_entry(const AuditRecord& record, const std::string& line) {
    std::map<std::string, std::string> fields;
    for (const std::string& field : format_audit_entry(record)) {
        if (!is_printable(field)) std::abort();
        const size_t equals = field.find('=');
        fields[field.substr(0, equals)] = field.substr(equals + 1);
    }
    const auto again = parse_audit_entry(
        [&](const char* name) -> std::optional<std::string> {
            const auto found = fields.find(name);
            return found == fields.end() ? std::nullopt : std::optional(found->second);
        },
        record.time);
    if (!again || format_audit_line(*again) != line) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const auto record = parse_audit_line(as_text({data, size}));
    if (!record) return 0;
    const std::string line = format_audit_line(*record);
    if (!is_printable(line) || line.size() >= kAuditLineMax) std::abort();
    const auto again = parse_audit_line(line);
    if (!again || format_audit_line(*again) != line) std::abort();
    check_entry(*record, line);
    return 0;
}
