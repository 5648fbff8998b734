// The other end of kPamSocket in these tests: real sockets, replies that each test decides.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "libxos/protocol.h"

using Bytes = std::vector<std::byte>;

class StandIn {
  public:
    // Answers the bytes to send back; none: hang up. Runs in the process of the stand-in.
    using Handler = std::function<Bytes(const xos::Request&)>;
    // Listens as uid from the moment the constructor returns until the destructor.
    explicit StandIn(const Handler& handler, uid_t uid = 0);
    ~StandIn();
    StandIn(const StandIn&) = delete;
    StandIn& operator=(const StandIn&) = delete;

    unsigned connections() const { return record_->connections; }
    unsigned closes() const { return record_->closes; }          // CloseSession requests
    uint64_t closed_session() const { return record_->closed; }  // of the last one
    Bytes last_open() const;                                     // the last OpenSession request as it came
    int32_t noted_credential() const { return record_->credential; }  // of the last NoteKeys

  private:
    struct Record {
        std::atomic<unsigned> connections, closes;
        std::atomic<uint64_t> closed;
        std::atomic<int32_t> credential;
        std::atomic<size_t> open_size;
        std::byte open[xos::kRequestMax];
    };
    void serve(int listener, const Handler& handler) const;
    void answer_one(int fd, const Handler& handler) const;

    Record* record_;  // shared with the process of the stand-in
    pid_t pid_;
};

Bytes encode(const xos::AccountReply& reply);
Bytes encode(const xos::SessionReply& reply);
Bytes encode(const xos::CloseReply& reply);
Bytes encode(const xos::AuthenticateReply& reply);
Bytes encode(const xos::NoteReply& reply);
