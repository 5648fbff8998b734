#include "xosd/session/session_terminals.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <charconv>
#include <set>
#include <string>

#include "common/failure.h"
#include "common/file.h"
#include "libxos/unique_fd.h"

namespace xos {
namespace {

// Documentation/admin-guide/devices.txt: pseudo-terminal slaves
constexpr unsigned kPtsMajorFirst = 136;
constexpr unsigned kPtsMajorLast = 143;
constexpr unsigned kPtsPerMajor = 256;
constexpr int kTtyField = 7;  // proc_pid_stat(5), tty_nr

// The number below /dev/pts of pid's controlling terminal; -1: it has none of that kind.
int find_pts(pid_t pid) {
    const auto stat = read_file(compose("/proc/{}/stat", pid), 4096);
    if (!stat) return -1;
    size_t at = stat->rfind(')');  // the command before it may hold anything
    for (int field = 2; at != std::string::npos && field < kTtyField; ++field) at = stat->find(' ', at + 1);
    if (at == std::string::npos) return -1;
    int device = 0;
    std::from_chars(stat->data() + at + 1, stat->data() + stat->size(), device);
    const auto number = static_cast<dev_t>(static_cast<unsigned>(device));
    if (major(number) < kPtsMajorFirst || major(number) > kPtsMajorLast) return -1;
    return static_cast<int>((major(number) - kPtsMajorFirst) * kPtsPerMajor + minor(number));
}

bool write_to(int pts, uint32_t uid, std::string_view text) {
    const UniqueFd fd(
        open(compose("/dev/pts/{}", pts).c_str(), O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW));
    struct stat st{};
    if (!fd || fstat(fd.get(), &st) != 0 || !S_ISCHR(st.st_mode) || st.st_uid != uid) return false;
    return write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

}  // namespace

size_t write_to_terminals(std::span<const pid_t> processes, uint32_t uid, std::string_view text) {
    std::set<int> terminals;
    for (const pid_t pid : processes)
        if (const int pts = find_pts(pid); pts >= 0) terminals.insert(pts);
    const std::string line = "\r\n" + std::string(text) + "\r\n";
    size_t written = 0;
    for (const int pts : terminals) written += write_to(pts, uid, line) ? 1 : 0;
    return written;
}

}  // namespace xos
