#include "cli/known_hosts.h"

#include "common/ssh/host_cert.h"

namespace xos {

Outcome<void> write_known_hosts(const UserFolder& folder, const VoRecord& record) {
    if (!record.host_ca || record.dissolved) {
        if (auto removed = folder.remove(kKnownHostsFile); !removed) return std::unexpected(removed.error());
        return {};
    }
    return folder.write(kKnownHostsFile, known_hosts_line("*", *record.host_ca, "nodes of " + record.name),
                        0600);
}

}  // namespace xos
