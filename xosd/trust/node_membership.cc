#include "xosd/trust/node_membership.h"

#include <sys/stat.h>

#include <algorithm>

#include "common/file.h"
#include "common/log.h"

namespace xos {
namespace {

constexpr size_t kRecordMax = 16 * 1024;

std::string path_of(const std::string& directory, std::string_view vo, const char* file) {
    return compose("{}/{}/{}", directory, vo, file);
}

}  // namespace

std::optional<std::string> read_node_id(std::string_view vo, const std::string& directory) {
    const std::string path = path_of(directory, vo, kNodeRecordFile);
    const auto text = read_file(path, kRecordMax);
    if (!text) {
        if (text.error().code != Errc::not_found)
            log(Level::error, "node record not read", {{"file", path}, {"reason", text.error().message}});
        return std::nullopt;
    }
    const auto json = Json::parse(*text, {.bytes = kRecordMax, .depth = 3}, "node record");
    if (!json) return std::nullopt;
    const JsonNode root = json->root();
    auto record = read_node(root);
    if (!record) {
        log(Level::error, "node record not read", {{"file", path}, {"reason", record.error().message}});
        return std::nullopt;
    }
    return std::move(record->id);
}

Outcome<void> check_takes_jobs(const TrustedVo& vo, const std::string& directory) {
    const std::string& name = vo.bundle.vo.name;
    // most VOs drain no node: no file is read for them
    if (std::ranges::none_of(vo.bundle.nodes, &NodeRecord::draining)) return {};
    const auto id = read_node_id(name, directory);
    const auto node =
        std::ranges::find_if(vo.bundle.nodes, [&](const NodeRecord& one) { return one.id == id; });
    if (node == vo.bundle.nodes.end() || !node->draining) return {};
    return failure(Errc::denied, "this node, {}, drains: VO {} starts no new jobs on it", node->name, name);
}

std::string find_host_certificate(const std::vector<std::string>& vos, const std::string& directory) {
    for (const std::string& vo : vos) {
        std::string path = path_of(directory, vo, kHostCertificateFile);
        struct stat status{};
        if (lstat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode)) return path;
    }
    return "";
}

}  // namespace xos
