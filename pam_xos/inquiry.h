// A question of this module to xosd, with the memory that it needs.
//
// Owns: the buffers of request and reply (on the heap: the host's stack may be small), the deadlines.
// Process: any that uses PAM. Trusts: what libxos/client.h trusts; the reply is checked before it is
// believed.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <span>

#include "libxos/protocol.h"
#include "libxos/result.h"

namespace xos {

class Inquiry {
  public:
    // The views in an answer live until the next question, and no longer than this.
    // Errors: unavailable (no xosd, no memory), timeout, invalid (a field that breaks its limits, or a reply
    // that is none), too_small, system.
    [[nodiscard]] Result<AccountReply> ask(const AccountQuery& query);
    // The reply is for open.login: one for another name is invalid.
    [[nodiscard]] Result<SessionReply> ask(const OpenSession& open);
    [[nodiscard]] Result<CloseReply> ask(const CloseSession& close);
    [[nodiscard]] Result<AuthenticateReply> ask(const AuthenticateQuery& query);
    [[nodiscard]] Result<NoteReply> ask(const NoteKeys& keys);

  private:
    template <typename Message>
    Result<std::span<const std::byte>> exchange(const Message& message, std::chrono::milliseconds budget);

    struct Free {
        void operator()(std::byte* memory) const { std::free(memory); }
    };
    using Buffer = std::unique_ptr<std::byte, Free>;
    Buffer request_, reply_;
};

}  // namespace xos
