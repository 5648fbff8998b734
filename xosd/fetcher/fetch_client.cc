#include "xosd/fetcher/fetch_client.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <csignal>
#include <utility>

#include "libxos/names.h"
#include "xosd/sandbox/sandboxed_program.h"
#include "xosd/sandbox/system_user.h"

namespace xos {
namespace {

constexpr int kSeals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK;
constexpr auto kStartTime = std::chrono::seconds(5);  // on top of a request's own deadline

}  // namespace

struct FetchClient::Child {
    Done done;
    UniqueFd socket, body, pidfd;
    bool late = false;
    EventSource on_end, on_deadline;

    void kill() const {
        if (pidfd) kill_child(pidfd.get());
    }
    void reap() {
        siginfo_t info{};
        // pidfd stays open until on_end is gone: a child that was forked meanwhile holds it too, and so would
        // epoll
        while (pidfd && waitid(P_PIDFD, static_cast<id_t>(pidfd.get()), &info, WEXITED) != 0 &&
               errno == EINTR) {
        }
    }
    Outcome<Fetched> result();
};

Outcome<FetcherOptions> installed_fetcher() {
    const auto user = find_system_user(kFetchUser);
    if (!user) return std::unexpected(user.error());
    return FetcherOptions{
        .program = std::string(kLibexecDir) + "/xos-fetch", .uid = user->uid, .gid = user->gid};
}

Outcome<Fetched> FetchClient::Child::result() {
    if (late) return failure(Errc::timeout, "the fetch took too long and was stopped");
    std::string packet(kFetchPacketMax, '\0');
    const ssize_t got = recv(socket.get(), packet.data(), packet.size(), MSG_DONTWAIT);
    if (got <= 0) return failure(Errc::unavailable, "the fetcher died before it answered");
    packet.resize(static_cast<size_t>(got));
    auto answer = decode_fetch_answer(packet);
    if (!answer) return std::unexpected(answer.error());
    struct stat status{};
    if (fcntl(body.get(), F_ADD_SEALS, kSeals) != 0 || fstat(body.get(), &status) != 0)
        return failure_errno(errno, "cannot seal what was fetched");
    if (static_cast<uint64_t>(status.st_size) != answer->bytes || (answer->unchanged && answer->bytes != 0))
        return failure(Errc::unavailable, "the fetcher answered for another body");
    return Fetched{*std::move(answer), std::move(body)};
}

FetchClient::FetchClient(EventLoop& loop, FetcherOptions options)
    : loop_(loop), options_(std::move(options)) {}

FetchClient::~FetchClient() {
    for (const auto& [id, child] : running_) {
        child->kill();
        child->reap();
    }
}

void FetchClient::fetch(FetchRequest request, Done done) {
    waiting_.push_back({std::move(request), std::move(done)});
    if (auto source = loop_.after(std::chrono::microseconds(0), [this] { pump(); }))
        pump_ = *std::move(source);
}

void FetchClient::pump() {
    while (!waiting_.empty() && running_.size() < options_.running_max) {
        Waiting next = std::move(waiting_.front());
        waiting_.pop_front();
        auto child = std::make_unique<Child>();
        if (auto started = start(next.request, *child); !started) {
            next.done(std::unexpected(started.error()));
            continue;
        }
        child->done = std::move(next.done);
        const uint64_t id = next_++;
        auto end = loop_.watch_fd(child->pidfd.get(), EPOLLIN, [this, id](uint32_t) { this->end(id); });
        auto deadline = loop_.after(next.request.deadline + kStartTime, [raw = child.get()] {
            raw->late = true;
            raw->kill();
        });
        if (!end || !deadline) {
            child->kill();
            child->reap();
            child->done(std::unexpected(end ? deadline.error() : end.error()));
            continue;
        }
        child->on_end = *std::move(end);
        child->on_deadline = *std::move(deadline);
        running_[id] = std::move(child);
    }
}

Outcome<void> FetchClient::start(const FetchRequest& request, Child& child) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return failure_errno(errno, "cannot make the fetcher's socket");
    const UniqueFd theirs(ends[1]);
    child.socket.reset(ends[0]);
    child.body.reset(memfd_create("bundle", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL));
    if (!child.body) return failure_errno(errno, "cannot make a memory file");
    const std::string packet = encode_fetch_request(request);
    if (send(child.socket.get(), packet.data(), packet.size(), MSG_NOSIGNAL) < 0)
        return failure_errno(errno, "cannot set the fetcher up");
    const PassedFd passed[] = {{theirs.get(), kFetchSocket}, {child.body.get(), kFetchBody}};
    auto pidfd = spawn_sandboxed(options_.program, options_.uid, options_.gid, passed);
    if (!pidfd) return std::unexpected(pidfd.error());
    child.pidfd = *std::move(pidfd);
    return {};
}

void FetchClient::end(uint64_t id) {
    const auto ended = running_.extract(id);  // lives until its done has returned
    Child& child = *ended.mapped();
    child.reap();
    auto result = child.result();
    if (!waiting_.empty())
        if (auto source = loop_.after(std::chrono::microseconds(0), [this] { pump(); }))
            pump_ = *std::move(source);
    child.done(std::move(result));
}

Outcome<MappedBytes> MappedBytes::map(int fd, uint64_t max) {
    struct stat status{};
    if (fstat(fd, &status) != 0) return failure_errno(errno, "cannot examine a memory file");
    const int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || (seals & kSeals) != kSeals)
        return failure(Errc::invalid, "expected a sealed memory file (memfd_create(2))");
    const auto size = static_cast<uint64_t>(status.st_size);
    if (size > max) return failure(Errc::invalid, "{} bytes are more than the {} allowed", size, max);
    if (size == 0) return MappedBytes(std::string_view());
    void* const at = mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED) return failure_errno(errno, "cannot map a memory file");
    return MappedBytes(std::string_view(static_cast<const char*>(at), size));
}

MappedBytes::~MappedBytes() {
    if (!text_.empty()) munmap(const_cast<char*>(text_.data()), text_.size());
}

}  // namespace xos
