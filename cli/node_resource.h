// What makes this machine a node of a VO, on its disk: asking to join, and installing the answer.
//
// Owns: /var/lib/xos/resource/VO (libxos/resource_files.h). Process: the xos command of root. Trusts: the
// machine's own files; an answer as far as the fingerprint reaches that this node has pinned for the VO.
#pragma once

#include <optional>
#include <string>

#include "common/failure.h"
#include "common/vo/node_request.h"
#include "libxos/resource_files.h"
#include "libxos/unique_fd.h"

namespace xos {

inline constexpr char kSshHostKey[] = "/etc/ssh/ssh_host_ed25519_key.pub";

class NodeResource {
  public:
    // directory is made where it is absent.
    static Outcome<NodeResource> open(const std::string& vo, const std::string& directory = kResourceDir);

    // The text of the request; the node key is made at the first.
    Outcome<std::string> make_request(const std::string& name, const NodeAttributes& attributes,
                                      const std::string& host_key_file) const;

    // Verifies the answer: of the pinned VO key, for this node's key and host_key_file, valid now. Then the
    // files are put in place; the host certificate only if show_host_certificate. What the node is called
    // now.
    Outcome<std::string> install(std::string_view answer, std::string_view pinned_fingerprint,
                                 const std::string& host_key_file, bool show_host_certificate,
                                 std::chrono::sys_seconds now) const;
    // Removes everything; whether there was anything.
    Outcome<bool> remove() const;
    Outcome<void> hide_host_certificate() const;
    bool shows_host_certificate() const;

  private:
    NodeResource(std::string vo, UniqueFd directory) : vo_(std::move(vo)), directory_(std::move(directory)) {}
    Outcome<SigningKey> load_key(bool make) const;

    std::string vo_;
    UniqueFd directory_;
};

// The VO that an answer says it is of; unverified: only to find the pin to verify it with.
Outcome<std::string> name_vo_of_answer(std::string_view answer);

// The VO below directory, other than vo, whose host certificate sshd is to show; empty: none.
std::string find_shown_vo(std::string_view vo, const std::string& directory = kResourceDir);

}  // namespace xos
