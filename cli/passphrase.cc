#include "cli/passphrase.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <sys/mman.h>
#include <termios.h>
#include <unistd.h>

#include <string>

namespace xos {
namespace {

// Echo is off while it lives, and signals that would leave it so are held back.
class SilentTerminal {
  public:
    explicit SilentTerminal(int fd) : fd_(fd) {
        sigset_t held;
        sigemptyset(&held);
        for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP}) sigaddset(&held, signal);
        sigprocmask(SIG_BLOCK, &held, &before_);
        good_ = tcgetattr(fd_, &mode_) == 0;
        termios silent = mode_;
        silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
        silent.c_lflag |= ICANON | ECHONL;
        // flush: what was typed before the question is no answer to it
        good_ = good_ && tcsetattr(fd_, TCSAFLUSH, &silent) == 0;
    }
    ~SilentTerminal() {
        if (good_) tcsetattr(fd_, TCSAFLUSH, &mode_);
        sigprocmask(SIG_SETMASK, &before_, nullptr);
    }
    SilentTerminal(const SilentTerminal&) = delete;
    SilentTerminal& operator=(const SilentTerminal&) = delete;
    bool good() const { return good_; }

  private:
    int fd_;
    termios mode_{};
    sigset_t before_{};
    bool good_ = false;
};

Outcome<std::string> ask(int terminal, std::string_view question) {
    const SilentTerminal silent(terminal);
    if (!silent.good()) return failure_errno(errno, "cannot turn the terminal's echo off");
    if (write(terminal, question.data(), question.size()) < 0)
        return failure_errno(errno, "cannot write to the terminal");
    std::string line(kPassphraseMax + 2, '\0');
    const ssize_t got = read(terminal, line.data(), line.size());
    if (got < 0) return failure_errno(errno, "cannot read from the terminal");
    line.resize(static_cast<size_t>(got));
    if (line.ends_with('\n')) line.pop_back();
    if (line.size() <= kPassphraseMax && !line.empty()) return line;
    OPENSSL_cleanse(line.data(), line.size());
    return failure(Errc::invalid, "a passphrase has 1 to {} bytes", kPassphraseMax);
}

Outcome<UniqueFd> keep(std::string_view text) {
    UniqueFd memory(memfd_create("xos-passphrase", MFD_CLOEXEC));
    if (!memory || write(memory.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
        lseek(memory.get(), 0, SEEK_SET) != 0)
        return failure_errno(errno, "cannot keep the passphrase in memory");
    return memory;
}

}  // namespace

Outcome<UniqueFd> ask_passphrase(bool twice) {
    const UniqueFd terminal(open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY));
    if (!terminal)
        return failure(Errc::not_found,
                       "there is no terminal to ask for the passphrase: name a file that holds it with "
                       "--passphrase-file");
    auto first = ask(terminal.get(), twice ? "New passphrase of the VO key: " : "Passphrase of the VO key: ");
    if (!first) return std::unexpected(first.error());
    Outcome<std::string> second = *first;
    if (twice) second = ask(terminal.get(), "The same again: ");
    auto kept = !second             ? Outcome<UniqueFd>(std::unexpected(second.error()))
                : *second == *first ? keep(*first)
                                    : failure(Errc::invalid, "the two passphrases differ: nothing was done");
    OPENSSL_cleanse(first->data(), first->size());
    if (second) OPENSSL_cleanse(second->data(), second->size());
    return kept;
}

}  // namespace xos
