#include "cli/trusted_view.h"

#include "cli/varlink_call.h"
#include "common/time_text.h"
#include "common/vo/records.h"

namespace xos {
namespace {

constexpr size_t kFailureMax = 4096;

std::chrono::sys_seconds time_of(const JsonNode& node, const char* key) {
    const auto field = node.find(key);
    const uint64_t count = field ? field->integer(0, INT64_MAX).value_or(0) : 0;
    return std::chrono::sys_seconds(std::chrono::seconds(static_cast<int64_t>(count)));
}

std::string text_of(const JsonNode& node, const char* key) {
    const auto field = node.find(key);
    std::string text = field && field->is_string() ? field->string(kFailureMax).value_or("") : "";
    for (char& c : text)
        if (c < ' ' || c > '~') c = '?';
    return text;
}

// The last quarter of its life is later than any healthy server lets it come to: half is when it is renewed.
bool is_old(const TrustedView& vo, std::chrono::sys_seconds now) {
    return now >= vo.stale - (vo.stale - vo.issued) / 4;
}

}  // namespace

Outcome<TrustedView> read_trusted(const JsonNode& node) {
    const auto vo = node.string("vo", kVoNameMax), fingerprint = node.string("fingerprint", 128);
    const auto serial = node.integer("serial", 0, INT64_MAX), members = node.integer("members", 0, INT64_MAX);
    const auto base = node.integer("uidBase", 0, UINT32_MAX), grace = node.integer("grace", 0, INT32_MAX);
    if (!vo || !fingerprint || !serial || !members || !base || !grace) return node.invalid("expected a VO");
    return TrustedView{.vo = *vo,
                       .fingerprint = *fingerprint,
                       .serial = *serial,
                       .members = *members,
                       .uid_base = *base,
                       .uids_local = node.boolean("uidsLocal").value_or(false),
                       .ends = time_of(node, "notAfter"),
                       .issued = time_of(node, "bundleIssued"),
                       .stale = time_of(node, "bundleNotAfter"),
                       .grace = std::chrono::seconds(*grace),
                       .url = text_of(node, "url"),
                       .source = text_of(node, "source"),
                       .asked = time_of(node, "asked"),
                       .failing_since = time_of(node, "failingSince"),
                       .failure = text_of(node, "failure")};
}

Outcome<std::vector<TrustedView>> list_trusted_vos() {
    const auto answer = call_node("org.xtreemos.Trust.ListVos", JsonObject().build());
    if (!answer) return std::unexpected(answer.error());
    const JsonNode root = answer->root();
    const auto list = root.field("vos");
    if (!list) return std::unexpected(list.error());
    const auto count = list->array(4096);
    if (!count) return std::unexpected(count.error());
    std::vector<TrustedView> all;
    for (size_t i = 0; i < *count; ++i) {
        const JsonNode element = list->at(i);
        auto vo = read_trusted(element);
        if (!vo) return std::unexpected(vo.error());
        all.push_back(*std::move(vo));
    }
    return all;
}

std::string format_age(std::chrono::seconds age) {
    const auto count = std::max<int64_t>(age.count(), 0);
    if (count < 120) return compose("{} s", count);
    if (count < 7200) return compose("{} min", count / 60);
    if (count < 48 * 3600) return compose("{} h {} min", count / 3600, count / 60 % 60);
    return compose("{} days", count / 86400);
}

std::vector<std::string> warnings_of(const TrustedView& vo, std::chrono::sys_seconds now) {
    std::vector<std::string> warnings;
    if (now >= vo.ends) {
        warnings.push_back(compose("the VO ended at {}: nobody of it may log in", format_time(vo.ends)));
    } else if (now >= vo.stale + vo.grace) {
        warnings.push_back(
            compose("the bundle expired {} ago: nobody of the VO may log in until there is a newer one",
                    format_age(now - vo.stale)));
    } else if (now >= vo.stale) {
        warnings.push_back(compose("the bundle expired {} ago: it is borne for {} more",
                                   format_age(now - vo.stale), format_age(vo.stale + vo.grace - now)));
    } else if (is_old(vo, now)) {
        warnings.push_back(compose("the bundle is {} old and expires in {}: get a newer one",
                                   format_age(now - vo.issued), format_age(vo.stale - now)));
    }
    if (!vo.failure.empty())
        warnings.push_back(
            compose("fetching fails for {}: {}", format_age(now - vo.failing_since), vo.failure));
    return warnings;
}

std::string format_trusted(const TrustedView& vo, std::chrono::sys_seconds now) {
    std::string text = compose(
        "{}\n  fingerprint: {}\n  serial:      {}\n  members:     {}\n  uids from:   {}{}\n  bundle of:   {} "
        "({} old)\n"
        "  bundle till: {}\n  VO till:     {}\n",
        vo.vo, vo.fingerprint, vo.serial, vo.members, vo.uid_base,
        vo.uids_local ? ", of this node alone" : "", format_time(vo.issued), format_age(now - vo.issued),
        format_time(vo.stale), format_time(vo.ends));
    if (!vo.url.empty()) {
        text += compose("  followed at: {}\n", vo.url);
        if (vo.asked != std::chrono::sys_seconds{})
            text += compose("  asked:       {} ago{}{}\n", format_age(now - vo.asked),
                            vo.source == vo.url ? "" : ", at ", vo.source == vo.url ? "" : vo.source);
    }
    for (const std::string& warning : warnings_of(vo, now)) text += compose("  warning:     {}\n", warning);
    return text;
}

}  // namespace xos
