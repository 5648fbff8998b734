#include "stand_in.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <new>
#include <stdexcept>

#include "libxos/names.h"

namespace {

Bytes encode_any(const auto& reply) {
    Bytes bytes(xos::kReplyMax);
    const auto size = xos::encode_reply(reply, bytes);
    if (!size) throw std::logic_error("the test made a reply that breaks the protocol");
    bytes.resize(*size);
    return bytes;
}

int listen_as(uid_t uid) {
    const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, xos::kPamSocket, sizeof xos::kPamSocket);
    unlink(xos::kPamSocket);
    const mode_t mask = umask(0);  // the keys command connects as its own user
    if (fd < 0 || bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
        throw std::runtime_error("cannot bind the socket of the stand-in");
    umask(mask);
    // the kernel records who listens, for SO_PEERCRED, at listen(2)
    if (seteuid(uid) != 0 || listen(fd, 16) != 0 || seteuid(0) != 0)
        throw std::runtime_error("cannot listen on the socket of the stand-in");
    return fd;
}

}  // namespace

StandIn::StandIn(const Handler& handler, uid_t uid) {
    void* memory = mmap(nullptr, sizeof(Record), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    record_ = new (memory) Record{};
    const int listener = listen_as(uid);
    pid_ = fork();
    if (pid_ < 0) throw std::runtime_error("fork failed");
    if (pid_ == 0) serve(listener, handler);
    close(listener);
}

StandIn::~StandIn() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    unlink(xos::kPamSocket);
    munmap(record_, sizeof(Record));
}

void StandIn::serve(int listener, const Handler& handler) const {
    for (;;) {
        const int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
        if (fd < 0) _exit(1);
        record_->connections++;
        answer_one(fd, handler);
        close(fd);
    }
}

void StandIn::answer_one(int fd, const Handler& handler) const {
    Bytes buffer(xos::kRequestMax);
    const ssize_t size = recv(fd, buffer.data(), buffer.size(), 0);
    if (size <= 0) return;
    buffer.resize(static_cast<size_t>(size));
    const auto request = xos::decode_request(buffer);
    if (!request) return;
    if (const auto* close_session = std::get_if<xos::CloseSession>(&*request)) {
        record_->closed = close_session->session;
        record_->closes++;
    }
    if (const auto* keys = std::get_if<xos::NoteKeys>(&*request)) record_->credential = keys->credential;
    if (std::get_if<xos::OpenSession>(&*request)) {
        std::memcpy(record_->open, buffer.data(), buffer.size());
        record_->open_size = buffer.size();
    }
    const Bytes reply = handler(*request);
    if (!reply.empty()) send(fd, reply.data(), reply.size(), MSG_NOSIGNAL);
}

Bytes StandIn::last_open() const {
    return {record_->open, record_->open + record_->open_size};
}

Bytes encode(const xos::AccountReply& reply) {
    return encode_any(reply);
}
Bytes encode(const xos::SessionReply& reply) {
    return encode_any(reply);
}
Bytes encode(const xos::CloseReply& reply) {
    return encode_any(reply);
}
Bytes encode(const xos::AuthenticateReply& reply) {
    return encode_any(reply);
}
Bytes encode(const xos::NoteReply& reply) {
    return encode_any(reply);
}
