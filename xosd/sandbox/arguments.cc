#include "xosd/sandbox/arguments.h"

#include <sys/socket.h>
#include <unistd.h>

#include <charconv>
#include <cstdint>

namespace xos {
namespace {

std::optional<uint32_t> parse_id(std::string_view text) {
    uint32_t id = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return id;
}

}  // namespace

std::optional<SandboxUser> read_sandbox_arguments(int argc, char** argv, int socket) {
    int type = 0;
    socklen_t size = sizeof type;
    if (argc != 3 || getsockopt(socket, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_SEQPACKET)
        return std::nullopt;
    const auto uid = parse_id(argv[1]), gid = parse_id(argv[2]);
    if (!uid || !gid) return std::nullopt;
    return SandboxUser{*uid, *gid};
}

void complain(std::string_view text) {
    [[maybe_unused]] const auto written = write(STDERR_FILENO, text.data(), text.size());
}

}  // namespace xos
