#include "cda/network_commands.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <memory>

#include "cda/commands.h"
#include "cda/enrolment.h"
#include "cda/serve.h"
#include "common/clock.h"
#include "common/log.h"

namespace xos {
namespace {

struct Words {
    std::string name;  // a VO or a login name
    std::string url, listen, config = kServeConfig;
    std::string lifetime = "7d";
    bool invite = false;
};

std::chrono::sys_seconds present_time() {
    return current_time();
}

// "7d", "12h", "30m"; the authority checks the limits.
Outcome<std::chrono::seconds> read_invite_lifetime(std::string_view text) {
    int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc() && number > 0 && number <= 100'000 && text.data() + text.size() == end + 1) {
        if (*end == 'd') return std::chrono::days(number);
        if (*end == 'h') return std::chrono::hours(number);
        if (*end == 'm') return std::chrono::minutes(number);
    }
    return failure(Errc::invalid, "--invite-lifetime {}: expected a number with d, h or m, such as 7d", text);
}

Outcome<std::string> invite(Authority& authority, const std::string& login, std::chrono::seconds lifetime) {
    const auto now = present_time();
    const auto code = authority.invite(login, lifetime, now);
    if (!code) return std::unexpected(code.error());
    const auto vo = VoRegistry(authority.registry()).read_vo(login.substr(login.find('@') + 1));
    if (!vo) return std::unexpected(vo.error());
    return compose("{} enrols, once, until {}, with:\n  xos enroll {} {}\n", login,
                   format_time(now + lifetime), vo->record.authority, *code);
}

Outcome<std::string> run_invite(Authority& authority, const Words& words) {
    const auto lifetime = read_invite_lifetime(words.lifetime);
    if (!lifetime) return std::unexpected(lifetime.error());
    return invite(authority, words.name, *lifetime);
}

Outcome<std::string> run_pin(Authority& authority, const Words&) {
    return authority.tls_identity(present_time()).transform([](const TlsIdentity& identity) {
        return identity.pin + "\n";
    });
}

Outcome<std::string> run_serve_vo(Authority& authority, const Words& words) {
    return authority.serve_vo(words.name, words.url, present_time()).transform([&](const std::string& pin) {
        return compose("the members of {} find it at {}\npin: {}\n", words.name, words.url, pin);
    });
}

Outcome<std::string> run_serve(Authority& authority, const Words& words) {
    open_log("xos-cda", false);
    auto config = read_serve_config(words.config);
    if (!config) return std::unexpected(config.error());
    if (!words.listen.empty()) {
        auto listen = read_listen_address(words.listen);
        if (!listen) return std::unexpected(listen.error());
        config->listen = std::move(*listen);
    }
    if (!words.url.empty() && !is_https_url(words.url))
        return failure(Errc::invalid, "--public-url {}: expected one such as https://cda.example.org:8443",
                       words.url);
    if (!words.url.empty()) config->public_url = words.url;
    return serve(authority, *config).transform([] { return std::string(); });
}

using Run = Outcome<std::string> (*)(Authority& authority, const Words& words);

CLI::App* declare(CLI::App& group, const char* name, const char* description, CommandLine& line,
                  const std::shared_ptr<Words>& words, Run run) {
    CLI::App* const command = group.add_subcommand(name, description);
    command->callback([&line, words, run] {
        line.run = [words, run](Authority& authority) { return run(authority, *words); };
    });
    return command;
}

// What `member add` answers, and the invitation behind it.
void invite_after_add(CLI::App& add, CommandLine& line, const Words& words) {
    const std::string login = add.get_option("LOGIN")->as<std::string>();
    line.run = [run = std::move(line.run), login,
                lifetime = words.lifetime](Authority& authority) -> Outcome<std::string> {
        const auto parsed = read_invite_lifetime(lifetime);
        if (!parsed) return std::unexpected(parsed.error());
        auto added = run(authority);
        if (!added) return added;
        auto invited = invite(authority, login, *parsed);
        if (!invited)
            return failure(invited.error().code,
                           "{} is a member now, but not invited: {}; then: member invite {}", login,
                           invited.error().message, login);
        return *added + *invited;
    };
}

}  // namespace

void declare_network_commands(CLI::App& app, CommandLine& line) {
    const auto words = std::make_shared<Words>();
    declare(app, "pin", "print the pin of this authority's TLS key", line, words, run_pin);
    CLI::App* const serve =
        declare(app, "serve", "serve the network over HTTPS until told to stop", line, words, run_serve);
    serve->add_option("--listen", words->listen, "ADDRESS:PORT ([::]:8443)");
    serve->add_option("--public-url", words->url, "where members reach it: https://HOST:PORT");
    serve->add_option("--config", words->config, "another file than /etc/xos/cda.yaml");

    CLI::App* const vo =
        declare(*app.get_subcommand("vo"), "serve",
                "say in its signed record where members find this authority", line, words, run_serve_vo);
    vo->add_option("NAME", words->name)->required();
    vo->add_option("URL", words->url, "https://HOST:PORT")->required();

    CLI::App* const members = app.get_subcommand("member");
    CLI::App* const invited =
        declare(*members, "invite", "print a new one-time code for `xos enroll`; an earlier one is void",
                line, words, run_invite);
    invited->add_option("LOGIN", words->name)->required();
    CLI::App* const add = members->get_subcommand("add");
    add->add_flag("--invite", words->invite, "print a one-time code for `xos enroll`");
    for (CLI::App* const one : {add, invited})
        one->add_option("--invite-lifetime", words->lifetime, "how long the code is good: 7d, 12h, 30m");
    // runs after the callbacks of all commands
    app.final_callback([&line, words, add] {
        if (add->parsed() && words->invite) invite_after_add(*add, line, *words);
    });
}

}  // namespace xos
