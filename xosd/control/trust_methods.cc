#include "common/vo/bundle.h"
#include "libxos/login_name.h"
#include "xosd/control/interfaces.h"
#include "xosd/control/methods.h"
#include "xosd/daemon.h"

namespace xos {
namespace {

int64_t seconds(std::chrono::sys_seconds time) {
    return time.time_since_epoch().count();
}

Json describe(const Daemon& daemon, const TrustedVo& vo) {
    JsonObject object;
    object.set("vo", Json::string(vo.bundle.vo.name))
        .set("fingerprint", Json::string(vo.fingerprint))
        .set("serial", Json::integer(vo.bundle.serial))
        .set("members", Json::integer(vo.bundle.members.size()))
        .set("notAfter", Json::signed_integer(seconds(vo.bundle.vo.not_after)))
        .set("bundleIssued", Json::signed_integer(seconds(vo.bundle.issued)))
        .set("bundleNotAfter", Json::signed_integer(seconds(vo.bundle.not_after)))
        .set("grace", Json::signed_integer(vo.grace.count()))
        .set("uidBase", Json::integer(vo.base))
        .set("uidsLocal", Json::boolean(vo.base != vo.bundle.vo.uid_base));
    const FollowedVo* const followed = daemon.follower ? daemon.follower->find(vo.bundle.vo.name) : nullptr;
    if (followed == nullptr) return object.build();
    object.set("url", Json::string(followed->url));
    if (!followed->source.empty()) object.set("source", Json::string(followed->source));
    if (followed->asked != std::chrono::sys_seconds{})
        object.set("asked", Json::signed_integer(seconds(followed->asked)));
    if (!followed->error.empty())
        object.set("failingSince", Json::signed_integer(seconds(followed->failing_since)))
            .set("failure", Json::string(followed->error));
    return object.build();
}

void answer_vo(const Daemon& daemon, std::string_view name, const Respond& respond) {
    const TrustedVo* const vo = daemon.trust->find(name);
    if (vo == nullptr) return respond(failure(Errc::not_found, "VO {} is not trusted here any more", name));
    respond(ControlReply{JsonObject().set("vo", describe(daemon, *vo)).build(), {}});
}

// Empty where there is none.
Outcome<std::string> read_fingerprint(const JsonNode& root) {
    const auto given = root.find("fingerprint");
    if (!given || !given->is_string()) return "";
    auto fingerprint = given->string(128);
    if (fingerprint && !fingerprint->empty() && !is_key_fingerprint(*fingerprint))
        return failure(Errc::invalid, "'{}' is no fingerprint: expected SHA256: and 43 characters",
                       *fingerprint);
    return fingerprint;
}

void apply(Daemon& daemon, const Caller& caller, const Json& parameters, const Respond& respond) {
    const auto fingerprint = read_fingerprint(parameters.root());
    if (!fingerprint) return respond(std::unexpected(fingerprint.error()));
    if (caller.fd < 0)
        return respond(failure(Errc::invalid, "no bundle came with the call: pass a sealed memory file"));
    auto mapped = MappedBytes::map(caller.fd, kBundleMax);
    if (!mapped) return respond(std::unexpected(mapped.error()));
    const auto holder = std::make_shared<MappedBytes>(*std::move(mapped));
    daemon.trust->take({holder, holder->text()}, {*fingerprint, ""}, "",
                       [&daemon, respond](Outcome<TakenBundle> taken) {
                           if (!taken) return respond(std::unexpected(taken.error()));
                           const std::string name = taken->vo->bundle.vo.name;
                           daemon.trust->publish([&daemon, respond, name](Outcome<void> published) {
                               if (!published) return respond(std::unexpected(published.error()));
                               answer_vo(daemon, name, respond);
                           });
                       });
}

void follow(Daemon& daemon, const Caller&, const Json& parameters, const Respond& respond) {
    const JsonNode root = parameters.root();
    const auto url = root.string("url", kUrlMax);
    if (!url) return respond(std::unexpected(url.error()));
    const auto fingerprint = read_fingerprint(root);
    if (!fingerprint) return respond(std::unexpected(fingerprint.error()));
    daemon.follower->follow(*url, *fingerprint, [&daemon, respond](Outcome<std::string> vo) {
        if (!vo) return respond(std::unexpected(vo.error()));
        answer_vo(daemon, *vo, respond);
    });
}

void refresh(Daemon& daemon, const Caller&, const Json& parameters, const Respond& respond) {
    const auto vo = parameters.root().string("vo", kVoNameMax);
    if (!vo) return respond(std::unexpected(vo.error()));
    daemon.follower->refresh(*vo, [&daemon, respond, name = *vo](Outcome<void> asked) {
        if (!asked) return respond(std::unexpected(asked.error()));
        answer_vo(daemon, name, respond);
    });
}

void remove(Daemon& daemon, const Caller&, const Json& parameters, const Respond& respond) {
    const auto vo = parameters.root().string("vo", kVoNameMax);
    if (!vo) return respond(std::unexpected(vo.error()));
    if (auto removed = daemon.trust->remove(*vo); !removed) return respond(std::unexpected(removed.error()));
    if (daemon.follower) daemon.follower->forget(*vo);
    daemon.trust->publish([respond](Outcome<void> published) {
        if (!published) return respond(std::unexpected(published.error()));
        respond(ControlReply{JsonObject().build(), {}});
    });
}

using OwnersMethod = void (*)(Daemon&, const Caller&, const Json&, const Respond&);

constexpr std::pair<const char*, OwnersMethod> kOwnersMethods[] = {{"org.xtreemos.Trust.Apply", apply},
                                                                   {"org.xtreemos.Trust.Follow", follow},
                                                                   {"org.xtreemos.Trust.Refresh", refresh},
                                                                   {"org.xtreemos.Trust.Remove", remove}};

}  // namespace

Outcome<void> bind_trust_methods(ControlServer& server, Daemon& daemon) {
    if (auto added = server.add_interface(&xos_interface_trust); !added) return added;
    for (const auto& [name, method] : kOwnersMethods) {
        auto bound = server.bind(
            name, [&daemon, method](const Caller& caller, const Json& parameters, const Respond& respond) {
                if (caller.uid != 0)
                    return respond(
                        failure(Errc::denied, "only the node's owner (root) may say which VOs it trusts"));
                method(daemon, caller, parameters, respond);
            });
        if (!bound) return bound;
    }
    // which VOs a node accepts is no secret: sshd's block tells it too
    return server.bind("org.xtreemos.Trust.ListVos", [&daemon](const Caller&, const Json&, Respond respond) {
        JsonArray vos;
        for (const auto& [name, vo] : daemon.trust->all()) vos.add(describe(daemon, *vo));
        respond(ControlReply{JsonObject().set("vos", vos.build()).build(), {}});
    });
}

}  // namespace xos
