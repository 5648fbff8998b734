// Commands that change a VO's signed record, and those about the VO key.
#include "cda/command_line.h"
#include "cda/offline_key.h"
#include "common/clock.h"
#include "common/policy/quantity.h"

namespace xos {
namespace {

// Runs with the VO key that the caller holds open, or with nullptr: the authority's own.
template <typename Call>
auto with_key(const Arguments& arguments, Call call) -> decltype(call(nullptr)) {
    if (arguments.key < 0) return call(nullptr);
    std::string passphrase;
    if (arguments.passphrase >= 0) {
        auto read = read_passphrase(arguments.passphrase, false);
        if (!read) return std::unexpected(read.error());
        passphrase = std::move(*read);
    }
    const auto key = read_offline_key(arguments.key, passphrase);
    if (!key) return std::unexpected(key.error());
    return call(&*key);
}

Outcome<std::string> renew_vo(Authority& authority, const Arguments& arguments) {
    const auto renewed = with_key(arguments, [&](const SigningKey* key) {
        return authority.renew_vo(arguments.name, std::chrono::days(arguments.days), key, current_time());
    });
    if (!renewed) return std::unexpected(renewed.error());
    return describe_vo(*renewed);
}

Outcome<std::string> dissolve_vo(Authority& authority, const Arguments& arguments) {
    if (!arguments.yes)
        return failure(
            Errc::invalid,
            "nothing was done: {} cannot be made again once it is dissolved; say --yes if it shall be",
            arguments.name);
    const auto done = with_key(
        arguments, [&](const SigningKey* key) { return authority.dissolve_vo(arguments.name, key); });
    if (!done) return std::unexpected(done.error());
    return compose("{} is dissolved: give its nodes the last bundle (vo export {})\n", arguments.name,
                   arguments.name);
}

Outcome<VoSettings> read_settings(const Arguments& arguments) {
    VoSettings settings;
    if (arguments.no_authority && !arguments.url.empty())
        return failure(Errc::invalid, "--authority and --no-authority contradict each other");
    if (!arguments.url.empty()) settings.authority = arguments.url;
    if (!arguments.pin.empty()) settings.authority_pin = arguments.pin;
    if (arguments.no_authority) settings.authority = settings.authority_pin = "";
    if (arguments.no_mirrors && !arguments.mirrors.empty())
        return failure(Errc::invalid, "--mirror and --no-mirrors contradict each other");
    if (arguments.no_mirrors || !arguments.mirrors.empty()) settings.mirrors = arguments.mirrors;
    if (!arguments.lifetime.empty()) {
        const auto lifetime = read_lifetime("--bundle-lifetime", arguments.lifetime);
        if (!lifetime) return std::unexpected(lifetime.error());
        settings.bundle_lifetime = *lifetime;
    }
    return settings;
}

Outcome<std::string> set_vo(Authority& authority, const Arguments& arguments) {
    const auto settings = read_settings(arguments);
    if (!settings) return std::unexpected(settings.error());
    const auto set = with_key(
        arguments, [&](const SigningKey* key) { return authority.set_vo(arguments.name, *settings, key); });
    if (!set) return std::unexpected(set.error());
    return describe_vo(*set);
}

Outcome<std::string> detach_key(Authority& authority, const Arguments& arguments) {
    const auto keep = key_writer(arguments);
    if (!keep) return std::unexpected(keep.error());
    if (auto done = authority.detach_vo_key(arguments.name, *keep); !done)
        return std::unexpected(done.error());
    return compose(
        "the VO key of {} is in the file, and nowhere else: copy it, and keep the passphrase elsewhere\n",
        arguments.name);
}

CommandOptions take_key(CommandOptions options, Declarations& all) {
    options.number("--key", all.arguments().key, "descriptor of the VO key's file")
        .number("--passphrase-file", all.arguments().passphrase, "descriptor of its passphrase");
    return options;
}

}  // namespace

Outcome<std::function<Outcome<void>(const SigningKey&)>> key_writer(const Arguments& arguments) {
    if (arguments.key_out < 0 || arguments.passphrase < 0)
        return failure(Errc::invalid,
                       "the VO key needs a new file and a passphrase: --key-out, --passphrase-file");
    auto passphrase = read_passphrase(arguments.passphrase, true);
    if (!passphrase) return std::unexpected(passphrase.error());
    return [fd = arguments.key_out, passphrase = std::move(*passphrase)](const SigningKey& key) {
        return write_offline_key(fd, key, passphrase);
    };
}

void declare_vo_record_commands(Declarations& all, CLI::App* vo) {
    Arguments& arguments = all.arguments();
    take_key(all.command(vo, "renew", "let a VO live on", "NAME", renew_vo), all)
        .number("--lifetime", arguments.days, "days from now on (365)");
    take_key(all.command(vo, "dissolve", "end a VO for good", "NAME", dissolve_vo), all)
        .flag("--yes", arguments.yes, "it is meant");
    take_key(all.command(vo, "set", "change the VO's signed record", "NAME", set_vo), all)
        .text("--authority", arguments.url, "URL at which the authority serves the VO")
        .text("--authority-pin", arguments.pin, "SHA256:... of its TLS key")
        .flag("--no-authority", arguments.no_authority, "it does not serve the VO any more")
        .repeated("--mirror", arguments.mirrors, "URL of a copy of the bundles; those named replace all")
        .flag("--no-mirrors", arguments.no_mirrors, "there are no copies")
        .text("--bundle-lifetime", arguments.lifetime, "how long a bundle is good: 24h");
    all.command(vo, "detach-key", "write the VO key to a file and forget it", "NAME", detach_key)
        .number("--key-out", arguments.key_out, "descriptor of an empty file for the VO key")
        .number("--passphrase-file", arguments.passphrase, "descriptor of the passphrase that encrypts it");
}

}  // namespace xos
