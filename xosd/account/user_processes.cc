#include "xosd/account/user_processes.h"

#include <dirent.h>

#include <fstream>
#include <memory>
#include <sstream>

namespace xos {
namespace {

constexpr size_t kNamed = 3;

// proc_pid_status(5): "Uid:" and four numbers. One that has ended meanwhile is nobody's.
bool is_of(const std::string& directory, uint32_t uid, std::string& name) {
    std::ifstream status(directory + "/status");
    std::string line;
    while (std::getline(status, line)) {
        if (line.starts_with("Name:\t")) name = line.substr(6);
        if (!line.starts_with("Uid:")) continue;
        std::istringstream numbers(line.substr(4));
        for (uint32_t number = 0; numbers >> number;)
            if (number == uid) return true;
        return false;
    }
    return false;
}

}  // namespace

Outcome<std::string> find_processes(uint32_t uid, const std::string& proc) {
    const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir(proc.c_str()), closedir);
    if (!directory) return failure_errno(errno, "cannot list {}", proc);
    std::string found, name;
    size_t count = 0;
    while (const dirent* entry = readdir(directory.get())) {
        const std::string pid = entry->d_name;
        if (pid.find_first_not_of("0123456789") != std::string::npos) continue;
        if (!is_of(proc + "/" + pid, uid, name)) continue;
        for (char& c : name)
            if (c < ' ' || c > '~') c = '?';
        if (++count <= kNamed) found += compose("{}{} ({})", found.empty() ? "" : ", ", pid, name);
    }
    if (count > kNamed) found += compose(" and {} more", count - kNamed);
    return found;
}

}  // namespace xos
