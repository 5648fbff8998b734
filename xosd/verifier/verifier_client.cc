#include "xosd/verifier/verifier_client.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include "common/log.h"
#include "libxos/names.h"
#include "xosd/sandbox/system_user.h"

namespace xos {

struct VerifierClient::Child {
    VerifierClient& client;
    VerifierProcess process;
    Source input;
    Source end;
};

Outcome<VerifierOptions> installed_verifier() {
    const auto user = find_system_user(kVerifierUser);
    if (!user) return std::unexpected(user.error());
    return VerifierOptions{
        .program = std::string(kLibexecDir) + "/xos-verifier", .uid = user->uid, .gid = user->gid};
}

Outcome<std::unique_ptr<VerifierClient>> VerifierClient::start(sd_event* event, VerifierOptions options) {
    std::unique_ptr<VerifierClient> client(new VerifierClient(event, std::move(options)));
    if (auto started = client->start_child(); !started) return std::unexpected(started.error());
    sd_event_source* source = nullptr;
    const int error = sd_event_add_defer(
        event, &source,
        [](sd_event_source*, void* self) {
            static_cast<VerifierClient*>(self)->pump();
            return 0;
        },
        client.get());
    if (error < 0) return failure_errno(-error, "cannot prepare the verifier's queue");
    client->pump_.reset(source);
    sd_event_source_set_enabled(source, SD_EVENT_OFF);
    return client;
}

VerifierClient::VerifierClient(sd_event* event, VerifierOptions options)
    : event_(event), options_(std::move(options)) {}

VerifierClient::~VerifierClient() = default;

Outcome<void> VerifierClient::start_child() {
    auto process = VerifierProcess::spawn(options_.program, options_.uid, options_.gid);
    if (!process) return std::unexpected(process.error());
    std::unique_ptr<Child> child(new Child{*this, std::move(*process), nullptr, nullptr});
    sd_event_source* source = nullptr;
    int error = sd_event_add_io(
        event_, &source, child->process.socket(), EPOLLIN,
        [](sd_event_source*, int, uint32_t events, void* self) {
            // one call may be the child's last
            VerifierClient& client = static_cast<Child*>(self)->client;
            if ((events & ~uint32_t{EPOLLOUT}) != 0)
                client.receive();
            else
                client.send_rest();
            return 0;
        },
        child.get());
    if (error < 0) return failure_errno(-error, "cannot watch the verifier's socket");
    child->input.reset(source);
    error = sd_event_add_io(
        event_, &source, child->process.pidfd(), EPOLLIN,
        [](sd_event_source*, int, uint32_t, void* self) {
            static_cast<Child*>(self)->client.child_ended(*static_cast<Child*>(self));
            return 0;
        },
        child.get());
    if (error < 0) return failure_errno(-error, "cannot watch the verifier");
    child->end.reset(source);
    child_ = std::move(child);
    served_ = 0;
    return {};
}

void VerifierClient::verify(VerifyRequest request, Answer answer) {
    ++asked_;
    if (queue_.size() < options_.queue_max)
        queue_.push_back({std::move(request), std::move(answer)});
    else
        overflow_.push_back(std::move(answer));
    wake();
}

void VerifierClient::wake() {
    sd_event_source_set_enabled(pump_.get(), SD_EVENT_ONESHOT);
}

void VerifierClient::answer_overflow() {
    // taken out first: an answer may ask again
    const std::deque<Answer> refused = std::exchange(overflow_, {});
    for (const Answer& answer : refused)
        answer(failure(Errc::unavailable, "{} logins wait for the verifier already", options_.queue_max));
}

void VerifierClient::pump() {
    answer_overflow();
    if (running_ || queue_.empty()) return;
    running_ = std::move(queue_.front());
    queue_.pop_front();
    if (auto sent = send_next(); !sent) abandon(std::move(sent.error()));
}

Outcome<void> VerifierClient::send_next() {
    if (child_ && served_ >= options_.requests_per_process) retire();
    auto encoded = encode_request(++running_id_, running_->request);
    if (!encoded) {  // the request's fault: the verifier need not see it
        finish(std::unexpected(encoded.error()));
        return {};
    }
    outgoing_ = std::move(*encoded);
    sent_ = 0;
    if (!child_)
        if (auto started = start_child(); !started) return started;
    if (auto sent = send_pieces(); !sent) return sent;
    sd_event_source* source = nullptr;
    const auto usec = static_cast<uint64_t>(std::chrono::microseconds(options_.deadline).count());
    const int error = sd_event_add_time_relative(
        event_, &source, CLOCK_MONOTONIC, usec, 1000,
        [](sd_event_source*, uint64_t, void* self) {
            static_cast<VerifierClient*>(self)->abandon({Errc::timeout, "the verifier took too long"});
            return 0;
        },
        this);
    if (error < 0) return failure_errno(-error, "cannot set a deadline for the verifier");
    deadline_.reset(source);
    return {};
}

Outcome<void> VerifierClient::send_pieces() {
    while (sent_ < outgoing_.size()) {
        const std::string_view rest = std::string_view(outgoing_).substr(sent_);
        const std::string_view part = next_piece(rest);
        const std::string piece = encode_piece(part, part.size() == rest.size());
        if (send(child_->process.socket(), piece.data(), piece.size(), MSG_NOSIGNAL) < 0) {
            if (errno == EINTR) continue;
            if (errno != EAGAIN) return failure_errno(errno, "cannot hand the certificate to the verifier");
            sd_event_source_set_io_events(child_->input.get(), EPOLLIN | EPOLLOUT);
            return {};
        }
        sent_ += part.size();
    }
    if (child_->input) sd_event_source_set_io_events(child_->input.get(), EPOLLIN);
    outgoing_.clear();
    sent_ = 0;
    return {};
}

void VerifierClient::send_rest() {
    if (auto sent = send_pieces(); !sent) abandon(std::move(sent.error()));
}

void VerifierClient::receive() {
    std::vector<char> buffer(kVerifierPacketMax);
    const ssize_t got = recv(child_->process.socket(), buffer.data(), buffer.size(), MSG_TRUNC);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) {  // it is dying: the pidfd says when and how; if it only pretends to, the deadline ends it
        child_->input.reset();
        return;
    }
    if (!running_ || static_cast<size_t>(got) > buffer.size())
        return abandon({Errc::unavailable, "the verifier spoke out of turn"});
    if (sent_ < outgoing_.size())
        return abandon({Errc::unavailable, "the verifier answered before it was asked"});
    auto answer = decode_answer({buffer.data(), static_cast<size_t>(got)});
    if (!answer) return abandon({Errc::unavailable, answer.error().message});
    const bool other_vo = answer->credential && answer->credential->attributes.vo != running_->request.vo;
    if (answer->id != running_id_ || other_vo)
        return abandon({Errc::unavailable, "the verifier answered another question"});
    ++served_;
    finish(std::move(answer->credential));
}

void VerifierClient::finish(Outcome<VerifiedCredential> credential) {
    deadline_.reset();
    const Pending done = std::move(*running_);
    running_.reset();
    wake();
    done.answer(std::move(credential));
}

void VerifierClient::retire() {
    child_->input.reset();
    child_->process.kill();  // quick; dying need not be, so the pidfd says when there is something to collect
    dying_.push_back(std::move(child_));
}

void VerifierClient::abandon(Failure reason) {
    outgoing_.clear();
    sent_ = 0;
    if (child_) retire();
    if (running_) finish(std::unexpected(std::move(reason)));
}

void VerifierClient::child_ended(Child& child) {
    const std::string how = child.process.reap();
    if (child_.get() == &child) {
        log(Level::error, "verifier ended", {{"how", how}});
        // An answer that it gave before its end still counts.
        if (running_) receive();
        if (child_.get() == &child) abandon({Errc::unavailable, compose("the verifier died ({})", how)});
    }
    std::erase_if(dying_, [&](const std::unique_ptr<Child>& entry) { return entry.get() == &child; });
}

}  // namespace xos
