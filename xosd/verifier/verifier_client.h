// The daemon's way to have certificates verified: asynchronous, in order, and never at the price of the
// daemon.
//
// Owns: the verifier process, the queue in front of it, its deadline and its restart. Process: xosd, in its
// loop. Trusts: the verifier's answers as far as their grammar goes and to be about the VO that was asked
// for.
#pragma once

#include <systemd/sd-event.h>

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/failure.h"
#include "xosd/verifier/verifier_process.h"
#include "xosd/verifier/verifier_protocol.h"

namespace xos {

struct VerifierOptions {
    std::string program;  // xos-verifier
    uid_t uid = 0;        // that it takes; 0 is refused by it
    gid_t gid = 0;
    std::chrono::milliseconds deadline{2000};  // for one request, from the moment the verifier has it
    size_t queue_max = 256;                    // requests waiting; pam_server.cc lets as many key queries in
    size_t requests_per_process = 4096;        // then a fresh one, whatever the old one has gathered
};

// The installed program and its user; not_found where the package's user is missing.
Outcome<VerifierOptions> installed_verifier();

class VerifierClient {
  public:
    using Answer = std::function<void(Outcome<VerifiedCredential>)>;

    // event outlives the client. The first process is started at once, so that a broken installation shows
    // early.
    static Outcome<std::unique_ptr<VerifierClient>> start(sd_event* event, VerifierOptions options);
    ~VerifierClient();  // unanswered requests are dropped; no answer is called
    VerifierClient(const VerifierClient&) = delete;
    VerifierClient& operator=(const VerifierClient&) = delete;

    // answer is called once, from the loop, never before this returns; it may call verify() but not destroy
    // the client. Errc::unavailable: the verifier died, or too many requests wait. Errc::timeout: it took too
    // long, and was killed. invalid, denied: the credential's own fault.
    void verify(VerifyRequest request, Answer answer);
    uint64_t asked() const { return asked_; }  // requests so far

  private:
    struct Pending {
        VerifyRequest request;
        Answer answer;
    };
    struct Child;  // a process and its event sources
    struct SourceUnref {
        void operator()(sd_event_source* source) const { sd_event_source_disable_unref(source); }
    };
    using Source = std::unique_ptr<sd_event_source, SourceUnref>;

    VerifierClient(sd_event* event, VerifierOptions options);
    Outcome<void> start_child();
    Outcome<void> send_next();
    Outcome<void> send_pieces();  // as many as the socket takes; the rest when it takes more
    void send_rest();
    void pump();
    void answer_overflow();
    void receive();
    void finish(Outcome<VerifiedCredential> credential);
    void retire();                 // the current child: killed, and collected when it has ended
    void abandon(Failure reason);  // the child is of no more use: the running request fails
    void child_ended(Child& child);
    void wake();

    sd_event* event_;  // borrowed
    VerifierOptions options_;
    std::deque<Pending> queue_;
    std::deque<Answer> overflow_;  // of refused requests, to be told from the loop
    std::optional<Pending> running_;
    uint64_t asked_ = 0;
    uint64_t running_id_ = 0;
    std::string outgoing_;                       // the encoded running request while it is not sent whole
    size_t sent_ = 0;                            // bytes of it
    size_t served_ = 0;                          // by the current child
    std::unique_ptr<Child> child_;               // the current one, if any
    std::vector<std::unique_ptr<Child>> dying_;  // killed, their end not yet collected
    Source deadline_;
    Source pump_;
};

}  // namespace xos
