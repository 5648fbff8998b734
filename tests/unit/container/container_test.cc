#include <catch2/catch_test_macros.hpp>

#include <signal.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>

#include "fixture.h"
#include "xosd/container/loader_client.h"

using namespace xos;
using namespace xos::test;

namespace {

// Everything the job sends until its last frame, streams apart.
struct Heard {
    std::string out, err;
    std::optional<int> status, exec_error;
    std::string exec_about;
};

Heard listen_to(int fd, std::chrono::seconds limit = std::chrono::seconds(10)) {
    Heard heard;
    FrameReader reader;
    const auto end = std::chrono::steady_clock::now() + limit;
    char bytes[4096];
    for (;;) {
        pollfd slot{fd, POLLIN, 0};
        REQUIRE(std::chrono::steady_clock::now() < end);
        if (poll(&slot, 1, 1000) <= 0) continue;
        const ssize_t n = recv(fd, bytes, sizeof bytes, 0);
        if (n <= 0) return heard;
        reader.feed({bytes, static_cast<size_t>(n)});
        for (;;) {
            auto frame = reader.next();
            REQUIRE(frame);
            if (!*frame) break;
            if ((*frame)->type == FrameType::stdout_data) heard.out += (*frame)->payload;
            if ((*frame)->type == FrameType::stderr_data) heard.err += (*frame)->payload;
            if ((*frame)->type == FrameType::exit_status) heard.status = parse_number(**frame);
            if ((*frame)->type == FrameType::exec_error) {
                heard.exec_error = parse_number(**frame);
                heard.exec_about = (*frame)->payload.substr(4);
            }
        }
    }
}

// Takes what comes until text was in it; the bytes behind it must not have come yet.
void await_text(int fd, const std::string& text) {
    std::string heard;
    REQUIRE(wait_for([&] {
        char bytes[4096];
        const ssize_t n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (n > 0) heard.append(bytes, static_cast<size_t>(n));
        return heard.contains(text) && heard.ends_with('\n');
    }));
}

void say(int fd, const std::string& bytes) {
    REQUIRE(send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
}

UniqueFd attach(const ContainerProcess& process) {
    auto fd = connect_loader(process, 33, 99);
    if (!fd) FAIL(fd.error().message);
    return std::move(*fd);
}

size_t mount_count() {
    const std::string mounts = read_text("/proc/self/mountinfo");
    return static_cast<size_t>(std::ranges::count(mounts, '\n'));
}

// The failure of a start that must leave nothing behind.
std::string refused(const Node& node, const ContainerSpec& spec) {
    const size_t mounts = mount_count();
    const auto process = start_container(spec);
    REQUIRE_FALSE(process);
    CHECK(mount_count() == mounts);
    CHECK_FALSE(std::filesystem::exists(spec.layer));
    CHECK(node.members().empty());
    return process.error().message;
}

}  // namespace

TEST_CASE("a program runs as the job's user in a container of its own") {
    if (!can_run()) return;
    Node node;
    auto spec = node.spec(
        "id -u; id -g; id -G; pwd; cat /proc/1/comm; ls /proc | grep -c '^[0-9]'; ls /home; cat /run/marker; "
        "touch /usr/x 2>/dev/null || echo read-only; echo t > /tmp/t && cat /tmp/t; (: "
        "</dev/tcp/127.0.0.1/9) 2>&1 | "
        "grep -o -m1 'Connection refused'; exit 7");
    spec.files.push_back({"/run/marker", "from the layer\n", 0444});
    const auto process = started(spec);
    const auto record = node.finish(process, spec.layer);
    INFO(node.output());
    REQUIRE(record);
    CHECK(record->exec_error == 0);
    REQUIRE(WIFEXITED(record->wait_status));
    CHECK(WEXITSTATUS(record->wait_status) == 7);
    // sh, ls and grep beside the loader; the node's processes are not to be seen
    CHECK(node.output() ==
          std::format("{0}\n{0}\n{0} {1} {2}\n{3}\nxos-loader\n4\nfrom the layer\nread-only\nt\nConnection "
                      "refused\n",
                      kUid, kMembers, kGroup, node.home));
    CHECK(node.members().empty());
    REQUIRE(remove_layer(spec.layer));
    CHECK_FALSE(std::filesystem::exists(spec.layer));
}

TEST_CASE("the application has no capability and the checkpointable profile") {
    if (!can_run()) return;
    Node node;
    auto spec = node.spec(
        "grep -E '^(CapInh|CapPrm|CapEff|CapBnd|CapAmb|NoNewPrivs|Seccomp):' /proc/self/status | tr -d "
        "'\\t'; "
        "ls /proc/self/fd | wc -l; unshare -U true 2>&1 | grep -o 'not permitted'; "
        "cat /run/xos-loader/job 2>&1 | grep -o 'Permission denied'; kill -9 1 2>&1 | grep -o 'not "
        "permitted'; "
        "perl -e '$! = 0; syscall(425, 1, 0); print 0 + $!, \"\\n\"; $! = 0; "
        "syscall(250, 1, 0); print 0 + $!, \"\\n\"'");
    const auto process = started(spec);
    REQUIRE(node.finish(process, spec.layer));
    // the directory that ls reads is the fourth descriptor; 425 is io_uring_setup, 250 keyctl on x86_64
    const std::string numbers = "38\n1\n";
    CHECK(
        node.output() ==
        "CapInh:0000000000000000\nCapPrm:0000000000000000\nCapEff:0000000000000000\nCapBnd:0000000000000000\n"
        "CapAmb:0000000000000000\nNoNewPrivs:1\nSeccomp:2\n4\nnot permitted\nPermission denied\nnot "
        "permitted\n" +
            numbers);
}

TEST_CASE("a program that cannot be executed is told apart from its exit status") {
    if (!can_run()) return;
    Node node;
    auto spec = node.spec("");
    std::ofstream(node.home + "/x") << "not executable";
    spec.argv = {"./x"};
    auto process = started(spec);
    auto record = node.finish(process, spec.layer);
    REQUIRE(record);
    CHECK(record->message() == "cannot execute ./x: Permission denied");
    REQUIRE(remove_layer(spec.layer));

    spec.argv = {"no-such-program"};
    spec.stdio = JobStdio::pipes;
    process = started(spec);
    const Heard heard = listen_to(attach(process).get());
    CHECK(heard.exec_error == ENOENT);
    CHECK(heard.exec_about == "no-such-program");
    record = node.finish(process, spec.layer);
    REQUIRE(record);
    CHECK(record->message() == "cannot execute no-such-program: No such file or directory");
    REQUIRE(remove_layer(spec.layer));

    spec.argv = {"true"};
    spec.stdio = JobStdio::file;
    spec.directory = node.home + "/absent";
    process = started(spec);
    record = node.finish(process, spec.layer);
    REQUIRE(record);
    CHECK(record->message() == std::format("cannot execute {}/absent: No such file or directory", node.home));
}

TEST_CASE("a person attached to a terminal sees every byte and the status") {
    if (!can_run()) return;
    Node node;
    auto spec = node.spec("tty; stty size; read line; echo got $line; read other; stty size; kill -TERM $$");
    spec.stdio = JobStdio::terminal;
    spec.rows = 24;
    spec.cols = 80;
    const auto process = started(spec);
    const UniqueFd fd = attach(process);
    await_text(fd.get(), "33 99");
    say(fd.get(), encode_frame(FrameType::stdin_data, "hello\n"));
    await_text(fd.get(), "got hello");
    say(fd.get(), encode_window_size(FrameType::window_size, 40, 120));
    say(fd.get(), encode_frame(FrameType::stdin_data, "more\n"));
    const Heard heard = listen_to(fd.get());
    INFO(heard.out);
    CHECK(heard.out.contains("40 120\r\n"));
    REQUIRE(heard.status);
    CHECK(WIFSIGNALED(*heard.status));
    CHECK(WTERMSIG(*heard.status) == SIGTERM);
    const auto record = node.finish(process, spec.layer);
    REQUIRE(record);
    CHECK(record->wait_status == *heard.status);
}

TEST_CASE("pipes carry more than they hold, in both directions, and the end of input") {
    if (!can_run()) return;
    Node node;
    auto spec = node.spec("cat | tr a b; echo done >&2; exit 3");
    spec.stdio = JobStdio::pipes;
    const auto process = started(spec);
    const UniqueFd fd = attach(process);
    const std::string much(3 * 1024 * 1024, 'a');
    std::thread writer([&] {
        for (size_t at = 0; at < much.size(); at += kFrameMax)
            say(fd.get(), encode_frame(FrameType::stdin_data, std::string_view(much).substr(at, kFrameMax)));
        say(fd.get(), encode_frame(FrameType::stdin_eof));
    });
    const Heard heard = listen_to(fd.get(), std::chrono::seconds(30));
    writer.join();
    CHECK(heard.out == std::string(much.size(), 'b'));
    CHECK(heard.err == "done\n");
    REQUIRE(heard.status);
    CHECK(WEXITSTATUS(*heard.status) == 3);
}

TEST_CASE("a second person takes the place of the first, and detach closes all") {
    if (!can_run()) return;
    Node node;
    auto spec = node.spec("trap 'echo caught; exit 5' USR1; echo ready; while :; do sleep 0.05; done");
    spec.stdio = JobStdio::pipes;
    const auto process = started(spec);
    const UniqueFd first = attach(process);
    await_text(first.get(), "ready");
    UniqueFd second = attach(process);
    listen_to(first.get());  // ends: the loader closed it
    REQUIRE(detach_streams(process));
    listen_to(second.get());
    second = attach(process);
    REQUIRE(signal_application(process, SIGUSR1));
    const Heard heard = listen_to(second.get());
    CHECK(heard.out == "caught\n");
    REQUIRE(heard.status);
    CHECK(WEXITSTATUS(*heard.status) == 5);
}

TEST_CASE("what an application leaves behind ends with it") {
    if (!can_run()) return;
    Node node;
    auto spec = node.spec(
        "(setsid sleep 1000 & ) ; (setsid bash -c 'trap \"\" TERM HUP; sleep 1000' &); sleep 0.2; exit 0");
    spec.grace = std::chrono::milliseconds(500);
    const auto process = started(spec);
    REQUIRE(wait_for([&] { return std::ranges::count(node.members(), '\n') >= 4; }));
    REQUIRE(node.finish(process, spec.layer));
    CHECK(wait_for([&] { return node.members().empty(); }, std::chrono::seconds(2)));
}

TEST_CASE("all are asked to end once, and who is attached reads what they say last") {
    if (!can_run()) return;
    Node node;
    auto spec = node.spec(
        "trap 'echo asked; exit 4' TERM; (trap 'sleep 0.3; echo left; exit' TERM; echo ready; "
        "while :; do sleep 0.05; done) & while :; do sleep 0.05; done");
    spec.stdio = JobStdio::pipes;
    const auto process = started(spec);
    const UniqueFd fd = attach(process);
    await_text(fd.get(), "ready");
    REQUIRE(ask_all_to_end(process));
    REQUIRE(ask_all_to_end(process));
    const Heard heard = listen_to(fd.get());
    CHECK(heard.out == "asked\nleft\n");
    REQUIRE(heard.status);
    CHECK(WEXITSTATUS(*heard.status) == 4);
    CHECK(wait_for([&] { return node.members().empty(); }));
}

TEST_CASE("a killed container records no status") {
    if (!can_run()) return;
    Node node;
    auto spec = node.spec("sleep 1000");
    const auto process = started(spec);
    node.kill_all();
    CHECK_FALSE(node.finish(process, spec.layer));
}

TEST_CASE("broken frames end the connection, not the job") {
    if (!can_run()) return;
    Node node;
    auto spec = node.spec("read line; echo $line");
    spec.stdio = JobStdio::pipes;
    const auto process = started(spec);
    std::string huge = encode_frame(FrameType::stdin_data);
    huge[3] = '\x7f';  // a length of some 8 million
    {
        const UniqueFd fd = attach(process);
        say(fd.get(), huge);
        listen_to(fd.get());
    }
    {
        const UniqueFd fd = attach(process);
        say(fd.get(), std::string(100, '\xee'));
        listen_to(fd.get());
    }
    const UniqueFd fd = attach(process);
    say(fd.get(), encode_frame(FrameType::stdin_data, "alive\n"));
    CHECK(listen_to(fd.get()).out == "alive\n");
}

TEST_CASE("what a job plants in its home and /run is not followed") {
    if (!can_run()) return;
    Node node;
    const std::string secret = node.base + "/secret";
    std::ofstream(secret) << "root's";
    std::filesystem::permissions(secret, std::filesystem::perms(0600));
    std::filesystem::create_symlink(secret, node.home + "/out");
    auto spec = node.spec("echo overwritten");
    auto process = started(spec);
    auto record = node.finish(process, spec.layer);
    REQUIRE(record);
    // the link is resolved inside, by the job's uid: there is no such file there
    CHECK(record->exec_error != 0);
    CHECK(read_text(secret) == "root's");
    REQUIRE(remove_layer(spec.layer));
    CHECK(std::filesystem::exists(secret));
}

TEST_CASE("a refused start leaves nothing behind") {
    if (!can_run()) return;
    Node node;
    auto spec = node.spec("true");
    SECTION("a home of somebody else") {
        REQUIRE(chown(node.home.c_str(), 0, 0) == 0);
        CHECK(refused(node, spec).contains("does not belong to uid"));
    }
    SECTION("a home behind a symlink") {
        std::filesystem::create_symlink(node.base + "/home", node.base + "/link");
        spec.home = node.base + "/link/user1";
        CHECK(refused(node, spec).contains("may be a symlink"));
    }
    SECTION("a loader that is not there") {
        spec.loader = node.base + "/absent";
        CHECK(refused(node, spec).contains("cannot open the loader"));
    }
    SECTION("a loader that cannot run") {
        std::ofstream(node.base + "/bad") << "no program";
        spec.loader = node.base + "/bad";
        CHECK(refused(node, spec) == "cannot execute the loader in the container: Exec format error");
    }
    SECTION("a cgroup that is none") {
        const UniqueFd dir(open(node.base.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        spec.cgroup_fd = dir.get();
        CHECK(refused(node, spec).contains("cannot make the namespaces"));
    }
    SECTION("root as the job's user") {
        spec.uid = 0;
        CHECK(refused(node, spec).contains("must not be 0"));
    }
    SECTION("a layer file outside the private directories") {
        spec.files.push_back({"/etc/shadow", "", 0644});
        CHECK(refused(node, spec).contains("private directory"));
        spec.files.back().path = "/run/../etc/shadow";
        CHECK(refused(node, spec).contains("private directory"));
    }
    SECTION("an operation that is dropped") {
        auto operation = begin_start(spec);
        REQUIRE(operation);
        {
            const Operation dropped = std::move(*operation);
        }
        CHECK(wait_for([&] { return node.members().empty(); }));
        CHECK_FALSE(std::filesystem::exists(spec.layer));
    }
}

TEST_CASE("a layer that exists is never used twice") {
    if (!can_run()) return;
    Node node;
    auto spec = node.spec("true");
    std::filesystem::create_directories(spec.layer + "/kept");
    const auto process = start_container(spec);
    REQUIRE_FALSE(process);
    CHECK(process.error().code == Errc::exists);
    CHECK(std::filesystem::exists(spec.layer + "/kept"));
}

TEST_CASE("start and exit of a job take milliseconds") {
    if (!can_run()) return;
    Node node;
    std::vector<double> started_ms, ended_ms;
    for (int i = 0; i < 20; i++) {
        auto spec = node.spec("");
        spec.argv = {"/bin/true"};
        const auto begin = std::chrono::steady_clock::now();
        const auto process = started(spec);
        const auto ready = std::chrono::steady_clock::now();
        pollfd slot{process.pidfd.get(), POLLIN, 0};
        REQUIRE(poll(&slot, 1, 10000) == 1);
        const auto end = std::chrono::steady_clock::now();
        REQUIRE(remove_layer(spec.layer));
        started_ms.push_back(std::chrono::duration<double, std::milli>(ready - begin).count());
        ended_ms.push_back(std::chrono::duration<double, std::milli>(end - begin).count());
    }
    std::ranges::sort(started_ms);
    std::ranges::sort(ended_ms);
    std::cout << std::format("start {:.1f} ms, start and exit {:.1f} ms (medians of 20)\n", started_ms[10],
                             ended_ms[10]);
    CHECK(ended_ms[10] < 1000);
}
