#include "xosd/tracking/descriptor_store.h"

#include <systemd/sd-daemon.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "common/failure.h"
#include "common/log.h"
#include "common/tracking/agent_protocol.h"

namespace xos {
namespace {

constexpr size_t kStored = static_cast<size_t>(AgentFd::end) - static_cast<size_t>(AgentFd::netlink);

std::string name_of(size_t index) {
    return compose("connector-{}", index);
}

}  // namespace

std::vector<UniqueFd> take_stored_descriptors() {
    char** names = nullptr;
    const int count = sd_listen_fds_with_names(1, &names);
    std::vector<UniqueFd> stored(kStored);
    size_t found = 0;
    for (int i = 0; i < count; ++i) {
        UniqueFd fd(SD_LISTEN_FDS_START + i);
        const std::string name = names[i];
        for (size_t index = 0; index < stored.size(); ++index)
            if (name == name_of(index)) {
                stored[index] = std::move(fd);
                found = std::max(found, index + 1);
            }
        std::free(names[i]);
    }
    std::free(names);
    stored.resize(found);
    const bool whole = std::ranges::all_of(stored, [](const UniqueFd& fd) { return static_cast<bool>(fd); });
    return whole ? std::move(stored) : std::vector<UniqueFd>();
}

void store_descriptors(std::span<const int> fds, bool anew) {
    int sent = 0;
    for (size_t index = 0; anew && index < kStored; ++index)
        sent = std::min(sent, sd_notifyf(0, "FDSTOREREMOVE=1\nFDNAME=%s", name_of(index).c_str()));
    for (size_t index = 0; index < fds.size(); ++index) {
        // not watched: the store would drop what reports a hang-up
        const std::string message = compose("FDSTORE=1\nFDPOLL=0\nFDNAME={}", name_of(index));
        sent = std::min(sent, sd_pid_notify_with_fds(0, 0, message.c_str(), &fds[index], 1));
    }
    if (sent < 0)
        log(Level::warning, "the service manager does not keep the connector's descriptors",
            {{"reason", std::strerror(-sent)}});
}

}  // namespace xos
