#include <catch2/catch_test_macros.hpp>

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
    auto operation = make_criu_checkpointer()->start_dump(request);
    if (!operation) return std::unexpected(operation.error());
    return finish_dump(std::move(*operation));
}

Outcome<ContainerProcess> restore_now(const RestoreRequest& request) {
    auto operation = make_criu_checkpointer()->start_restore(request);
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
