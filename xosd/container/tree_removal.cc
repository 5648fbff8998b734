#include "xosd/container/tree_removal.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <string_view>

#include "libxos/unique_fd.h"

namespace xos {
namespace {

using Directory = std::unique_ptr<DIR, int (*)(DIR*)>;

// A directory right below parent, on the same mount. errno says why it is none.
UniqueFd open_child(int parent, const char* name) {
    open_how how{};
    how.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;
    return UniqueFd(static_cast<int>(syscall(SYS_openat2, parent, name, &how, sizeof how)));
}

std::string printable(std::string_view text) {
    std::string out;
    for (const char c : text) out += c < ' ' || c == 0x7f ? '?' : c;
    return out;
}

const char* advice_of(int error) {
    switch (error) {
        case EPERM:
            return "it is immutable or append-only, or its directory is: lsattr shows it, chattr -i -a ends "
                   "it";
        case EXDEV:
        case EBUSY:
            return "a file system is mounted there: umount it";
        default:
            return strerror(error);
    }
}

// Every directory that is found below another is moved up to the top before it is emptied: so nothing is ever
// deeper than two levels for us, and what a crash leaves is a flatter tree of the same kind.
class TreeRemoval {
  public:
    TreeRemoval(UniqueFd top, std::string path) : top_(std::move(top)), path_(std::move(path)) {}

    Outcome<void> run() {
        do {
            progress_ = false;
            stuck_ = 0;
            if (auto swept = sweep_top(); !swept) return swept;
        } while (progress_);
        if (stuck_ == 0) return {};
        return failure(Errc::conflict, "cannot remove {}: {}{}; then do this again", first_stuck_,
                       advice_of(first_error_),
                       stuck_ > 1 ? compose(" ({} more like it)", stuck_ - 1) : std::string());
    }

  private:
    // Calls each with every name but . and ..; a failure to list is one of path.
    Outcome<void> for_each_name(UniqueFd fd, const std::string& path,
                                const std::function<void(const char*)>& each) {
        const Directory directory(fdopendir(fd.get()), closedir);
        if (!directory) return failure_errno(errno, "cannot list {}", printable(path));
        (void)fd.release();
        errno = 0;
        while (const dirent* entry = readdir(directory.get())) {
            const std::string_view name = entry->d_name;
            if (name != "." && name != "..") each(entry->d_name);
            errno = 0;
        }
        if (errno != 0) return failure_errno(errno, "cannot list {}", printable(path));
        return {};
    }

    Outcome<void> sweep_top() {
        UniqueFd listed(openat(top_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (!listed) return failure_errno(errno, "cannot open {}", path_);
        return for_each_name(std::move(listed), path_, [&](const char* name) {
            if (unlinkat(top_.get(), name, 0) == 0)
                progress_ = true;
            else if (errno == EISDIR)
                empty_child(name);
            else
                note_stuck(name, "", errno);
        });
    }

    void empty_child(const char* name) {
        UniqueFd fd = open_child(top_.get(), name);
        // a directory no longer: the next sweep sees what it is now
        if (!fd && (errno == ENOTDIR || errno == ELOOP)) return;
        if (!fd) return note_stuck(name, "", errno);
        UniqueFd listed(openat(fd.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (!listed) return note_stuck(name, "", errno);
        const auto listing = for_each_name(std::move(listed), path_ + "/" + name, [&](const char* entry) {
            if (unlinkat(fd.get(), entry, 0) == 0)
                progress_ = true;
            else if (errno == EISDIR)
                move_up(fd.get(), name, entry);
            else
                note_stuck(name, entry, errno);
        });
        if (!listing) return note_stuck(name, "", EIO);
        if (unlinkat(top_.get(), name, AT_REMOVEDIR) == 0)
            progress_ = true;
        else if (errno != ENOTEMPTY && errno != EEXIST)  // what keeps it is told where it lies
            note_stuck(name, "", errno);
    }

    void move_up(int fd, const char* name, const char* entry) {
        if (unlinkat(fd, entry, AT_REMOVEDIR) == 0) {
            progress_ = true;
            return;
        }
        for (;;) {
            // one of its user's that has the name already is passed over; an empty one is lost, as it shall
            // be
            const std::string fresh = "#" + std::to_string(next_++);
            if (renameat(fd, entry, top_.get(), fresh.c_str()) == 0) break;
            if (errno != ENOTEMPTY && errno != EEXIST && errno != ENOTDIR && errno != EISDIR)
                return note_stuck(name, entry, errno);
        }
        progress_ = true;
    }

    void note_stuck(std::string_view name, std::string_view entry, int error) {
        if (error == ENOENT) return;
        if (stuck_++ != 0) return;
        first_stuck_ = printable(compose("{}/{}{}{}", path_, name, entry.empty() ? "" : "/", entry));
        first_error_ = error;
    }

    UniqueFd top_;
    std::string path_;
    bool progress_ = false;
    uint64_t next_ = 0;
    uint64_t stuck_ = 0;
    std::string first_stuck_;
    int first_error_ = 0;
};

}  // namespace

Outcome<void> remove_directory(int parent, const std::string& name, const std::string& path) {
    UniqueFd top = open_child(parent, name.c_str());
    if (!top && errno == ENOENT) return {};
    if (!top)
        return failure(Errc::conflict, "cannot remove {}: {}; then do this again", path, advice_of(errno));
    if (auto removed = TreeRemoval(std::move(top), path).run(); !removed) return removed;
    if (unlinkat(parent, name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT) return {};
    return failure(Errc::conflict, "cannot remove {}: {}; then do this again", path, advice_of(errno));
}

}  // namespace xos
