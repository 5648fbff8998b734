// xos vo trust, refresh, untrust, trusted: which VOs this node follows (for its owner, root).
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <memory>

#include "cli/bundle_input.h"
#include "cli/commands.h"
#include "cli/trusted_view.h"
#include "cli/varlink_call.h"
#include "common/clock.h"
#include "common/vo/records.h"

namespace xos {
namespace {

// fetching and opening a bundle of a million members takes its time
constexpr auto kTakeDeadline = std::chrono::minutes(15);

Outcome<UniqueFd> seal_bytes(std::string_view bytes) {
    UniqueFd fd(memfd_create("bundle", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL));
    if (!fd) return failure_errno(errno, "cannot make a memory file");
    while (!bytes.empty()) {
        const ssize_t count = write(fd.get(), bytes.data(), bytes.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return failure_errno(errno, "cannot copy the bundle");
        bytes.remove_prefix(static_cast<size_t>(count));
    }
    if (fcntl(fd.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK) != 0)
        return failure_errno(errno, "cannot seal the bundle");
    return fd;
}

Outcome<TrustedView> view_of(const Outcome<Json>& answer) {
    if (!answer) return std::unexpected(answer.error());
    const JsonNode root = answer->root();
    const auto node = root.field("vo");
    if (!node) return std::unexpected(node.error());
    return read_trusted(*node);
}

Outcome<TrustedView> trust_file(const std::string& path, JsonObject parameters) {
    auto bundle = read_bundle(path);
    if (!bundle) return std::unexpected(bundle.error());
    auto fd = seal_bytes(*bundle);
    if (!fd) return std::unexpected(fd.error());
    bundle->clear();
    bundle->shrink_to_fit();
    return view_of(
        call_node_with("org.xtreemos.Trust.Apply", parameters.build(), *std::move(fd), kTakeDeadline));
}

Outcome<int> trust(const std::string& source, const std::string& fingerprint) {
    JsonObject parameters;
    if (!fingerprint.empty()) parameters.set("fingerprint", Json::string(fingerprint));
    const bool url = is_web_url(source);
    if (url) parameters.set("url", Json::string(source));
    const auto vo = url ? view_of(call_node("org.xtreemos.Trust.Follow", parameters.build(), kTakeDeadline))
                        : trust_file(source, std::move(parameters));
    if (!vo) return std::unexpected(vo.error());
    std::printf("%s is trusted%s%s: serial %llu, %llu members, good until %s\n", vo->vo.c_str(),
                url ? " and followed at " : "", url ? source.c_str() : "",
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

Outcome<void> refresh_one(const std::string& vo) {
    const auto view = view_of(call_node("org.xtreemos.Trust.Refresh",
                                        JsonObject().set("vo", Json::string(vo)).build(), kTakeDeadline));
    if (!view) return std::unexpected(view.error());
    std::printf("%s: serial %llu, %llu members, good until %s\n", vo.c_str(),
                static_cast<unsigned long long>(view->serial), static_cast<unsigned long long>(view->members),
                format_time(view->stale).c_str());
    return {};
}

// Every one is asked, whatever becomes of the others; the first failure is the answer.
Outcome<int> refresh(const std::string& vo) {
    Outcome<void> first;
    if (!vo.empty()) {
        first = refresh_one(vo);
    } else {
        const auto all = list_trusted_vos();
        if (!all) return std::unexpected(all.error());
        for (const TrustedView& one : *all)
            if (!one.url.empty())
                if (auto done = refresh_one(one.vo); !done && first) first = done;
    }
    if (!first) return std::unexpected(first.error());
    return kExitOk;
}

Outcome<int> list_trusted() {
    const auto all = list_trusted_vos();
    if (!all) return std::unexpected(all.error());
    if (all->empty())
        std::puts("no VO is trusted on this node; trust one with: xos vo trust URL-OR-FILE --fingerprint F");
    const auto now = current_time();
    for (const TrustedView& vo : *all) std::fputs(format_trusted(vo, now).c_str(), stdout);
    return kExitOk;
}

}  // namespace

void add_trust_commands(CommandTable& table) {
    const auto source = std::make_shared<std::string>(), fingerprint = std::make_shared<std::string>();
    table
        .add("vo trust", "Let this node follow a VO, or take its newer bundle (root)",
             [source, fingerprint] { return trust(*source, *fingerprint); })
        .required("SOURCE", *source,
                  "the bundle's URL, which is followed from then on, or its file; - is standard input")
        .option("--fingerprint", *fingerprint,
                "of the VO's key, as its manager tells it: needed the first time");
    const auto followed = std::make_shared<std::string>();
    table
        .add("vo refresh", "Ask the servers of followed VOs for their bundles now (root)",
             [followed] { return refresh(*followed); })
        .optional("VO", *followed, "only this one");
    const auto vo = std::make_shared<std::string>();
    table
        .add("vo untrust", "Follow a VO no longer: its accounts vanish (root)", [vo] { return untrust(*vo); })
        .required("VO", *vo, "");
    table.add("vo trusted", "List the VOs that this node follows", list_trusted);
}

}  // namespace xos
