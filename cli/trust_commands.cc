// xos vo trust, untrust, trusted: which VOs this node follows (for its owner, root).
#include <cstdio>
#include <memory>

#include "cli/commands.h"
#include "cli/input_file.h"
#include "cli/varlink_call.h"
#include "common/vo/records.h"

namespace xos {
namespace {

constexpr size_t kBundleFileMax =
    12 * 1024 * 1024;  // a varlink message holds 16 MiB, and JSON escapes quotes

struct TrustedView {
    std::string vo, fingerprint;
    uint64_t serial = 0, members = 0, uid_base = 0;
    std::chrono::sys_seconds ends, stale;
};

Outcome<TrustedView> read_trusted(const JsonNode& node) {
    const auto vo = node.string("vo", 64), fingerprint = node.string("fingerprint", 128);
    const auto serial = node.integer("serial", 0, INT64_MAX), members = node.integer("members", 0, INT64_MAX);
    const auto base = node.integer("uidBase", 0, UINT32_MAX), ends = node.integer("notAfter", 0, INT64_MAX);
    const auto stale = node.integer("bundleNotAfter", 0, INT64_MAX);
    if (!vo || !fingerprint || !serial || !members || !base || !ends || !stale)
        return node.invalid("expected a VO");
    const auto time = [](uint64_t seconds) {
        return std::chrono::sys_seconds(std::chrono::seconds(static_cast<int64_t>(seconds)));
    };
    return TrustedView{*vo, *fingerprint, *serial, *members, *base, time(*ends), time(*stale)};
}

Outcome<int> trust(const std::string& path, const std::string& fingerprint) {
    const auto bundle = read_input(path, kBundleFileMax);
    if (!bundle) return std::unexpected(bundle.error());
    JsonObject parameters;
    parameters.set("bundle", Json::string(*bundle));
    if (!fingerprint.empty()) parameters.set("fingerprint", Json::string(fingerprint));
    const auto answer = call_node("org.xtreemos.Trust.Apply", parameters.build(), std::chrono::minutes(2));
    if (!answer) return std::unexpected(answer.error());
    const JsonNode root = answer->root();
    const auto node = root.field("vo");
    if (!node) return std::unexpected(node.error());
    const auto vo = read_trusted(*node);
    if (!vo) return std::unexpected(vo.error());
    std::printf("%s is trusted: serial %llu, %llu members, good until %s\n", vo->vo.c_str(),
                static_cast<unsigned long long>(vo->serial), static_cast<unsigned long long>(vo->members),
                format_time(vo->stale).c_str());
    return kExitOk;
}

Outcome<int> untrust(const std::string& vo) {
    const auto answer =
        call_node("org.xtreemos.Trust.Remove", JsonObject().set("vo", Json::string(vo)).build());
    if (!answer) return std::unexpected(answer.error());
    std::printf("%s is no longer trusted\n", vo.c_str());
    return kExitOk;
}

Outcome<int> list_trusted() {
    const auto answer = call_node("org.xtreemos.Trust.ListVos", JsonObject().build());
    if (!answer) return std::unexpected(answer.error());
    const JsonNode root = answer->root();
    const auto list = root.field("vos");
    if (!list) return std::unexpected(list.error());
    const auto count = list->array(4096);
    if (!count) return std::unexpected(count.error());
    if (*count == 0)
        std::puts("no VO is trusted on this node; trust one with: xos vo trust BUNDLE --fingerprint F");
    for (size_t i = 0; i < *count; ++i) {
        const JsonNode element = list->at(i);
        const auto vo = read_trusted(element);
        if (!vo) return std::unexpected(vo.error());
        std::printf(
            "%s\n  fingerprint: %s\n  serial:      %llu\n  members:     %llu\n  uids from:   %llu\n"
            "  bundle till: %s\n  VO till:     %s\n",
            vo->vo.c_str(), vo->fingerprint.c_str(), static_cast<unsigned long long>(vo->serial),
            static_cast<unsigned long long>(vo->members), static_cast<unsigned long long>(vo->uid_base),
            format_time(vo->stale).c_str(), format_time(vo->ends).c_str());
    }
    return kExitOk;
}

}  // namespace

void add_trust_commands(CommandTable& table) {
    const auto bundle = std::make_shared<std::string>(), fingerprint = std::make_shared<std::string>();
    table
        .add("vo trust", "Let this node follow a VO, or take its newer bundle (root)",
             [bundle, fingerprint] { return trust(*bundle, *fingerprint); })
        .required("BUNDLE", *bundle, "the bundle's file; - is standard input")
        .option("--fingerprint", *fingerprint,
                "of the VO's key, as its manager tells it: needed the first time");
    const auto vo = std::make_shared<std::string>();
    table
        .add("vo untrust", "Follow a VO no longer: its accounts vanish (root)", [vo] { return untrust(*vo); })
        .required("VO", *vo, "");
    table.add("vo trusted", "List the VOs that this node follows", list_trusted);
}

}  // namespace xos
