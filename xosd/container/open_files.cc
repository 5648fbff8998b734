#include "xosd/container/open_files.h"

#include <sys/resource.h>

#include <algorithm>

#include "common/log.h"

namespace xos {
namespace {

constexpr rlim_t kOpenFiles = 16384;  // XOS_BINDINGS_MAX and what else there is

rlim_t& started_with() {
    static rlim_t limit = 0;  // 0: not raised
    return limit;
}

}  // namespace

void raise_open_files() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= kOpenFiles) return;
    const rlim_t before = limit.rlim_cur;
    limit.rlim_cur = std::min(kOpenFiles, limit.rlim_max);
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    started_with() = before;
    if (limit.rlim_cur < kOpenFiles)
        log(Level::warning, "few files may be open: not everything can be tracked",
            {{"limit", std::to_string(limit.rlim_cur)}});
}

void restore_open_files() {
    rlimit limit{};
    if (started_with() == 0 || getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = started_with();
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace xos
