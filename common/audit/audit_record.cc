#include "common/audit/audit_record.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "common/json.h"
#include "common/policy/quantity.h"
#include "libxos/login_name.h"

namespace xos {
namespace {

constexpr std::array<std::string_view, 6> kEventNames = {"login",   "authentication", "account",
                                                         "session", "session-end",    "suppressed"};
constexpr char kPermit[] = "permit", kRefuse[] = "refuse";

// What a field is called in a line and in an entry.
struct FieldName {
    const char* line;
    const char* entry;
};
constexpr FieldName kEvent = {"event", "XOS_EVENT"}, kDecision = {"decision", "XOS_DECISION"},
                    kVo = {"vo", "XOS_VO"}, kUser = {"user", "XOS_USER"}, kUid = {"uid", "XOS_UID"},
                    kSession = {"session", "XOS_SESSION"}, kCount = {"count", "XOS_COUNT"};

struct TextField {
    FieldName name;
    std::string AuditRecord::* value;
};
constexpr TextField kTexts[] = {
    {{"serial", "XOS_SERIAL"}, &AuditRecord::serial},
    {{"fingerprint", "XOS_FINGERPRINT"}, &AuditRecord::fingerprint},
    {{"remoteHost", "XOS_REMOTE_HOST"}, &AuditRecord::remote},
    {{"service", "XOS_SERVICE"}, &AuditRecord::service},
    {{"reason", "XOS_REASON"}, &AuditRecord::reason},
};

// Hands every field that is known to text(name, value) or number(name, value).
template <typename Text, typename Number>
void write_fields(const AuditRecord& record, Text text, Number number) {
    const auto known = [&](const FieldName& name, const std::string& value) {
        if (!value.empty()) text(name, value);
    };
    text(kEvent, std::string(audit_event_name(record.event)));
    text(kDecision, record.permit ? kPermit : kRefuse);
    const AuditName name = audit_name(record.login);
    known(kVo, name.vo);
    known(kUser, name.user);
    if (record.uid) number(kUid, *record.uid);
    for (const TextField& field : kTexts) known(field.name, audit_text(record.*field.value));
    if (record.session != 0) number(kSession, record.session);
    if (record.count != 0) number(kCount, record.count);
}

// text(name) answers a value, empty where there is none; number(name, max) too, 0 for none.
template <typename Text, typename Number>
Outcome<AuditRecord> read_fields(Text text, Number number) {
    AuditRecord record;
    const Outcome<std::string> event = text(kEvent), decision = text(kDecision), vo = text(kVo),
                               user = text(kUser);
    for (const auto* part : {&event, &decision, &vo, &user})
        if (!*part) return std::unexpected(part->error());
    const auto found = std::ranges::find(kEventNames, *event);
    if (found == kEventNames.end() || (*decision != kPermit && *decision != kRefuse))
        return failure(Errc::invalid, "audit record: expected an event and a decision");
    record.event = static_cast<AuditEvent>(found - kEventNames.begin());
    record.permit = *decision == kPermit;
    record.login = audit_text(vo->empty() ? *user : *user + "@" + *vo);
    for (const TextField& field : kTexts) {
        const Outcome<std::string> value = text(field.name);
        if (!value) return std::unexpected(value.error());
        record.*field.value = audit_text(*value);
    }
    const Outcome<std::optional<uint64_t>> uid = number(kUid, UINT32_MAX),
                                           session = number(kSession, UINT64_MAX),
                                           count = number(kCount, UINT64_MAX);
    for (const auto* part : {&uid, &session, &count})
        if (!*part) return std::unexpected(part->error());
    if (*uid) record.uid = static_cast<uint32_t>(**uid);
    record.session = session->value_or(0);
    record.count = count->value_or(0);
    return record;
}

std::string describe(const AuditRecord& record) {
    std::string text =
        compose("audit: {} {}", audit_event_name(record.event), record.permit ? "permitted" : "refused");
    const auto add = [&text](const char* word, const std::string& value) {
        if (!value.empty()) text += word + audit_text(value);
    };
    if (record.count != 0) text += compose(" {}", record.count);
    add(" ", record.login);
    add(" from ", record.remote);
    add(" by ", record.service);
    add(": ", record.reason);
    return text;
}

}  // namespace

std::string_view audit_event_name(AuditEvent event) {
    return kEventNames[static_cast<size_t>(event)];
}

AuditName audit_name(std::string_view login) {
    if (const auto name = parse_login_name(login)) return {std::string(name->vo), std::string(name->user)};
    return {"", audit_text(login)};
}

std::string audit_text(std::string_view text) {
    std::string plain(text.substr(0, kAuditValueMax));
    for (char& c : plain)
        if (c < ' ' || c > '~') c = '?';
    return plain;
}

std::string format_audit_line(const AuditRecord& record) {
    JsonObject object;
    object.set("time", Json::string(format_utc(record.time)));
    write_fields(
        record,
        [&](const FieldName& name, const std::string& value) { object.set(name.line, Json::string(value)); },
        [&](const FieldName& name, uint64_t value) { object.set(name.line, Json::integer(value)); });
    return object.build().format();
}

Outcome<AuditRecord> parse_audit_line(std::string_view line) {
    const auto json = Json::parse(line, {.bytes = kAuditLineMax, .depth = 4}, "audit record");
    if (!json) return std::unexpected(json.error());
    const JsonNode root = json->root();
    const auto time_text = root.string("time", 32);
    if (!time_text) return std::unexpected(time_text.error());
    const auto time = parse_utc(*time_text);
    if (!time) return root.invalid("expected a time such as 2026-12-01T08:00:00Z");
    auto record = read_fields(
        [&](const FieldName& name) -> Outcome<std::string> {
            const auto field = root.find(name.line);
            return field ? field->string(kAuditLineMax) : "";
        },
        [&](const FieldName& name, uint64_t max) -> Outcome<std::optional<uint64_t>> {
            const auto field = root.find(name.line);
            if (!field) return std::nullopt;
            return field->integer(0, max).transform([](uint64_t n) { return std::optional(n); });
        });
    if (record) record->time = *time;
    return record;
}

std::vector<std::string> format_audit_entry(const AuditRecord& record) {
    // syslog(3): a refusal is a notice, the rest information
    std::vector<std::string> fields{"MESSAGE=" + describe(record),
                                    "MESSAGE_ID=" + std::string(kAuditMessageId),
                                    record.permit ? "PRIORITY=6" : "PRIORITY=5", "SYSLOG_IDENTIFIER=xosd"};
    write_fields(
        record,
        [&](const FieldName& name, const std::string& value) {
            fields.push_back(std::string(name.entry) + "=" + value);
        },
        [&](const FieldName& name, uint64_t value) {
            fields.push_back(std::string(name.entry) + "=" + std::to_string(value));
        });
    return fields;
}

Outcome<AuditRecord> parse_audit_entry(const EntryField& field, std::chrono::sys_seconds time) {
    auto record = read_fields(
        [&](const FieldName& name) -> Outcome<std::string> { return field(name.entry).value_or(""); },
        [&](const FieldName& name, uint64_t max) -> Outcome<std::optional<uint64_t>> {
            const auto text = field(name.entry);
            if (!text) return std::nullopt;
            uint64_t number = 0;
            const char* const end = text->data() + text->size();
            const auto [stop, error] = std::from_chars(text->data(), end, number);
            if (error != std::errc() || stop != end || number > max)
                return failure(Errc::invalid, "audit record: {}: expected a number up to {}", name.entry,
                               max);
            return number;
        });
    if (record) record->time = time;
    return record;
}

}  // namespace xos
