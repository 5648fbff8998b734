#include <catch2/catch_test_macros.hpp>

#include <keyutils.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>

#include "tests/unit/container/fixture.h"
#include "xosd/checkpoint/checkpointer.h"
#include "xosd/checkpoint/manifest.h"
#include "xosd/container/loader_client.h"

using namespace xos;
using namespace xos::test;

namespace {

// awk counting with a long inner loop: what it prints depends on every step before.
constexpr char kComputation[] =
    "exec awk 'BEGIN { x = 1; for (i = 0; i < 300; i++) { for (j = 0; j < 40000; j++) x = (x * 16807 + j) % "
    "2147483647; "
    "print i, x; fflush() } }'";

DumpRequest dump_of(const Node& node, const ContainerSpec& spec, const ContainerProcess& process) {
    DumpRequest out;
    out.job = spec.job;
    out.directory = node.base + "/checkpoints";
    out.layer = spec.layer;
    out.home = spec.home;
    out.uid = spec.uid;
    out.inner_root = spec.inner_root;
    out.pid = process.pid;
    out.start_time = process.start_time;
    out.cgroup_fd = node.cgroup_fd.get();
    return out;
}

RestoreRequest restore_of(const DumpRequest& dump) {
    RestoreRequest out;
    out.job = dump.job;
    out.directory = dump.directory;
    out.layer = dump.layer;
    out.home = dump.home;
    out.uid = dump.uid;
    out.inner_root = dump.inner_root;
    out.cgroup_fd = dump.cgroup_fd;
    return out;
}

Outcome<Checkpoint> dump_now(const DumpRequest& request) {
    auto operation = make_criu_checkpointer(XOS_CRIU_SOCKET_OPTIONS)->start_dump(request);
    if (!operation) return std::unexpected(operation.error());
    return finish_dump(std::move(*operation));
}

Outcome<ContainerProcess> restore_now(const RestoreRequest& request) {
    auto operation = make_criu_checkpointer(XOS_CRIU_SOCKET_OPTIONS)->start_restore(request);
    if (!operation) return std::unexpected(operation.error());
    return finish_restore(std::move(*operation));
}

}  // namespace

TEST_CASE("a job killed after its checkpoint ends with the output of an uninterrupted run") {
    if (!can_run()) return;
    Node node;
    auto spec = node.spec(kComputation);
    auto whole = started(spec);
    REQUIRE(node.finish(whole, spec.layer));
    const std::string expected = node.output();
    REQUIRE(expected.size() > 1000);
    REQUIRE(remove_layer(spec.layer));
    std::filesystem::remove(node.home + "/out");

    const auto process = started(spec);
    REQUIRE(wait_for([&] { return node.output().size() > 200; }));
    const auto request = dump_of(node, spec, process);
    const auto before = std::chrono::steady_clock::now();
    const auto checkpoint = dump_now(request);
    if (!checkpoint) FAIL(checkpoint.error().message);
    const auto after = std::chrono::steady_clock::now();
    const size_t size = node.output().size();
    REQUIRE(wait_for([&] { return node.output().size() > size; }));  // it runs on
    node.kill_all();
    REQUIRE(remove_layer(spec.layer));
    REQUIRE(node.output() != expected);

    auto again = restore_of(request);
    again.manifest_digest = checkpoint->manifest_digest;
    const auto restart = std::chrono::steady_clock::now();
    const auto restored = restore_now(again);
    if (!restored) FAIL(restored.error().message);
    const auto ready = std::chrono::steady_clock::now();
    const auto record = node.finish(*restored, spec.layer);
    REQUIRE(record);
    CHECK(record->wait_status == 0);
    CHECK(node.output() == expected);
    using std::chrono::duration_cast, std::chrono::milliseconds;
    std::cout << "dump " << duration_cast<milliseconds>(after - before).count() << " ms, restore "
              << duration_cast<milliseconds>(ready - restart).count() << " ms, " << checkpoint->bytes
              << " bytes\n";
}

TEST_CASE("a damaged checkpoint is refused before anything of it is used") {
    if (!can_run()) return;
    Node node;
    auto spec = node.spec("for ((i = 0; i < 100000; i++)); do echo $i; sleep 0.02; done");
    const auto process = started(spec);
    REQUIRE(wait_for([&] { return node.output().size() > 10; }));
    auto request = dump_of(node, spec, process);
    request.keep_running = false;
    const auto checkpoint = dump_now(request);
    if (!checkpoint) FAIL(checkpoint.error().message);
    CHECK(wait_for([&] { return node.members().empty(); }));
    REQUIRE(remove_layer(spec.layer));
    auto again = restore_of(request);
    again.manifest_digest = checkpoint->manifest_digest;
    const std::string generation = request.directory + "/1/";

    const auto flip = [](const std::string& path) {
        std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
        file.seekg(0, std::ios::end);
        const auto middle = file.tellg() / 2;
        file.seekg(middle);
        const char byte = static_cast<char>(file.get() ^ 1);
        file.seekp(middle);
        file.put(byte);
    };
    const auto refused = [&](std::string_view why) {
        const std::string output = node.output();
        const auto restored = restore_now(again);
        REQUIRE_FALSE(restored);
        INFO(restored.error().message);
        CHECK(restored.error().message.contains(why));
        CHECK(node.members().empty());
        CHECK_FALSE(std::filesystem::exists(spec.layer));
        CHECK(node.output() == output);
    };
    for (const char* file : {"images/pages-1.img", "images/core-1.img", "layer.tar", "manifest.json"}) {
        flip(generation + file);
        refused(std::format("{} is not what was written", std::string_view(file)));
        flip(generation + file);
    }
    std::ofstream(generation + "images/extra.img") << "x";
    refused("images/extra.img is not of it");
    std::filesystem::remove(generation + "images/extra.img");

    const std::string whole = node.output();
    std::filesystem::resize_file(node.home + "/out", 1);
    refused("put the file back first");
    std::filesystem::remove(node.home + "/out");
    std::filesystem::create_symlink("/etc/passwd", node.home + "/out");
    refused("cannot open the job's output");
    std::filesystem::remove(node.home + "/out");
    std::ofstream(node.home + "/out") << whole;
    refused("no longer a file of its own");
    REQUIRE(chown((node.home + "/out").c_str(), kUid, kUid) == 0);
    again.uid++;
    refused("belongs to uid");
    again.uid--;

    const auto restored = restore_now(again);
    if (!restored) FAIL(restored.error().message);
    CHECK(wait_for([&] { return node.output().size() > whole.size(); }));
}

TEST_CASE("a refused dump leaves the job running and no trace") {
    if (!can_run()) return;
    Node node;
    const std::string counting = "for ((i = 0; i < 100000; i++)); do echo $i; sleep 0.02; done";
    const auto refused = [&](const ContainerSpec& spec, std::string_view why) {
        const auto process = started(spec);
        REQUIRE(wait_for([&] { return node.output().size() > 10; }));
        const auto request = dump_of(node, spec, process);
        const auto checkpoint = dump_now(request);
        REQUIRE_FALSE(checkpoint);
        INFO(checkpoint.error().message);
        CHECK(checkpoint.error().message.contains(why));
        const size_t size = node.output().size();
        CHECK(wait_for([&] { return node.output().size() > size; }));
        CHECK((!std::filesystem::exists(request.directory) || std::filesystem::is_empty(request.directory)));
        node.kill_all();
    };
    SECTION("a Unix socket connected to a process outside") {
        const UniqueFd listener(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::snprintf(address.sun_path, sizeof address.sun_path, "%s/s", node.home.c_str());
        REQUIRE(bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
        REQUIRE(chmod(address.sun_path, 0777) == 0);
        REQUIRE(listen(listener.get(), 1) == 0);
        refused(node.spec("perl -MSocket -e 'socket(S, PF_UNIX, SOCK_STREAM, 0); connect(S, "
                          "sockaddr_un(\"s\")) or die; "
                          "$| = 1; while (1) { print \"x\\n\"; select(undef, undef, undef, 0.02) }'"),
                "other end is outside the job");
    }
    SECTION("a named pipe of the home") {
        REQUIRE(mkfifo((node.home + "/fifo").c_str(), 0666) == 0);
        REQUIRE(chown((node.home + "/fifo").c_str(), kUid, kUid) == 0);
        refused(node.spec("exec 5<>fifo; " + counting), "which a process outside could share");
    }
}

TEST_CASE("a terminal job is detached for its checkpoint and attached again after the restart") {
    if (!can_run()) return;
    Node node;
    auto spec =
        node.spec("echo ready; while read line; do echo \"<$line>\"; [ $line = end ] && exit 9; done");
    spec.argv = {"/bin/bash", "--norc", "-c", spec.argv[2]};
    spec.stdio = JobStdio::terminal;
    const auto process = started(spec);
    const auto converse = [](int fd, const std::string& line, const std::string& answer) {
        const std::string frame = encode_frame(FrameType::stdin_data, line);
        REQUIRE(send(fd, frame.data(), frame.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(frame.size()));
        std::string heard;
        REQUIRE(wait_for([&] {
            char bytes[4096];
            const ssize_t n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
            if (n > 0) heard.append(bytes, static_cast<size_t>(n));
            return heard.contains(answer);
        }));
    };
    auto fd = connect_loader(process, 24, 80);
    REQUIRE(fd);
    converse(fd->get(), "one\n", "<one>");
    auto request = dump_of(node, spec, process);
    request.keep_running = false;
    const auto checkpoint = dump_now(request);
    if (!checkpoint) FAIL(checkpoint.error().message);
    CHECK(wait_for([&] { return node.members().empty(); }));
    REQUIRE(remove_layer(spec.layer));
    const auto restored = restore_now(restore_of(request));
    if (!restored) FAIL(restored.error().message);
    fd = connect_loader(*restored, 24, 80);
    REQUIRE(fd);
    converse(fd->get(), "two\n", "<two>");
    converse(fd->get(), "end\n", "<end>");
    const auto record = node.finish(*restored, spec.layer);
    REQUIRE(record);
    CHECK(record->wait_status == 9 << 8);
}

TEST_CASE(
    "files of the layer, shared memory, timers and the loopback come back; the session keyring is new") {
    if (!can_run()) return;
    Node node;
    auto spec = node.spec(
        "echo kept > /tmp/kept; echo shm > /dev/shm/kept; exec 7>>/tmp/log; sleep 30 & "
        "for ((i = 0; i < 100000; i++)); do echo $i; echo $i >&7; sleep 0.02; [ -e go ] && break; done; "
        "cat /tmp/kept /dev/shm/kept; jobs | grep -c Running; stat -c '%a %u %F' /tmp /dev/null; "
        "(: </dev/tcp/127.0.0.1/9) 2>&1 | grep -o -m1 'Connection refused'; keyctl pipe "
        "%user:xos:credential; kill %1; exit 4");
    spec.credential = JobCredential{"first", std::chrono::seconds(600)};
    const auto process = started(spec);
    REQUIRE(wait_for([&] { return node.output().size() > 10; }));
    auto request = dump_of(node, spec, process);
    request.keep_running = false;
    const auto checkpoint = dump_now(request);
    if (!checkpoint) FAIL(checkpoint.error().message);
    REQUIRE(wait_for([&] { return node.members().empty(); }));
    REQUIRE(remove_layer(spec.layer));
    auto again = restore_of(request);
    again.credential = JobCredential{"second", std::chrono::seconds(600)};
    const auto restored = restore_now(again);
    if (!restored) FAIL(restored.error().message);
    std::ofstream(node.home + "/go") << "";
    const auto record = node.finish(*restored, spec.layer);
    REQUIRE(record);
    CHECK(record->wait_status == 4 << 8);
    const std::string output = node.output();
    CHECK(
        output.ends_with("kept\nshm\n1\n1777 65534 directory\n666 65534 character special file\nConnection "
                         "refused\nsecond"));
    if (!output.ends_with("second"))
        std::cout << output.substr(output.size() > 300 ? output.size() - 300 : 0);
}

TEST_CASE("a connection over the loopback survives") {
    if (!can_run()) return;
    Node node;
    auto spec = node.spec(
        "exec perl -MIO::Socket::INET -e '$l = IO::Socket::INET->new(Listen => 1, LocalAddr => "
        "\"127.0.0.1\") or die $!; "
        "if (fork) { $c = $l->accept; $c->autoflush(1); while (<$c>) { print $c $_ } } else { $| = 1; "
        "$s = IO::Socket::INET->new(PeerAddr => \"127.0.0.1\", PeerPort => $l->sockport) or die $!; "
        "for ($i = 0; $i < 100; $i++) { print $s \"$i\\n\"; print scalar <$s>; select(undef, undef, undef, "
        "0.02) } }'");
    const auto process = started(spec);
    REQUIRE(wait_for([&] { return node.output().size() > 20; }));
    auto request = dump_of(node, spec, process);
    request.keep_running = false;
    const auto checkpoint = dump_now(request);
    if (!checkpoint) FAIL(checkpoint.error().message);
    REQUIRE(wait_for([&] { return node.members().empty(); }));
    REQUIRE(remove_layer(spec.layer));
    const auto restored = restore_now(restore_of(request));
    if (!restored) FAIL(restored.error().message);
    const auto record = node.finish(*restored, spec.layer);
    REQUIRE(record);
    CHECK(record->wait_status == 0);
    std::string expected;
    for (int i = 0; i < 100; i++) expected += std::to_string(i) + '\n';
    CHECK(node.output() == expected);
}

TEST_CASE("dump and restore again and again leave nothing behind") {
    if (!can_run()) return;
    Node node;
    auto spec = node.spec("for ((i = 0; i < 100000; i++)); do echo $i; sleep 0.005; done");
    auto process = started(spec);
    const std::string mounts = read_text("/proc/self/mountinfo");
    const auto descriptors = [] {
        return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
    };
    const auto open_before = descriptors();
    std::vector<double> dumps, restores;
    for (uint64_t generation = 1; generation <= 10; generation++) {
        auto request = dump_of(node, spec, process);
        request.generation = generation;
        request.keep_running = generation % 2 == 0;
        const auto begin = std::chrono::steady_clock::now();
        const auto checkpoint = dump_now(request);
        if (!checkpoint) FAIL(checkpoint.error().message);
        dumps.push_back(
            std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count());
        node.kill_all();
        REQUIRE(remove_layer(spec.layer));
        auto again = restore_of(request);
        again.generation = generation;
        const auto middle = std::chrono::steady_clock::now();
        auto restored = restore_now(again);
        if (!restored) FAIL(restored.error().message);
        restores.push_back(
            std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - middle).count());
        process = std::move(*restored);
        const size_t size = node.output().size();
        REQUIRE(wait_for([&] { return node.output().size() > size; }));
        REQUIRE(remove_generation(request.directory, generation));
        CHECK(std::filesystem::is_empty(request.directory));
    }
    CHECK(descriptors() == open_before);
    CHECK(read_text("/proc/self/mountinfo") == mounts);
    // no line is lost or written twice
    std::istringstream lines(node.output());
    int expected = 0;
    for (std::string line; std::getline(lines, line) && !lines.eof(); expected++)
        REQUIRE(line == std::to_string(expected));
    std::ranges::sort(dumps);
    std::ranges::sort(restores);
    std::cout << std::format("dump {:.0f} ms, restore {:.0f} ms (medians of 10)\n", dumps[5], restores[5]);
}

TEST_CASE("a manifest that breaks its grammar is refused") {
    Manifest manifest;
    manifest.job = "job-1";
    manifest.files["images/a.img"] = {1, std::string(64, 'a')};
    manifest.outputs.push_back({"out", 5});
    const std::string text = encode_manifest(manifest);
    const auto parsed = parse_manifest(text);
    REQUIRE(parsed);
    CHECK(parsed->files.at("images/a.img").size == 1);
    CHECK(parsed->outputs.at(0).path == "out");
    const auto broken = [&](const std::string& from, const std::string& to) {
        std::string changed = text;
        changed.replace(changed.find(from), from.size(), to);
        return !parse_manifest(changed);
    };
    CHECK(broken("\"format\":1", "\"format\":2"));
    CHECK(broken("images/a.img", "../a.img"));
    CHECK(broken("images/a.img", "/a.img"));
    CHECK(broken("\"out\"", "\"x/../../out\""));
    CHECK(broken("aaaa", "AAAA"));
    CHECK(broken("\"size\":5", "\"size\":-5"));
    CHECK(broken("\"uid\":0", "\"uid\":4294967296"));
    CHECK(broken("{", "["));
    CHECK_FALSE(parse_manifest(std::string(100000, '[')));
}
