#include "xosd/container/container.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "libxos/names.h"
#include "xosd/container/layer.h"
#include "xosd/container/namespaces.h"
#include "xosd/container/session_keyring.h"

namespace xos {
namespace {

constexpr uint32_t kNobody = 65534;  // what unmapped ids look like inside: the loader tells outsiders by it
constexpr size_t kExitRecordMax = 1024;
constexpr std::chrono::seconds kRemoveDeadline{600};

bool is_job_name(const std::string& name) {
    return !name.empty() && name.size() <= 63 && std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    });
}

bool is_member_id(uint32_t id) {
    return id != 0 && id != kNobody && id != UINT32_MAX;
}

// Such names need no escapes in /proc/PID/mountinfo and in CRIU's "mnt[INSIDE]:OUTSIDE".
bool is_mount_name(const std::string& path) {
    return std::ranges::all_of(path, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               std::string_view("/._-+@").contains(c);
    });
}

bool has_nul(const std::vector<std::string>& list) {
    return std::ranges::any_of(list, [](const std::string& text) { return text.contains('\0'); });
}

Outcome<void> check_spec(const ContainerSpec& spec) {
    const auto refuse = [&](std::string_view why) {
        return failure(Errc::invalid, "cannot start {}: {}", spec.job, why);
    };
    if (!is_job_name(spec.job))
        return failure(Errc::invalid, "a job's name is [a-z0-9-], at most 63 characters");
    if (!is_member_id(spec.uid) || !is_member_id(spec.gid) || !is_member_id(spec.inner_root) ||
        !std::ranges::all_of(spec.groups, is_member_id))
        return refuse("uid, gid, groups and inner root must not be 0 or 65534");
    if (spec.inner_root == spec.uid || spec.inner_root == spec.gid ||
        std::ranges::contains(spec.groups, spec.inner_root))
        return refuse("the inner root's number is the user's own");
    if (spec.groups.size() > kJobGroupsMax) return refuse("too many groups");
    if (spec.argv.empty() || spec.argv[0].empty()) return refuse("there is no program to run");
    if (has_nul(spec.argv) || has_nul(spec.environment) || spec.output.contains('\0'))
        return refuse("an argument or environment entry holds a NUL byte");
    if (!is_plain_path(spec.home) || !is_plain_path(spec.layer))
        return refuse("home and layer must be plain absolute paths");
    if (!is_mount_name(spec.home) || !is_mount_name(spec.layer))
        return refuse("home and layer must consist of letters, digits and the characters / . _ - + @");
    if (!spec.directory.starts_with('/') || spec.directory.contains('\0'))
        return refuse("the directory must be absolute");
    if (spec.stdio == JobStdio::file && !spec.output.starts_with('/'))
        return refuse("the output file must be absolute");
    // both are parts of overlayfs's option string
    if (spec.layer.find_first_of(",:\\") != std::string::npos)
        return refuse("the layer's path holds one of , : \\");
    for (const LayerFile& file : spec.files)
        if (!is_plain_path(file.path) || !is_private_path(file.path))
            return refuse("a layer file must lie below /run, /tmp, /home or another private directory");
    return {};
}

// A service manager may protect xosd from the kernel's out-of-memory killer; its jobs are not meant by that.
Outcome<void> forget_oom_protection() {
    UniqueFd file(open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
    if (!file || write(file.get(), "0", 1) != 1) return failure_errno(errno, "cannot reset oom_score_adj");
    return {};
}

Outcome<OperationResult> make_container(const ContainerSpec& spec) {
    auto step = make_layer_dirs(spec.layer);
    if (step) step = fill_layer(spec);
    if (step) step = leave_mount_namespace();
    if (step) step = mount_layer(spec.layer, spec.home, spec.uid);
    if (step) step = join_session_keyring(spec.credential);
    if (step) step = forget_oom_protection();
    if (!step) return std::unexpected(step.error());
    auto process = enter_namespaces(spec);
    if (!process) return std::unexpected(process.error());
    return OperationResult{"", std::move(*process)};
}

template <typename Number>
bool take_number(std::string_view& text, Number& out) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (error != std::errc()) return false;
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    return true;
}

std::optional<ExitRecord> parse_exit_record(std::string_view text) {
    ExitRecord record;
    if (!text.ends_with('\n')) return std::nullopt;
    text.remove_suffix(1);
    if (text.starts_with("status ")) {
        text.remove_prefix(7);
        return take_number(text, record.wait_status) && text.empty() ? std::optional(record) : std::nullopt;
    }
    if (!text.starts_with("exec ")) return std::nullopt;
    text.remove_prefix(5);
    if (!take_number(text, record.exec_error) || record.exec_error <= 0 || !text.starts_with(' '))
        return std::nullopt;
    record.exec_about = text.substr(1);
    return record;
}

}  // namespace

Outcome<Operation> begin_start(const ContainerSpec& spec) {
    if (auto checked = check_spec(spec); !checked) return std::unexpected(checked.error());
    struct stat st{};
    if (lstat(spec.layer.c_str(), &st) == 0)
        return failure(Errc::exists, "the layer {} exists already", spec.layer);
    UniqueFd cgroup(fcntl(spec.cgroup_fd, F_DUPFD_CLOEXEC, 0));
    if (!cgroup) return failure_errno(errno, "cannot use the cgroup of {}", spec.job);
    ContainerSpec owned = spec;
    owned.cgroup_fd = cgroup.get();
    const int keep[] = {cgroup.get()};
    auto operation =
        begin_operation("start of " + spec.job, kStartDeadline, keep, [&] { return make_container(owned); });
    if (!operation) return operation;
    operation->cleanup = [layer = spec.layer, kept = std::make_shared<UniqueFd>(std::move(cgroup))] {
        UniqueFd kill_file(openat(kept->get(), "cgroup.kill", O_WRONLY | O_CLOEXEC));
        // what is left in a cgroup that could not be killed keeps the layer busy, and its removal then fails
        // loudly
        if (kill_file && write(kill_file.get(), "1", 1) < 0) kill_file.reset();
        (void)remove_layer(layer);
    };
    return operation;
}

Outcome<ContainerProcess> finish_start(Operation operation) {
    auto result = finish_operation(std::move(operation));
    if (!result) return std::unexpected(result.error());
    return std::move(result->process);
}

Outcome<ContainerProcess> start_container(const ContainerSpec& spec) {
    auto operation = begin_start(spec);
    if (!operation) return std::unexpected(operation.error());
    return finish_start(std::move(*operation));
}

Outcome<Operation> begin_remove_layer(const std::string& layer) {
    return begin_operation("removal of " + layer, kRemoveDeadline, {}, [&]() -> Outcome<OperationResult> {
        if (auto removed = remove_layer(layer); !removed) return std::unexpected(removed.error());
        return OperationResult{};
    });
}

std::string ExitRecord::message() const {
    if (exec_error == 0) return {};
    char buffer[128];
    return compose("cannot execute {}: {}", exec_about, strerror_r(exec_error, buffer, sizeof buffer));
}

Outcome<std::optional<ExitRecord>> read_exit_record(const std::string& layer) {
    UniqueFd upper(open((layer + kUpper).c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!upper) return failure_errno(errno, "cannot open the layer {}", layer);
    UniqueFd file =
        open_beneath(upper.get(), compose("{}/{}", kLoaderDir, kLoaderExit), O_RDONLY | O_NONBLOCK);
    if (!file && errno == ENOENT) return std::nullopt;
    char bytes[kExitRecordMax];
    const ssize_t n = file ? read(file.get(), bytes, sizeof bytes) : -1;
    if (n < 0) return failure_errno(errno, "cannot read the exit record in {}", layer);
    auto record = parse_exit_record({bytes, static_cast<size_t>(n)});
    if (!record)
        return failure(Errc::invalid, "the exit record in {} is not one: the exit status is unknown", layer);
    return record;
}

}  // namespace xos
