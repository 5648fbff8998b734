#include "stream_relay.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <functional>

#include "common/job_stream.h"
#include "tests/unit/ssh/command.h"

using namespace xos;
using namespace xos::test;

namespace {

// What the relay does with input on its standard input while loader plays the job's side; in a child, whose
// standard streams are files. The exit status is 0 where check says so.
struct Relayed {
    int status = -1;
    std::string output, errors;
};

Relayed relay(const std::string& input, const std::function<void(int)>& loader,
              const std::function<bool(const Outcome<StreamEnd>&)>& check) {
    const TempDir dir;
    write_file(dir.path / "in", input);
    int ends[2];
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    const pid_t job = fork();
    if (job == 0) {
        close(ends[0]);
        alarm(60);
        loader(ends[1]);
        _exit(0);
    }
    const pid_t person = fork();
    if (person == 0) {
        close(ends[1]);
        alarm(60);
        dup2(open((dir.path / "in").c_str(), O_RDONLY), 0);
        dup2(open((dir.path / "out").c_str(), O_WRONLY | O_CREAT, 0600), 1);
        dup2(open((dir.path / "err").c_str(), O_WRONLY | O_CREAT, 0600), 2);
        const bool right = check(relay_streams(UniqueFd(ends[0]), false));
        sigset_t blocked;
        sigprocmask(SIG_SETMASK, nullptr, &blocked);
        _exit(right && sigismember(&blocked, SIGINT) == 0 ? 0 : 1);
    }
    close(ends[0]);
    close(ends[1]);
    Relayed result;
    waitpid(person, &result.status, 0);
    kill(job, SIGKILL);
    waitpid(job, nullptr, 0);
    result.output = read_file(dir.path / "out");
    result.errors = read_file(dir.path / "err");
    return result;
}

void say(int fd, const std::string& frame) {
    for (size_t at = 0; at < frame.size();) {
        const ssize_t n = write(fd, frame.data() + at, frame.size() - at);
        if (n <= 0) _exit(1);
        at += static_cast<size_t>(n);
    }
}

// All standard input until its end.
std::string hear_all(int fd) {
    FrameReader reader;
    std::string heard;
    char buffer[65536];
    while (true) {
        const ssize_t n = read(fd, buffer, sizeof buffer);
        if (n <= 0) return heard;
        reader.feed({buffer, static_cast<size_t>(n)});
        while (auto frame = reader.next().value()) {
            if (frame->type == FrameType::stdin_eof) return heard;
            heard += frame->payload;
        }
    }
}

bool exited_3(const Outcome<StreamEnd>& end) {
    return end && end->wait_status == 3 << 8;
}

}  // namespace

TEST_CASE("input goes in, both outputs come out, and the end is told") {
    const Relayed result = relay(
        "hello",
        [](int fd) {
            const std::string heard = hear_all(fd);
            say(fd, encode_frame(FrameType::stdout_data, "out:" + heard));
            say(fd, encode_frame(FrameType::stderr_data, "err"));
            say(fd, encode_number(FrameType::exit_status, 3 << 8));
        },
        exited_3);
    CHECK(result.status == 0);
    CHECK(result.output == "out:hello");
    CHECK(result.errors == "err");
}

TEST_CASE("a job that writes before it reads does not stop both") {
    const std::string input(4 << 20, 'i');
    const Relayed result = relay(
        input,
        [&](int fd) {
            // much more than the socket holds, before the first byte is read
            for (int i = 0; i < 100; ++i)
                say(fd, encode_frame(FrameType::stdout_data, std::string(60'000, 'o')));
            const bool whole = hear_all(fd) == input;
            say(fd, encode_number(FrameType::exit_status, whole ? 3 << 8 : 0));
        },
        exited_3);
    CHECK(result.status == 0);
    CHECK(result.output.size() == 6'000'000);
}

TEST_CASE("a job that closed its ear is still heard to the end") {
    const Relayed result = relay(
        std::string(1 << 20, 'i'),
        [](int fd) {
            shutdown(fd, SHUT_RD);
            usleep(100'000);
            say(fd, encode_frame(FrameType::stdout_data, "last words"));
            say(fd, encode_number(FrameType::exit_status, 3 << 8));
        },
        exited_3);
    CHECK(result.status == 0);
    CHECK(result.output == "last words");
}

TEST_CASE("a command that could not be executed, a closed and a damaged stream") {
    const Relayed failed = relay(
        "",
        [](int fd) {
            std::string payload(4, '\0');
            payload[0] = 2;  // ENOENT
            say(fd, encode_frame(FrameType::exec_error, payload + "./x"));
        },
        [](const Outcome<StreamEnd>& end) {
            return end && end->exec_error == "cannot execute ./x: No such file or directory";
        });
    CHECK(failed.status == 0);
    const Relayed closed = relay(
        "", [](int) {},
        [](const Outcome<StreamEnd>& end) { return end && !end->wait_status && end->exec_error.empty(); });
    CHECK(closed.status == 0);
    const Relayed damaged = relay(
        "", [](int fd) { say(fd, std::string(5, '\xff')); },
        [](const Outcome<StreamEnd>& end) { return !end && end.error().code == Errc::invalid; });
    CHECK(damaged.status == 0);
}
