#include "xosd/identity/accounts_writer.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <filesystem>

#include "xosd/identity/accounts_image.h"

// Replacement, step by step; a process may die between any two of them:
//   1. the new file is written whole, beside the old one      (a crash leaves .NAME.new: removed at the next
//   start)
//   2. the old file gets a second name, .NAME.old             (both names are one file: the second is
//   removed)
//   3. the new file is renamed over NAME
//   4. `retired` is set in .NAME.old                          (.NAME.old is another file: it is retired then)
//   5. .NAME.old is removed
// Without its second name the old file could not be found any more after a crash between 3 and 4, and
// processes that map it would never learn that it is old.

namespace xos {
namespace {

std::string new_name(const std::string& name) {
    return "." + name + ".new";
}
std::string old_name(const std::string& name) {
    return "." + name + ".old";
}

class Mapping {
  public:
    Mapping(int fd, size_t size) : size_(size) {
        data_ = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    }
    ~Mapping() {
        if (data_ != MAP_FAILED) munmap(data_, size_);
    }
    Mapping(const Mapping&) = delete;
    Mapping& operator=(const Mapping&) = delete;
    [[nodiscard]] char* data() const { return data_ == MAP_FAILED ? nullptr : static_cast<char*>(data_); }

  private:
    void* data_;
    size_t size_;
};

// The header of the file at name; Errc::not_found where there is none or it is no accounts file of any
// version.
Result<AccountsHeader> read_header(int directory, const std::string& name) {
    const UniqueFd fd(openat(directory, name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    AccountsHeader header{};
    if (!fd || pread(fd.get(), &header, sizeof header, 0) != sizeof header ||
        memcmp(header.magic, kAccountsMagic, sizeof header.magic) != 0)
        return fail(Errc::not_found, "");
    return header;
}

// Makes .NAME.new: whole, readable for everybody, with its blocks really there.
Outcome<void> write_beside(int directory, const std::string& path, const std::string& name,
                           const AccountsImage& image, uint64_t generation, bool durable) {
    const UniqueFd fd(
        openat(directory, name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd) return failure_errno(errno, "cannot make the new accounts file beside {}", path);
    // a hole that the disk cannot fill later would be a SIGBUS in whoever touches it, here and in every
    // reader
    if (const int sys = posix_fallocate(fd.get(), 0, static_cast<off_t>(image.size())); sys != 0)
        return failure_errno(sys, "cannot reserve {} bytes for the accounts file {} (the old one stays)",
                             image.size(), path);
    {
        const Mapping mapping(fd.get(), image.size());
        if (mapping.data() == nullptr)
            return failure_errno(errno, "cannot map the new accounts file of {}", path);
        if (Outcome<void> written = image.write(mapping.data(), generation); !written) return written;
    }
    if (durable && fsync(fd.get()) != 0)
        return failure_errno(errno, "cannot sync the new accounts file of {}", path);
    if (fchmod(fd.get(), 0644) != 0)
        return failure_errno(errno, "cannot make the new accounts file of {} readable", path);
    return {};
}

}  // namespace

Outcome<AccountsWriter::Target> AccountsWriter::open_target(const std::string& path, bool durable) {
    const std::filesystem::path whole(path);
    Target target;
    target.path = path;
    target.name = whole.filename();
    target.durable = durable;
    target.directory.reset(::open(whole.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    struct stat st{};
    if (!target.directory || fstat(target.directory.get(), &st) != 0)
        return failure_errno(errno, "cannot open the directory of {}", path);
    if (st.st_uid != geteuid() || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return failure(Errc::denied,
                       "the directory of {} belongs to uid {} with mode {:o}; it must be root's alone", path,
                       st.st_uid, st.st_mode & 07777);
    return target;
}

Outcome<void> AccountsWriter::retire_aside(const Target& target) {
    const int directory = target.directory.get();
    const std::string aside = old_name(target.name);
    {
        // in the page cache, which every mapping of the file shows at once
        const UniqueFd fd(openat(directory, aside.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
        const uint32_t retired = 1;
        // what is no accounts file cannot have been mapped by anybody
        if (read_header(directory, aside) &&
            (!fd ||
             pwrite(fd.get(), &retired, sizeof retired, offsetof(AccountsHeader, retired)) != sizeof retired))
            return failure_errno(
                errno,
                "{} is replaced, but the old file could not be retired: running programs keep seeing "
                "it until the next replacement",
                target.path);
    }
    if (unlinkat(directory, aside.c_str(), 0) != 0)
        return failure_errno(errno, "cannot remove the retired file of {}", target.path);
    return {};
}

Outcome<void> AccountsWriter::recover(const Target& target) {
    const int directory = target.directory.get();
    if (unlinkat(directory, new_name(target.name).c_str(), 0) != 0 && errno != ENOENT)
        return failure_errno(errno, "cannot remove the unfinished file of {}", target.path);
    struct stat aside{}, current{};
    if (fstatat(directory, old_name(target.name).c_str(), &aside, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT) return {};
        return failure_errno(errno, "cannot look at the old file of {}", target.path);
    }
    const bool same = fstatat(directory, target.name.c_str(), &current, AT_SYMLINK_NOFOLLOW) == 0 &&
                      aside.st_ino == current.st_ino && aside.st_dev == current.st_dev;
    if (!same) return retire_aside(target);
    if (unlinkat(directory, old_name(target.name).c_str(), 0) != 0)
        return failure_errno(errno, "cannot remove the second name of {}", target.path);
    return {};
}

Outcome<AccountsWriter> AccountsWriter::open(const std::string& run_path, const std::string& boot_path) {
    AccountsWriter writer;
    for (const auto& [path, durable] : {std::pair(boot_path, true), std::pair(run_path, false)}) {
        if (path.empty()) continue;
        Outcome<Target> target = open_target(path, durable);
        if (!target) return std::unexpected(target.error());
        if (Outcome<void> recovered = recover(*target); !recovered) return std::unexpected(recovered.error());
        if (const Result<AccountsHeader> header = read_header(target->directory.get(), target->name))
            writer.generation_ = std::max(writer.generation_, header->generation);
        writer.targets_.push_back(std::move(*target));
    }
    return writer;
}

Outcome<void> AccountsWriter::replace(const AccountsSnapshot& snapshot) {
    const Outcome<AccountsImage> image = AccountsImage::plan(snapshot, AccountsImage::Room::some);
    if (!image) return std::unexpected(image.error());
    ++generation_;
    for (const Target& target : targets_) {
        const int directory = target.directory.get();
        const std::string beside = new_name(target.name), aside = old_name(target.name);
        if (Outcome<void> recovered = recover(target); !recovered) return recovered;
        if (Outcome<void> written =
                write_beside(directory, target.path, beside, *image, generation_, target.durable);
            !written) {
            unlinkat(directory, beside.c_str(), 0);
            return written;
        }
        const bool replaces = linkat(directory, target.name.c_str(), directory, aside.c_str(), 0) == 0;
        if (!replaces && errno != ENOENT)
            return failure_errno(errno, "cannot give the old accounts file {} its second name", target.path);
        if (renameat(directory, beside.c_str(), directory, target.name.c_str()) != 0)
            return failure_errno(errno, "cannot put the new accounts file in the place of {}", target.path);
        if (target.durable && fsync(directory) != 0)
            return failure_errno(errno, "cannot sync the directory of {}", target.path);
        if (!replaces) continue;
        if (Outcome<void> retired = retire_aside(target); !retired) return retired;
    }
    return {};
}

}  // namespace xos
