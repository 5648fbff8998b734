#include "xosd/job/job_store.h"

#include "common/json.h"
#include "common/log.h"

namespace xos {
namespace {

constexpr const char* kSchema[] = {
    "CREATE TABLE job (id INTEGER PRIMARY KEY AUTOINCREMENT, login TEXT NOT NULL, uid INTEGER NOT NULL,"
    " request TEXT NOT NULL, state TEXT NOT NULL, submitted INTEGER NOT NULL, started INTEGER NOT NULL,"
    " ended INTEGER NOT NULL, pid INTEGER NOT NULL, start_time INTEGER NOT NULL, wait_status INTEGER,"
    " reason TEXT NOT NULL, generation INTEGER NOT NULL, cpu_usec INTEGER NOT NULL) STRICT;",
    "ALTER TABLE job ADD COLUMN walltime INTEGER NOT NULL DEFAULT 0",
    // a processor time of 0 was that of a job that had not ended, or could not be read
    "ALTER TABLE job ADD COLUMN runs INTEGER NOT NULL DEFAULT 0; ALTER TABLE job ADD COLUMN cpu_total_usec "
    "INTEGER;"
    " UPDATE job SET runs = 1, cpu_total_usec = cpu_usec WHERE cpu_usec != 0; ALTER TABLE job DROP COLUMN "
    "cpu_usec;"
    " ALTER TABLE job ADD COLUMN cpu_user_usec INTEGER; ALTER TABLE job ADD COLUMN cpu_system_usec INTEGER;"
    " ALTER TABLE job ADD COLUMN memory_peak INTEGER; ALTER TABLE job ADD COLUMN processes_peak INTEGER;"
    " ALTER TABLE job ADD COLUMN processes_total INTEGER; ALTER TABLE job ADD COLUMN wall_usec INTEGER;"
    " ALTER TABLE job ADD COLUMN began_usec INTEGER NOT NULL DEFAULT 0;"
    " ALTER TABLE job ADD COLUMN kill_at INTEGER NOT NULL DEFAULT 0;",
};

// job_request.h admits 1 MiB of arguments and as much environment; as JSON a byte may take six
constexpr size_t kRequestMax = 16 * 1024 * 1024;
constexpr size_t kArgumentsMax = 65536;

int64_t seconds(std::chrono::sys_seconds time) {
    return time.time_since_epoch().count();
}
std::chrono::sys_seconds time_of(int64_t seconds) {
    return std::chrono::sys_seconds(std::chrono::seconds(seconds));
}

// In the order of their columns.
constexpr std::optional<uint64_t> JobUsage::* kUsage[] = {
    &JobUsage::cpu_usec,       &JobUsage::cpu_user_usec,   &JobUsage::cpu_system_usec, &JobUsage::memory_peak,
    &JobUsage::processes_peak, &JobUsage::processes_total, &JobUsage::wall_usec};

std::optional<int64_t> signed_of(const std::optional<uint64_t>& number) {
    return number ? std::optional<int64_t>(static_cast<int64_t>(*number)) : std::nullopt;
}

std::string write_request(const JobRequest& request) {
    return JsonObject()
        .set("mode", Json::string(job_mode_name(request.mode)))
        .set("argv", Json::strings(request.argv))
        .set("environment", Json::strings(request.environment))
        .set("directory", Json::string(request.directory))
        .set("output", Json::string(request.output))
        .set("rows", Json::integer(request.rows))
        .set("columns", Json::integer(request.columns))
        .build()
        .format();
}

Outcome<std::vector<std::string>> read_strings(const JsonNode& node) {
    const auto count = node.array(kArgumentsMax);
    if (!count) return std::unexpected(count.error());
    std::vector<std::string> strings;
    for (size_t i = 0; i < *count; ++i) {
        const JsonNode element = node.at(i);
        auto text = element.string(kRequestMax);
        if (!text) return std::unexpected(text.error());
        strings.push_back(*std::move(text));
    }
    return strings;
}

Outcome<JobRequest> read_request(std::string_view text) {
    const auto json = Json::parse(text, {.bytes = kRequestMax, .depth = 4}, "job record");
    if (!json) return std::unexpected(json.error());
    const JsonNode root = json->root();
    const auto argv = root.field("argv"), environment = root.field("environment");
    const auto mode = root.text("mode", 16);
    const auto directory = root.string("directory", 4096), output = root.string("output", 4096);
    const auto rows = root.integer("rows", 0, 65535), columns = root.integer("columns", 0, 65535);
    if (!argv || !environment || !mode || !directory || !output || !rows || !columns ||
        !parse_job_mode(*mode))
        return failure(Errc::invalid, "a job record is damaged");
    auto arguments = read_strings(*argv), variables = read_strings(*environment);
    if (!arguments || !variables) return failure(Errc::invalid, "a job record is damaged");
    return JobRequest{*parse_job_mode(*mode),
                      *std::move(arguments),
                      *std::move(variables),
                      *directory,
                      *output,
                      static_cast<uint16_t>(*rows),
                      static_cast<uint16_t>(*columns)};
}

// A damaged record must not keep the daemon from starting: what can be read of it is taken, so that the job's
// own processes are found; with no state that is known the job is ended like one that was half begun.
Job read_job(const Statement& row) {
    Job job;
    job.id = static_cast<uint64_t>(row.number(0));
    job.login = row.text(1);
    job.uid = static_cast<uint32_t>(row.number(2));
    auto request = read_request(row.text(3));
    if (!request)
        log(Level::error, "job record damaged",
            {{"job", job_name(job.id)}, {"reason", request.error().message}});
    job.request = std::move(request).value_or(
        JobRequest{.argv = {"?"}, .environment = {}, .directory = "/", .output = ""});
    const auto state = parse_job_state(row.text(4));
    if (!state)
        log(Level::error, "job record damaged",
            {{"job", job_name(job.id)}, {"reason", "its state is unknown"}});
    job.state = state.value_or(JobState::starting);
    job.submitted = time_of(row.number(5));
    job.started = time_of(row.number(6));
    job.ended = time_of(row.number(7));
    job.pid = static_cast<int32_t>(row.number(8));
    job.start_time = static_cast<uint64_t>(row.number(9));
    if (!row.is_null(10)) job.wait_status = static_cast<int32_t>(row.number(10));
    job.reason = row.text(11);
    job.generation = static_cast<uint64_t>(row.number(12));
    job.walltime = static_cast<uint64_t>(row.number(13));
    job.began_usec = static_cast<uint64_t>(row.number(14));
    job.kill_at = decltype(job.kill_at)(std::chrono::milliseconds(row.number(15)));
    job.usage.runs = static_cast<uint32_t>(row.number(16));
    int column = 17;
    for (const auto field : kUsage) {
        if (!row.is_null(column)) job.usage.*field = static_cast<uint64_t>(row.number(column));
        ++column;
    }
    return job;
}

}  // namespace

Outcome<void> JobStore::load() {
    if (auto migrated = database_->migrate("job", kSchema); !migrated) return migrated;
    auto select = database_->prepare(
        "SELECT id, login, uid, request, state, submitted, started, ended, pid, start_time, wait_status, "
        "reason, generation, walltime, began_usec, kill_at, runs, cpu_total_usec, cpu_user_usec,"
        " cpu_system_usec, memory_peak, processes_peak, processes_total, wall_usec FROM job");
    if (!select) return std::unexpected(select.error());
    while (true) {
        auto row = select->step();
        if (!row) return std::unexpected(row.error());
        if (!*row) return {};
        Job job = read_job(*select);
        jobs_[job.id] = std::move(job);
    }
}

Outcome<uint64_t> JobStore::add(Job job) {
    auto insert = database_->prepare(
        "INSERT INTO job (login, uid, request, state, submitted, started, ended, pid, start_time, reason, "
        "generation, walltime) VALUES (?1, ?2, ?3, ?4, ?5, 0, 0, 0, 0, '', 0, ?6)");
    if (!insert) return std::unexpected(insert.error());
    job.state = JobState::starting;
    if (auto done = insert->run(job.login, job.uid, write_request(job.request),
                                std::string(job_state_name(job.state)), seconds(job.submitted),
                                static_cast<int64_t>(job.walltime));
        !done)
        return std::unexpected(done.error());
    job.id = static_cast<uint64_t>(database_->last_row_id());
    const uint64_t id = job.id;
    jobs_[id] = std::move(job);
    return id;
}

Outcome<void> JobStore::update(const Job& job) {
    const auto found = jobs_.find(job.id);
    if (found == jobs_.end()) return failure(Errc::not_found, "there is no {}", job_name(job.id));
    if (found->second.state != job.state && !may_become(found->second.state, job.state))
        return failure(Errc::conflict, "{} is {} and cannot become {}", job_name(job.id),
                       job_state_name(found->second.state), job_state_name(job.state));
    if (auto written = write(job); !written) return written;
    found->second = job;
    return {};
}

Outcome<void> JobStore::write(const Job& job) {
    auto update = database_->prepare(
        "UPDATE job SET state = ?2, started = ?3, ended = ?4, pid = ?5, start_time = ?6, wait_status = ?7,"
        " reason = ?8, generation = ?9, request = ?10, walltime = ?11, began_usec = ?12, kill_at = ?13,"
        " runs = ?14, cpu_total_usec = ?15, cpu_user_usec = ?16, cpu_system_usec = ?17, memory_peak = ?18,"
        " processes_peak = ?19, processes_total = ?20, wall_usec = ?21 WHERE id = ?1");
    if (!update) return std::unexpected(update.error());
    const JobUsage& usage = job.usage;
    return update->run(
        static_cast<int64_t>(job.id), std::string(job_state_name(job.state)), seconds(job.started),
        seconds(job.ended), job.pid, static_cast<int64_t>(job.start_time), job.wait_status, job.reason,
        static_cast<int64_t>(job.generation), write_request(job.request), static_cast<int64_t>(job.walltime),
        static_cast<int64_t>(job.began_usec), int64_t{job.kill_at.time_since_epoch().count()}, usage.runs,
        signed_of(usage.cpu_usec), signed_of(usage.cpu_user_usec), signed_of(usage.cpu_system_usec),
        signed_of(usage.memory_peak), signed_of(usage.processes_peak), signed_of(usage.processes_total),
        signed_of(usage.wall_usec));
}

Outcome<void> JobStore::remove(uint64_t id) {
    auto remove = database_->prepare("DELETE FROM job WHERE id = ?1");
    if (!remove) return std::unexpected(remove.error());
    if (auto done = remove->run(static_cast<int64_t>(id)); !done) return done;
    jobs_.erase(id);
    return {};
}

const Job* JobStore::find(uint64_t id) const {
    const auto found = jobs_.find(id);
    return found == jobs_.end() ? nullptr : &found->second;
}

}  // namespace xos
