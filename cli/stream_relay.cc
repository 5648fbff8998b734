#include "cli/stream_relay.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <termios.h>

#include <csignal>
#include <cstring>

#include "common/job_stream.h"

namespace xos {
namespace {

class RawTerminal {
  public:
    explicit RawTerminal(bool wanted) : active_(wanted && tcgetattr(STDIN_FILENO, &before_) == 0) {
        if (!active_) return;
        termios raw = before_;
        cfmakeraw(&raw);
        tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    }
    ~RawTerminal() {
        if (active_) tcsetattr(STDIN_FILENO, TCSANOW, &before_);
    }
    RawTerminal(const RawTerminal&) = delete;
    RawTerminal& operator=(const RawTerminal&) = delete;

  private:
    termios before_{};
    bool active_;
};

bool write_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t n = write(fd, bytes.data(), bytes.size());
        if (n < 0 && errno == EAGAIN) {
            pollfd ready{fd, POLLOUT, 0};
            poll(&ready, 1, -1);
            continue;
        }
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        bytes.remove_prefix(static_cast<size_t>(n));
    }
    return true;
}

// Signals that are to be passed on, as a descriptor; they are blocked as long as it lives.
class BlockedSignals {
  public:
    explicit BlockedSignals(bool terminal) {
        sigset_t set;
        sigemptyset(&set);
        if (terminal) {
            sigaddset(&set, SIGWINCH);
        } else {
            for (const int number : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set, number);
        }
        sigprocmask(SIG_BLOCK, &set, &before_);
        fd_.reset(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
    }
    ~BlockedSignals() { sigprocmask(SIG_SETMASK, &before_, nullptr); }
    BlockedSignals(const BlockedSignals&) = delete;
    BlockedSignals& operator=(const BlockedSignals&) = delete;
    int get() const { return fd_.get(); }

  private:
    sigset_t before_{};
    UniqueFd fd_;
};

class Relay {
  public:
    Relay(UniqueFd stream, bool terminal) : stream_(std::move(stream)), signals_(terminal) {
        signal(SIGPIPE, SIG_IGN);
    }
    Outcome<StreamEnd> run();

  private:
    void pass_input();
    void pass_signal();
    void send_pending();
    bool read_stream();  // false: the stream has ended
    bool take(const Frame& frame);

    UniqueFd stream_;
    BlockedSignals signals_;
    std::string
        pending_;  // for the job; a job that does not read must not keep us from reading what it writes
    FrameReader reader_;
    bool input_open_ = true;
    Outcome<StreamEnd> end_ = StreamEnd{};
};

void Relay::pass_input() {
    char buffer[16384];
    const ssize_t n = read(STDIN_FILENO, buffer, sizeof buffer);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (n <= 0) {
        input_open_ = false;
        pending_ += encode_frame(FrameType::stdin_eof);
        return;
    }
    pending_ += encode_frame(FrameType::stdin_data, {buffer, static_cast<size_t>(n)});
}

void Relay::pass_signal() {
    signalfd_siginfo info{};
    if (read(signals_.get(), &info, sizeof info) != sizeof info) return;
    if (info.ssi_signo == SIGWINCH) {
        winsize size{};
        if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0)
            pending_ += encode_window_size(FrameType::window_size, size.ws_row, size.ws_col);
    } else {
        pending_ += encode_number(FrameType::signal, info.ssi_signo);
    }
}

void Relay::send_pending() {
    const ssize_t n = send(stream_.get(), pending_.data(), pending_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0) pending_.erase(0, static_cast<size_t>(n));
    // the job's end stays readable: what it still has to say comes from there
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        pending_.clear();
        input_open_ = false;
    }
}

bool Relay::take(const Frame& frame) {
    switch (frame.type) {
        case FrameType::stdout_data:
            write_all(STDOUT_FILENO, frame.payload);
            return true;
        case FrameType::stderr_data:
            write_all(STDERR_FILENO, frame.payload);
            return true;
        case FrameType::exit_status:
            end_->wait_status = parse_number(frame);
            return false;
        case FrameType::exec_error: {
            const int error = parse_number(frame).value_or(0);
            const std::string what = frame.payload.size() > 4 ? frame.payload.substr(4) : "the command";
            end_->exec_error = "cannot execute " + what + ": " + strerror(error);
            return false;
        }
        default:
            return true;  // answers to signals
    }
}

bool Relay::read_stream() {
    char buffer[65536];
    const ssize_t n = read(stream_.get(), buffer, sizeof buffer);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) return true;
    if (n <= 0) return false;
    reader_.feed({buffer, static_cast<size_t>(n)});
    while (true) {
        auto frame = reader_.next();
        if (!frame) {
            end_ = failure(Errc::invalid, "the job's stream is damaged");
            return false;
        }
        if (!*frame) return true;
        if (!take(**frame)) return false;
    }
}

Outcome<StreamEnd> Relay::run() {
    while (true) {
        const short stream_events = pending_.empty() ? POLLIN : POLLIN | POLLOUT;
        const bool wants_input = input_open_ && pending_.empty();
        pollfd fds[] = {{stream_.get(), stream_events, 0},
                        {signals_.get(), POLLIN, 0},
                        {wants_input ? STDIN_FILENO : -1, POLLIN, 0}};
        if (poll(fds, 3, -1) < 0) {
            if (errno == EINTR) continue;
            return failure_errno(errno, "cannot wait for the job's output");
        }
        if (fds[1].revents != 0) pass_signal();
        if ((fds[0].revents & POLLOUT) != 0) send_pending();
        if ((fds[0].revents & ~POLLOUT) != 0 && !read_stream()) return end_;
        if (fds[2].revents != 0) pass_input();
    }
}

}  // namespace

Outcome<StreamEnd> relay_streams(UniqueFd stream, bool terminal) {
    const RawTerminal raw(terminal);
    return Relay(std::move(stream), terminal).run();
}

}  // namespace xos
