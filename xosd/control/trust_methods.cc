#include "common/vo/bundle.h"
#include "libxos/login_name.h"
#include "xosd/control/interfaces.h"
#include "xosd/control/methods.h"
#include "xosd/daemon.h"

namespace xos {
namespace {

// varlink messages end at 16 MiB; a larger bundle is refused by libsystemd before it is here
constexpr size_t kBundleTextMax = 16 * 1024 * 1024;

int64_t seconds(std::chrono::sys_seconds time) {
    return time.time_since_epoch().count();
}

Json describe(const TrustedVo& vo) {
    return JsonObject()
        .set("vo", Json::string(vo.bundle.vo.name))
        .set("fingerprint", Json::string(vo.fingerprint))
        .set("serial", Json::integer(vo.bundle.serial))
        .set("members", Json::integer(vo.bundle.members.size()))
        .set("notAfter", Json::signed_integer(seconds(vo.bundle.vo.not_after)))
        .set("bundleNotAfter", Json::signed_integer(seconds(vo.bundle.not_after)))
        .set("uidBase", Json::integer(vo.base))
        .build();
}

Outcome<void> check_root(const Caller& caller) {
    if (caller.uid == 0) return {};
    return failure(Errc::denied, "only the node's owner (root) may say which VOs it trusts");
}

void apply(Daemon& daemon, const Json& parameters, const Respond& respond) {
    const JsonNode root = parameters.root();
    const auto bundle = root.string("bundle", kBundleTextMax);
    if (!bundle) return respond(std::unexpected(bundle.error()));
    std::string fingerprint;
    if (const auto given = root.find("fingerprint"); given && given->is_string())
        fingerprint = given->string(128).value_or("");
    if (!fingerprint.empty() && !is_key_fingerprint(fingerprint))
        return respond(failure(Errc::invalid, "'{}' is no fingerprint: expected SHA256: and 43 characters",
                               fingerprint));
    const auto vo = daemon.trust->apply(*bundle, fingerprint);
    if (!vo) return respond(std::unexpected(vo.error()));
    const Json description = describe(**vo);
    daemon.trust->publish([respond, description](Outcome<void> published) {
        if (!published) return respond(std::unexpected(published.error()));
        respond(ControlReply{JsonObject().set("vo", description).build(), {}});
    });
}

void remove(Daemon& daemon, const Json& parameters, const Respond& respond) {
    const auto vo = parameters.root().string("vo", kVoNameMax);
    if (!vo) return respond(std::unexpected(vo.error()));
    if (auto removed = daemon.trust->remove(*vo); !removed) return respond(std::unexpected(removed.error()));
    daemon.trust->publish([respond](Outcome<void> published) {
        if (!published) return respond(std::unexpected(published.error()));
        respond(ControlReply{JsonObject().build(), {}});
    });
}

}  // namespace

Outcome<void> bind_trust_methods(ControlServer& server, Daemon& daemon) {
    if (auto added = server.add_interface(&xos_interface_trust); !added) return added;
    auto bound = server.bind("org.xtreemos.Trust.Apply",
                             [&daemon](const Caller& caller, const Json& parameters, Respond respond) {
                                 if (auto root = check_root(caller); !root)
                                     return respond(std::unexpected(root.error()));
                                 apply(daemon, parameters, respond);
                             });
    if (!bound) return bound;
    bound = server.bind("org.xtreemos.Trust.Remove",
                        [&daemon](const Caller& caller, const Json& parameters, Respond respond) {
                            if (auto root = check_root(caller); !root)
                                return respond(std::unexpected(root.error()));
                            remove(daemon, parameters, respond);
                        });
    if (!bound) return bound;
    // which VOs a node accepts is no secret: sshd's block tells it too
    return server.bind("org.xtreemos.Trust.ListVos", [&daemon](const Caller&, const Json&, Respond respond) {
        JsonArray vos;
        for (const auto& [name, vo] : daemon.trust->all()) vos.add(describe(*vo));
        respond(ControlReply{JsonObject().set("vos", vos.build()).build(), {}});
    });
}

}  // namespace xos
