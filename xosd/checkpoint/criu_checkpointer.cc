#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "xosd/checkpoint/checkpointer.h"
#include "xosd/checkpoint/criu_session.h"
#include "xosd/checkpoint/frozen_cgroup.h"
#include "xosd/checkpoint/generation.h"
#include "xosd/checkpoint/job_processes.h"

namespace xos {
namespace {

constexpr std::chrono::seconds kProbeLimit{20};

class CriuCheckpointer final : public Checkpointer {
  public:
    explicit CriuCheckpointer(std::string socket_options) : socket_options_(std::move(socket_options)) {}
    std::string name() const override { return "criu"; }

    Outcome<void> probe() const override {
        auto operation = begin_operation("probe of CRIU", kProbeLimit, {}, []() -> Outcome<OperationResult> {
            auto version = criu_version();
            if (!version) return std::unexpected(version.error());
            return OperationResult{*version, {}};
        });
        if (!operation) return std::unexpected(operation.error());
        auto result = finish_operation(std::move(*operation));
        if (!result) return std::unexpected(result.error());
        return {};
    }

    Outcome<void> preflight(const DumpRequest& request) const override {
        auto members = read_members(request.cgroup_fd);
        if (!members) return std::unexpected(members.error());
        return find_obstacle(*members, request.pid, request.home);
    }

    Outcome<Operation> start_dump(const DumpRequest& request) const override {
        auto cgroup = std::make_shared<UniqueFd>(fcntl(request.cgroup_fd, F_DUPFD_CLOEXEC, 0));
        if (!*cgroup) return failure_errno(errno, "cannot use the cgroup of {}", request.job);
        DumpRequest owned = request;
        owned.cgroup_fd = cgroup->get();
        const int keep[] = {cgroup->get()};
        auto operation = begin_operation("checkpoint of " + request.job, request.limit, keep,
                                         [&] { return dump_generation(owned, socket_options_); });
        if (operation)
            operation->cleanup = [directory = request.directory, cgroup] {
                (void)write_cgroup(cgroup->get(), "cgroup.freeze", '0');  // a killed child cannot do it
                (void)remove_unfinished_dumps(directory);
            };
        return operation;
    }

    Outcome<Operation> start_restore(const RestoreRequest& request) const override {
        struct stat st{};
        if (lstat(request.layer.c_str(), &st) == 0)
            return failure(Errc::exists, "the layer {} exists already", request.layer);
        auto cgroup = std::make_shared<UniqueFd>(fcntl(request.cgroup_fd, F_DUPFD_CLOEXEC, 0));
        if (!*cgroup) return failure_errno(errno, "cannot use the cgroup of {}", request.job);
        RestoreRequest owned = request;
        owned.cgroup_fd = cgroup->get();
        const int keep[] = {cgroup->get()};
        auto operation = begin_operation("restart of " + request.job, request.limit, keep,
                                         [&] { return restore_generation(owned); });
        if (operation)
            operation->cleanup = [layer = request.layer, cgroup] {
                (void)write_cgroup(cgroup->get(), "cgroup.kill", '1');
                (void)remove_layer(layer);
            };
        return operation;
    }

  private:
    std::string socket_options_;
};

}  // namespace

std::unique_ptr<Checkpointer> make_criu_checkpointer(std::string socket_options) {
    return std::make_unique<CriuCheckpointer>(std::move(socket_options));
}

}  // namespace xos
