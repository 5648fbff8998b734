// Commands about the VOMS service that speaks for a VO, and revocation lists of its CAs.
#include <charconv>

#include "cda/command_line.h"
#include "cda/whole_stream.h"

namespace xos {
namespace {

constexpr size_t kFilesMax = 32;

// What can be read from each of the caller's descriptors.
Outcome<std::vector<std::string>> read_files(const std::vector<std::string>& descriptors) {
    if (descriptors.size() > kFilesMax)
        return failure(Errc::invalid, "at most {} files are read at once", kFilesMax);
    std::vector<std::string> texts;
    for (const std::string& text : descriptors) {
        int fd = -1;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), fd);
        if (error != std::errc() || end != text.data() + text.size() || fd < 0)
            return failure(Errc::invalid, "\"{}\" is no descriptor: xos opens files and passes their numbers",
                           text);
        auto read = read_all(fd, kGridFileMax);
        if (!read) return failure(read.error().code, "file {}: {}", texts.size() + 1, read.error().message);
        texts.push_back(std::move(*read));
    }
    return texts;
}

Outcome<std::string> set_voms(Authority& authority, const Arguments& arguments) {
    auto anchors = read_files(arguments.anchors);
    if (!anchors) return std::unexpected(anchors.error());
    auto servers = read_files(arguments.servers);
    if (!servers) return std::unexpected(servers.error());
    const VomsFiles files{arguments.voms_name, std::move(*anchors), std::move(*servers)};
    return authority.set_voms(arguments.name, files).transform([&] {
        return compose("nodes of {} believe VOMS proxies of {}\n", arguments.name, files.name);
    });
}

Outcome<std::string> add_crls(Authority& authority, const Arguments& arguments) {
    const auto texts = read_files(arguments.crls);
    if (!texts) return std::unexpected(texts.error());
    return authority.add_crls(arguments.name, *texts).transform([&](size_t count) {
        return compose("{} of the revocation lists are new for {}\n", count, arguments.name);
    });
}

}  // namespace

void declare_grid_commands(Declarations& all, CLI::App* vo) {
    Arguments& arguments = all.arguments();
    all.command(vo, "voms", "name the VOMS service that speaks for a VO", "VO", set_voms)
        .text("--name", arguments.voms_name, "the name of the VO there")
        .repeated("--anchor", arguments.anchors, "descriptor of a CA's certificate")
        .repeated("--server", arguments.servers, "descriptor of the service's certificate");
    all.command(vo, "crl", "take revocation lists of the CAs of that service", "VO", add_crls)
        .repeated("--file", arguments.crls, "descriptor of a list");
}

}  // namespace xos
