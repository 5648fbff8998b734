#include "xosd/container/loader/relay.h"

#include <sys/socket.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace xos::loader {
namespace {

constexpr size_t kChunk = 32 * 1024;
constexpr int kFinishSeconds = 10;  // for a person whose connection takes no more bytes

bool would_block() {
    return errno == EAGAIN || errno == EINTR;
}

void forget(int& fd) {
    close(fd);
    fd = -1;
}

}  // namespace

void Relay::attach(int fd) {
    detach();
    fd_ = fd;
}

void Relay::detach() {
    if (fd_ >= 0) forget(fd_);
    in_size_ = input_at_ = out_at_ = out_size_ = 0;
}

void Relay::queue(FrameType type, const void* payload, size_t size) {
    const auto header = frame_header(type, static_cast<uint32_t>(size));
    memcpy(out_ + out_size_, header.data(), header.size());
    memcpy(out_ + out_size_ + header.size(), payload, size);
    out_size_ += header.size() + size;
}

int Relay::prepare(pollfd* slots) {
    int count = 0;
    if (fd_ < 0) return 0;
    const bool full = in_size_ == sizeof in_;
    short events = full ? 0 : POLLIN;
    if (out_at_ < out_size_) events |= POLLOUT;
    slots[count++] = {fd_, events, 0};
    // output is read only when all that was read before has been sent: a slow person slows the application
    const bool idle = out_at_ == out_size_;
    if (idle && stdio_.output >= 0) slots[count++] = {stdio_.output, POLLIN, 0};
    if (idle && stdio_.errors >= 0) slots[count++] = {stdio_.errors, POLLIN, 0};
    const bool input_waits =
        in_size_ >= kFrameHeaderSize && in_[0] == static_cast<uint8_t>(FrameType::stdin_data);
    if (input_waits && stdio_.input >= 0) slots[count++] = {stdio_.input, POLLOUT, 0};
    return count;
}

void Relay::move(const pollfd* slots, int count, int& signalled) {
    signalled = 0;
    if (fd_ < 0) return;
    bool alive = true, readable = false;
    for (int i = 0; i < count; i++) {
        if (slots[i].revents == 0) continue;
        if (slots[i].fd == fd_) {
            readable = (slots[i].revents & (POLLIN | POLLHUP | POLLERR)) != 0;
            // nobody will ever take the answer, and no room is left to read the end of the connection
            if (in_size_ == sizeof in_ && (slots[i].revents & (POLLHUP | POLLERR)) != 0) return detach();
        } else if (slots[i].fd == stdio_.errors)
            read_output(stdio_.errors, FrameType::stderr_data);
        else if (slots[i].fd == stdio_.output && (slots[i].events & POLLIN) != 0)
            read_output(stdio_.output, FrameType::stdout_data);
    }
    if (readable) alive = read_peer();
    while (alive && consume_frame(signalled) && signalled == 0) {
    }
    if (in_size_ == SIZE_MAX) alive = false;
    if (!alive || !flush_peer()) detach();
}

bool Relay::read_peer() {
    if (in_size_ == sizeof in_) return true;
    const ssize_t n = recv(fd_, in_ + in_size_, sizeof in_ - in_size_, MSG_DONTWAIT);
    if (n > 0) in_size_ += static_cast<size_t>(n);
    return n > 0 || (n < 0 && would_block());
}

// Handles the frame at the front of in_. False: nothing more to do now. A broken frame sets in_size_ to
// SIZE_MAX.
bool Relay::consume_frame(int& signalled) {
    if (in_size_ < kFrameHeaderSize) return false;
    const auto header = parse_frame_header(in_);
    if (!header) {
        in_size_ = SIZE_MAX;
        return false;
    }
    const size_t whole = kFrameHeaderSize + header->length;
    const unsigned char* payload = in_ + kFrameHeaderSize;
    if (header->type == FrameType::stdin_data) {
        if (!flush_input()) return false;
    } else if (in_size_ < whole) {
        return false;
    } else if (header->type == FrameType::window_size && header->length == 4) {
        set_window_size(stdio_, load_le16(payload), load_le16(payload + 2));
    } else if (header->type == FrameType::signal && header->length == 4) {
        signalled = static_cast<int>(load_le32(payload) & 0x7f);
    } else if (header->type == FrameType::stdin_eof) {
        send_eof();
    }
    memmove(in_, in_ + whole, in_size_ - whole);
    in_size_ -= whole;
    input_at_ = 0;
    return true;
}

// True when the whole stdin frame at the front has arrived and was given to the application (or it reads no
// more).
bool Relay::flush_input() {
    const size_t length = load_le32(in_ + 1), arrived = in_size_ - kFrameHeaderSize;
    const size_t ready = arrived < length ? arrived : length;
    while (stdio_.input >= 0 && input_at_ < ready) {
        const ssize_t n = write(stdio_.input, in_ + kFrameHeaderSize + input_at_, ready - input_at_);
        if (n < 0 && would_block()) return false;
        if (n < 0) {  // nobody reads any more: the rest is dropped, as a closed pipe drops it
            if (stdio_.kind == JobStdio::pipes) forget(stdio_.input);
            break;
        }
        input_at_ += static_cast<size_t>(n);
    }
    return arrived >= length;
}

void Relay::send_eof() {
    if (stdio_.kind == JobStdio::pipes && stdio_.input >= 0) forget(stdio_.input);
    termios mode{};
    // a terminal has no end: in line mode the end-of-file character is what a person would type
    if (stdio_.kind == JobStdio::terminal && tcgetattr(stdio_.input, &mode) == 0 &&
        (mode.c_lflag & ICANON) != 0 && write(stdio_.input, &mode.c_cc[VEOF], 1) < 0)
        return;
}

bool Relay::flush_peer() {
    while (out_at_ < out_size_) {
        const ssize_t n = send(fd_, out_ + out_at_, out_size_ - out_at_, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0) return would_block();
        out_at_ += static_cast<size_t>(n);
    }
    out_at_ = out_size_ = 0;
    return true;
}

void Relay::read_output(int& fd, FrameType type) {
    static unsigned char bytes[kChunk];
    if (out_size_ + kFrameHeaderSize + kChunk > sizeof out_) return;
    const ssize_t n = read(fd, bytes, sizeof bytes);
    if (n > 0) return queue(type, bytes, static_cast<size_t>(n));
    if (n < 0 && would_block()) return;
    // the last writer is gone; a terminal never gets here, the loader itself keeps its other end open
    if (stdio_.kind == JobStdio::pipes) forget(fd);
}

void Relay::finish(FrameType type, const char* payload, size_t size) {
    const time_t end = time(nullptr) + kFinishSeconds;
    while (fd_ >= 0 && time(nullptr) < end) {
        if (out_at_ == out_size_) {
            if (stdio_.output >= 0) read_output(stdio_.output, FrameType::stdout_data);
            if (stdio_.errors >= 0) read_output(stdio_.errors, FrameType::stderr_data);
            if (out_at_ == out_size_) break;
        }
        pollfd slot{fd_, POLLOUT, 0};
        if (poll(&slot, 1, 1000) < 0 && errno != EINTR) break;
        if (!flush_peer()) return detach();
    }
    if (fd_ < 0 || out_at_ < out_size_) return detach();
    queue(type, payload, size);
    flush_peer();
    detach();
}

}  // namespace xos::loader
