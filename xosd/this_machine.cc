#include "xosd/this_machine.h"

#include <unistd.h>

#include "common/vo/node_record.h"

namespace xos {

std::string read_host_name() {
    char buffer[kHostNameMax + 1] = {};
    if (gethostname(buffer, sizeof buffer - 1) != 0) return "";
    std::string name(buffer);
    for (char& c : name)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return is_host_name(name) ? name : "";
}

uint32_t count_cpus() {
    const long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count > 0 ? static_cast<uint32_t>(count) : 0;
}

uint64_t count_memory() {
    const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    if (pages <= 0 || page <= 0) return 0;
    return static_cast<uint64_t>(pages) * static_cast<uint64_t>(page) / (1024 * 1024);
}

}  // namespace xos
