#include "cda/serve.h"

#include <systemd/sd-daemon.h>

#include <csignal>

#include "cda/network_service.h"
#include "common/clock.h"
#include "common/log.h"

namespace xos {
namespace {

// A VO whose record sends its members elsewhere is served all the same, but its manager ought to know.
Outcome<void> warn_of_strangers(Authority& authority, const std::string& pin, const std::string& url) {
    VoRegistry records(authority.registry());
    const auto names = records.list_vos();
    if (!names) return std::unexpected(names.error());
    for (const std::string& name : *names) {
        const auto vo = records.read_vo(name);
        if (!vo) return std::unexpected(vo.error());
        const VoRecord& record = vo->record;
        if (record.authority.empty())
            log(Level::notice, "not yet announced",
                {{"vo", name}, {"hint", "xos vo serve " + name + " https://HOST:PORT"}});
        else if (record.authority_pin != pin || (!url.empty() && record.authority != url))
            log(Level::warning, "the VO's record names another authority",
                {{"vo", name}, {"authority", record.authority}, {"pin", record.authority_pin}});
    }
    return {};
}

}  // namespace

Outcome<void> serve(Authority& authority, const ServeConfig& config) {
    const auto identity = authority.tls_identity(current_time());
    if (!identity) return std::unexpected(identity.error());
    auto loop = EventLoop::create();
    if (!loop) return std::unexpected(loop.error());
    NetworkService service(authority, authority.registry(), {});
    HttpsOptions options;
    options.listen = config.listen;
    options.connections = config.connections;
    options.connections_per_address = config.connections_per_address;
    const auto server = HttpsServer::start(*loop, options, *identity, [&service](const HttpRequest& request) {
        return service.answer(request, current_time(), RateLimit::Time::clock::now());
    });
    if (!server) return std::unexpected(server.error());
    const auto end = [&] {
        sd_notify(0, "STOPPING=1");
        (*server)->stop([&] { loop->stop(0); });
    };
    const auto term = loop->watch_signal(SIGTERM, end), interrupt = loop->watch_signal(SIGINT, end);
    if (!term) return std::unexpected(term.error());
    if (!interrupt) return std::unexpected(interrupt.error());
    if (auto warned = warn_of_strangers(authority, identity->pin, config.public_url); !warned) return warned;
    log(Level::info, "serving",
        {{"address", config.listen.host},
         {"port", std::to_string((*server)->port())},
         {"pin", identity->pin}});
    sd_notify(0, "READY=1");
    const auto ended = loop->run();
    if (!ended) return std::unexpected(ended.error());
    log(Level::info, "stopped");
    return {};
}

}  // namespace xos
