#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include <filesystem>

#include "xosd/checkpoint/criu_session.h"
#include "xosd/checkpoint/digest.h"
#include "xosd/checkpoint/generation.h"
#include "xosd/checkpoint/job_processes.h"
#include "xosd/checkpoint/layer_archive.h"
#include "xosd/container/namespaces.h"
#include "xosd/container/session_keyring.h"

namespace xos {
namespace {

namespace fs = std::filesystem;

Outcome<std::string> read_manifest(int root) {
    UniqueFd file = open_beneath(root, kManifest, O_RDONLY | O_NONBLOCK);
    if (!file) return failure_errno(errno, "the checkpoint has no readable manifest");
    std::string text(kManifestMax + 1, '\0');
    size_t size = 0;
    for (ssize_t n = 0; (n = read(file.get(), text.data() + size, text.size() - size)) != 0;
         size += static_cast<size_t>(n))
        if (n < 0) return failure_errno(errno, "cannot read the checkpoint's manifest");
    text.resize(size);
    return text;
}

Outcome<void> check_manifest(const RestoreRequest& request, const Manifest& manifest) {
    utsname system{};
    uname(&system);
    if (manifest.job != request.job || manifest.generation != request.generation)
        return failure(Errc::invalid, "the checkpoint is of {} generation {}, not of {} generation {}",
                       manifest.job, manifest.generation, request.job, request.generation);
    if (manifest.driver != "criu")
        return failure(Errc::invalid, "the checkpoint was made by {}, not by criu", manifest.driver);
    if (manifest.architecture != system.machine)
        return failure(Errc::unavailable, "the checkpoint needs a node of architecture {}",
                       manifest.architecture);
    if (manifest.uid != request.uid || manifest.inner_root != request.inner_root ||
        manifest.home != request.home)
        return failure(Errc::conflict,
                       "the checkpoint belongs to uid {} with home {}, not to uid {} with home {}",
                       manifest.uid, manifest.home, request.uid, request.home);
    return {};
}

// Every file of the generation is in the manifest and is what it says; CRIU itself notices no flipped bit.
Outcome<void> check_digests(const std::string& path, int root, const Manifest& manifest) {
    for (const auto& [name, stored] : manifest.files) {
        auto found = digest_file(root, name);
        if (!found) return std::unexpected(found.error());
        if (found->size != stored.size || found->digest != stored.digest)
            return failure(Errc::invalid, "the checkpoint is damaged: {} is not what was written", name);
    }
    std::error_code error;
    for (const auto& entry : fs::recursive_directory_iterator(path, error)) {
        const std::string name = fs::relative(entry.path(), path, error);
        if (!entry.is_directory(error) && name != kManifest && !manifest.files.contains(name))
            return failure(Errc::invalid, "the checkpoint is damaged: {} is not of it", name);
    }
    if (error) return failure(Errc::system, "cannot list {}: {}", path, error.message());
    return {};
}

Outcome<Manifest> verify(const RestoreRequest& request) {
    const std::string path = generation_path(request.directory, request.generation);
    UniqueFd root(open(path.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!root) return failure(Errc::not_found, "{} has no checkpoint {}", request.job, request.generation);
    auto text = read_manifest(root.get());
    if (!text) return std::unexpected(text.error());
    if (!request.manifest_digest.empty() && digest_text(*text) != request.manifest_digest)
        return failure(Errc::invalid, "the checkpoint is damaged: {} is not what was written", kManifest);
    auto manifest = parse_manifest(*text);
    if (!manifest) return manifest;
    if (auto checked = check_manifest(request, *manifest); !checked) return std::unexpected(checked.error());
    if (auto checked = check_digests(path, root.get(), *manifest); !checked)
        return std::unexpected(checked.error());
    return manifest;
}

Outcome<UniqueFd> open_output(int home, const OutputFile& output, uint32_t uid) {
    UniqueFd file = open_beneath(home, output.path, O_WRONLY | O_NONBLOCK | O_NOCTTY);
    struct stat st{};
    if (!file || fstat(file.get(), &st) != 0)
        return failure_errno(errno, "cannot open the job's output {} in its home", output.path);
    if (!S_ISREG(st.st_mode) || st.st_uid != uid)
        return failure(Errc::conflict, "the job's output {} is no longer a file of its own", output.path);
    if (static_cast<uint64_t>(st.st_size) < output.size)
        return failure(
            Errc::conflict,
            "the job's output {} has {} bytes, but had {} at the checkpoint: put the file back first",
            output.path, st.st_size, output.size);
    return file;
}

// Two passes: no file is cut where another one makes the restart impossible.
Outcome<void> cut_outputs(const Manifest& manifest) {
    UniqueFd slash(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
    UniqueFd home = open_beneath(slash.get(), manifest.home, O_PATH | O_DIRECTORY);
    if (!home) return failure_errno(errno, "cannot open the home {}", manifest.home);
    std::vector<std::pair<UniqueFd, uint64_t>> files;
    for (const OutputFile& output : manifest.outputs) {
        auto file = open_output(home.get(), output, manifest.uid);
        if (!file) return std::unexpected(file.error());
        files.emplace_back(std::move(*file), output.size);
    }
    for (const auto& [file, size] : files)
        if (ftruncate(file.get(), static_cast<off_t>(size)) != 0)
            return failure_errno(errno, "cannot cut an output file to its size at the checkpoint");
    return {};
}

// The restored network namespace is empty, its loopback is down: addresses must be there before sockets are
// bound.
Outcome<void> raise_loopback_of(pid_t pid) {
    UniqueFd its(open(compose("/proc/{}/ns/net", pid).c_str(), O_RDONLY | O_CLOEXEC));
    UniqueFd ours(open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
    if (!its || !ours || setns(its.get(), CLONE_NEWNET) != 0)
        return failure_errno(errno, "cannot enter the job's network namespace");
    const bool raised = raise_loopback();
    const int error = errno;
    if (setns(ours.get(), CLONE_NEWNET) != 0)
        return failure_errno(errno, "cannot leave the job's network namespace");
    if (!raised) return failure_errno(error, "cannot set the job's loopback interface up");
    return {};
}

Outcome<void> join_cgroup(int cgroup_fd) {
    UniqueFd file(openat(cgroup_fd, "cgroup.procs", O_WRONLY | O_CLOEXEC));
    if (!file || write(file.get(), "0", 1) != 1) return failure_errno(errno, "cannot join the job's cgroup");
    return {};
}

Outcome<void> prepare(const RestoreRequest& request, const Manifest& manifest, const std::string& log) {
    const std::string archive = generation_path(request.directory, request.generation) + '/' + kLayerArchive;
    auto step = make_layer_dirs(request.layer);
    if (step) step = unpack_layer(archive, request.layer, log + "/tar.log");
    if (step) step = leave_mount_namespace();
    if (step) step = mount_root(request.layer);
    if (step) step = join_session_keyring(request.credential);
    if (step) step = cut_outputs(manifest);
    if (step) step = join_cgroup(request.cgroup_fd);
    return step;
}

Outcome<OperationResult> restore(const RestoreRequest& request, const std::string& log) {
    auto manifest = verify(request);
    if (!manifest) return std::unexpected(manifest.error());
    if (auto prepared = prepare(request, *manifest, log); !prepared) return std::unexpected(prepared.error());
    CriuRun run;
    run.images = generation_path(request.directory, request.generation) + '/' + kImages;
    run.work = log;
    run.externals = external_mounts(request.layer, request.home);
    pid_t init = 0;  // CRIU tells it once, before the network namespace is the job's own
    run.hook = [&](const std::string& action, pid_t root) -> Outcome<void> {
        if (action == "setup-namespaces") init = root;
        if (action == "post-setup-namespaces") return raise_loopback_of(init);
        if (action != "pre-resume") return {};
        auto members = read_members(request.cgroup_fd);
        return members ? arm_timers(*members) : std::unexpected(members.error());
    };
    auto pid = run_criu_restore(run, request.layer + kMountPoint);
    if (!pid) return std::unexpected(pid.error());
    auto process = open_process(*pid);
    if (!process) return std::unexpected(process.error());
    return OperationResult{"", std::move(*process)};
}

}  // namespace

Outcome<OperationResult> restore_generation(const RestoreRequest& request) {
    const std::string log = log_path(request.directory, request.generation);
    std::error_code error;
    fs::remove_all(log, error);
    if (mkdir(log.c_str(), 0700) != 0)
        return failure_errno(errno, "{} has no checkpoint {}", request.job, request.generation);
    auto result = restore(request, log);
    fs::remove_all(log, error);
    return result;
}

}  // namespace xos
