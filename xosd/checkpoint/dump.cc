#include <fcntl.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include <ctime>
#include <filesystem>

#include "xosd/checkpoint/criu_session.h"
#include "xosd/checkpoint/digest.h"
#include "xosd/checkpoint/frozen_cgroup.h"
#include "xosd/checkpoint/generation.h"
#include "xosd/checkpoint/job_processes.h"
#include "xosd/checkpoint/layer_archive.h"
#include "xosd/container/loader_client.h"

namespace xos {
namespace {

namespace fs = std::filesystem;

Outcome<void> make_dir(const std::string& path, mode_t mode) {
    if (mkdir(path.c_str(), mode) != 0 || chmod(path.c_str(), mode) != 0)
        return failure_errno(errno, "cannot make {}", path);
    return {};
}

// DIRECTORY/.tmp-GENERATION/images and DIRECTORY/.log-GENERATION. DIRECTORY alone keeps others out: below it
// CRIU reads as the root of the job's user namespace, which owns nothing there.
Outcome<void> make_dirs(const DumpRequest& request) {
    struct stat st{};
    if (lstat(generation_path(request.directory, request.generation).c_str(), &st) == 0)
        return failure(Errc::exists, "{} has a checkpoint {} already", request.job, request.generation);
    if (mkdir(request.directory.c_str(), 0700) != 0 && errno != EEXIST)
        return failure_errno(errno, "cannot make {}", request.directory);
    if (auto cleared = remove_unfinished_dumps(request.directory); !cleared) return cleared;
    const std::string unfinished = unfinished_path(request.directory, request.generation);
    auto made = make_dir(unfinished, 0755);
    if (made) made = make_dir(unfinished + '/' + kImages, 0755);
    if (made) made = make_dir(log_path(request.directory, request.generation), 0700);
    return made;
}

Outcome<void> add_digests(const std::string& root, Manifest& manifest) {
    UniqueFd dir(open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    std::error_code error;
    for (const auto& entry : fs::recursive_directory_iterator(root, error)) {
        if (entry.is_directory(error)) continue;
        const std::string path = fs::relative(entry.path(), root, error);
        auto stored = digest_file(dir.get(), path);
        if (!stored) return std::unexpected(stored.error());
        manifest.files.emplace(path, *stored);
    }
    if (error) return failure(Errc::system, "cannot list {}: {}", root, error.message());
    return {};
}

Manifest describe(const DumpRequest& request, const std::string& version) {
    utsname system{};
    uname(&system);
    Manifest out;
    out.job = request.job;
    out.generation = request.generation;
    out.driver = "criu";
    out.driver_version = version;
    out.kernel = system.release;
    out.architecture = system.machine;
    out.uid = request.uid;
    out.inner_root = request.inner_root;
    out.home = request.home;
    out.created = static_cast<uint64_t>(std::time(nullptr));
    return out;
}

Outcome<void> write_manifest(const std::string& path, const std::string& text) {
    UniqueFd file(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!file || write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
        return failure_errno(errno, "cannot write {}", path);
    return {};
}

// Everything is on the disk before the name appears, and the name before the job goes on.
Outcome<void> commit(const DumpRequest& request) {
    const std::string from = unfinished_path(request.directory, request.generation);
    if (auto synced = sync_file_system(from); !synced) return synced;
    const std::string to = generation_path(request.directory, request.generation);
    if (rename(from.c_str(), to.c_str()) != 0)
        return failure_errno(errno, "cannot commit the checkpoint {}", to);
    if (auto synced = sync_path(request.directory); !synced) {
        (void)remove_generation(request.directory, request.generation);
        return synced;
    }
    return {};
}

struct Committed {
    bool done = false;
    uint64_t bytes = 0;
    std::string digest;
};

// While CRIU holds every process stopped: what the images refer to is taken as it is at that moment.
Outcome<void> complete(const DumpRequest& request, const std::string& version, Committed& committed) {
    const std::string root = unfinished_path(request.directory, request.generation);
    const std::string log = log_path(request.directory, request.generation) + "/tar.log";
    Manifest manifest = describe(request, version);
    auto members = read_members(request.cgroup_fd);
    if (!members) return std::unexpected(members.error());
    auto outputs = find_outputs(*members, request.home);
    if (!outputs) return std::unexpected(outputs.error());
    manifest.outputs = std::move(*outputs);
    if (auto packed = pack_layer(request.layer, root + '/' + kLayerArchive, log); !packed) return packed;
    if (auto added = add_digests(root, manifest); !added) return added;
    const std::string text = encode_manifest(manifest);
    if (auto written = write_manifest(root + '/' + kManifest, text); !written) return written;
    if (auto done = commit(request); !done) return done;
    committed = {true, text.size(), digest_text(text)};
    for (const auto& [path, stored] : manifest.files) committed.bytes += stored.size;
    return {};
}

Outcome<Committed> dump(const DumpRequest& request, const std::string& socket_options) {
    auto version = criu_version();
    if (!version) return std::unexpected(version.error());
    auto process = open_process(request.pid, request.start_time);
    if (!process) return std::unexpected(process.error());
    if (auto detached = detach_streams(*process); !detached) return std::unexpected(detached.error());
    auto members = read_members(request.cgroup_fd);
    if (!members) return std::unexpected(members.error());
    if (auto clear = find_obstacle(*members, request.pid, request.home); !clear)
        return std::unexpected(clear.error());
    if (auto made = make_dirs(request); !made) return std::unexpected(made.error());

    Committed committed;
    CriuRun run;
    run.images = unfinished_path(request.directory, request.generation) + '/' + kImages;
    run.work = log_path(request.directory, request.generation);
    run.externals = external_mounts(request.layer, request.home);
    run.socket_options = socket_options;
    run.hook = [&](const std::string& action, pid_t) -> Outcome<void> {
        if (action != "post-dump") return {};
        return complete(request, *version, committed);
    };
    auto frozen = FrozenCgroup::freeze(request.cgroup_fd);
    if (!frozen) return std::unexpected(frozen.error());
    if (auto settled = await_settled(request.pid); !settled) return std::unexpected(settled.error());
    const auto dumped = run_criu_dump(run, request.pid, frozen->path(), request.keep_running);
    // past the commit the checkpoint is whole, whatever CRIU says afterwards
    if (!dumped && !committed.done) return std::unexpected(dumped.error());
    return committed;
}

}  // namespace

Outcome<OperationResult> dump_generation(const DumpRequest& request, const std::string& socket_options) {
    auto committed = dump(request, socket_options);
    (void)remove_unfinished_dumps(request.directory);
    if (!committed) return std::unexpected(committed.error());
    if (!request.keep_running) {
        // CRIU killed what it dumped; this catches what it could not have seen
        if (auto killed = write_cgroup(request.cgroup_fd, "cgroup.kill", '1'); !killed)
            return std::unexpected(killed.error());
    }
    return OperationResult{compose("{} {}", committed->bytes, committed->digest), {}};
}

}  // namespace xos
