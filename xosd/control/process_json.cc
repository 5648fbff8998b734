#include "xosd/control/process_json.h"

namespace xos {
namespace {

Json describe(const ProcessInfo& process) {
    JsonObject object;
    object.set("pid", Json::integer(static_cast<uint64_t>(process.pid)))
        .set("parent", Json::integer(static_cast<uint64_t>(process.parent_pid)))
        .set("uid", Json::integer(process.uid))
        .set("state", Json::string(std::string(1, process.state)))
        .set("started", Json::signed_integer(process.start_time_us))
        .set("cpuUsec", Json::integer(process.cpu_time_us))
        .set("memory", Json::integer(process.memory))
        .set("threads", Json::integer(process.threads))
        .set("comm", Json::string(process.comm))
        .set("escaped", Json::boolean(process.escaped))
        .set("command", Json::string(process.command_line.empty() ? process.comm : process.command_line));
    if (process.container_pid > 0)
        object.set("containerPid", Json::integer(static_cast<uint64_t>(process.container_pid)));
    if (process.identity != 0) object.set("identity", Json::integer(process.identity));
    return object.build();
}

}  // namespace

Json describe_live(const std::vector<ProcessInfo>& processes) {
    JsonArray list;
    for (const ProcessInfo& process : processes)
        if (!process.exit_status && process.state != 'X') list.add(describe(process));
    return list.build();
}

}  // namespace xos
