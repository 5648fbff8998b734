// xos doctor login: what would keep the members of the trusted VOs out, or harm people of this machine?
#include <grp.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <filesystem>

#include "cli/clock_check.h"
#include "cli/commands.h"
#include "cli/finding.h"
#include "cli/key_quota_check.h"
#include "cli/login_service_check.h"
#include "cli/pam_check.h"
#include "cli/program_output.h"
#include "cli/sshd_access_check.h"
#include "cli/sshd_block_check.h"
#include "cli/sshd_limits_check.h"
#include "cli/trusted_view.h"
#include "common/clock.h"
#include "common/file.h"
#include "libxos/names.h"

namespace xos {
namespace {

constexpr char kSshd[] = "/usr/sbin/sshd";
constexpr char kSshdMainConfig[] = "/etc/ssh/sshd_config";
constexpr char kSshdPid[] = "/run/sshd.pid";  // sshd_config(5): PidFile
constexpr size_t kConfigMax = 1024 * 1024;
constexpr size_t kSettingsMax = 1024 * 1024;
constexpr std::chrono::seconds kSshdDeadline{5};    // of one question
constexpr std::chrono::seconds kSshdDeadlines{30};  // of all

// Without xosd the VOs that our block names are unknown; the rest is looked at all the same.
std::optional<std::vector<TrustedView>> ask_for_vos(Findings& findings) {
    auto vos = list_trusted_vos();
    if (!vos) {
        wrong(findings, compose("xosd does not answer: nobody of a VO can log in: {}", vos.error().message),
              "systemctl start xosd; journalctl -u xosd says why it ended");
        return std::nullopt;
    }
    if (vos->empty())
        note(findings, "xosd answers, and trusts no VO: nobody of one can log in",
             "xos vo trust FILE --fingerprint ...");
    else
        good(findings, compose("xosd answers; trusted VOs: {}", vos->size()));
    return *std::move(vos);
}

// Nothing where sshd could not tell; a finding says why.
std::optional<SshdSettings> ask_sshd(const std::string& login, Findings& findings) {
    const auto said =
        run_program({kSshd, "-T", "-C", compose("user={},host=localhost,addr=127.0.0.1", login)},
                    kSettingsMax, kSshdDeadline);
    if (said && said->status == 0) return SshdSettings::parse(said->output);
    if (geteuid() != 0) {
        note(findings, "sshd tells its configuration to root only: what it comes to was not looked at",
             "run this as root");
        return std::nullopt;
    }
    wrong(findings,
          compose("sshd -T fails: {}",
                  said ? said->errors.substr(0, said->errors.find('\n')) : said.error().message),
          "mend /etc/ssh/sshd_config and what it includes until sshd -t is silent: a restart of sshd would "
          "fail");
    return std::nullopt;
}

std::optional<FileTime> time_of_change(const std::string& path) {
    struct stat file{};
    if (stat(path.c_str(), &file) != 0) return std::nullopt;
    return FileTime(std::chrono::seconds(file.st_mtim.tv_sec) +
                    std::chrono::nanoseconds(file.st_mtim.tv_nsec));
}

// Of sshd_config, and of what lies beside our block.
std::optional<FileTime> newest_other_change() {
    auto newest = time_of_change(kSshdMainConfig);
    std::error_code error;
    for (std::filesystem::directory_iterator at(std::filesystem::path(kSshdConfig).parent_path(), error), end;
         !error && at != end; at.increment(error)) {
        if (at->path() == kSshdConfig || at->path().extension() != ".conf") continue;
        newest = std::max(newest, time_of_change(at->path()));
    }
    return newest;
}

// sshd writes its pid file each time that it has read its configuration.
SshdReading look_at_sshd(const std::string& pid_file) {
    SshdReading reading;
    reading.untold = access(kSshdUntold, F_OK) == 0;
    reading.written_at = time_of_change(kSshdConfig);
    reading.others_at = newest_other_change();
    pid_t pid = 0;
    const auto text = read_file(pid_file, 64);
    if (!text || std::from_chars(text->data(), text->data() + text->size(), pid).ec != std::errc() ||
        pid <= 1)
        return reading;
    const auto name = read_file(compose("/proc/{}/comm", pid), 64);
    reading.running = name && *name == "sshd\n";
    reading.read_at = time_of_change(pid_file);
    return reading;
}

// What sshd comes to for the members of each VO; the settings of one of them, for what holds for all.
std::optional<SshdSettings> check_members(const std::vector<std::string>& vos, Findings& findings) {
    std::optional<SshdSettings> last;
    bool in_force = true;
    const auto end = std::chrono::steady_clock::now() + kSshdDeadlines;
    for (size_t i = 0; i < vos.size(); ++i) {
        if (std::chrono::steady_clock::now() > end) {
            note(findings,
                 compose("sshd was not asked about {} of {} VOs: it takes too long", vos.size() - i,
                         vos.size()),
                 "run it again when the machine is less busy");
            break;
        }
        auto settings = ask_sshd("x@" + vos[i], findings);
        if (!settings) return std::nullopt;
        in_force = check_sshd_settings(vos[i], *settings, findings) && in_force;
        check_sshd_access(vos[i], *settings, findings);
        last = std::move(settings);
    }
    if (!in_force)
        if (const auto text = read_file(kSshdMainConfig, kConfigMax)) check_sshd_include(*text, findings);
    return last ? last : ask_sshd("root", findings);
}

// PAM's service of sshd; empty where there is no sshd.
std::string check_sshd(const std::optional<std::vector<TrustedView>>& trusted, Findings& findings) {
    if (access(kSshd, X_OK) != 0) {
        note(findings, "there is no sshd on this machine: nobody logs in over the network",
             "install openssh-server, where members should");
        return "";
    }
    std::vector<std::string> vos;
    if (trusted)
        for (const TrustedView& vo : *trusted) vos.push_back(vo.vo);
    const auto block = read_file(kSshdConfig, kConfigMax);
    if (!block)
        wrong(findings, block.error().message,
              "as root: xos node reload, which writes it again and reloads sshd");
    else if (trusted)
        check_sshd_block(*block, vos, findings);
    check_keys_command(compose("{}/xos-ssh-keys", kLibexecDir), findings);
    const auto settings = check_members(vos, findings);
    if (settings) {
        check_sshd_pam(*settings, findings);
        check_sshd_limits(*settings, findings);
    }
    const std::string pid_file = settings ? settings->value("pidfile") : "";
    check_sshd_reading(look_at_sshd(pid_file.empty() ? kSshdPid : pid_file), findings);
    const std::string service = settings ? settings->value("pamservicename") : "";
    return service.empty() ? "sshd" : service;
}

uint64_t read_limit(const char* name) {
    const auto text = read_file(compose("/proc/sys/kernel/keys/{}", name), 64);
    uint64_t number = 0;
    if (text) std::from_chars(text->data(), text->data() + text->size(), number);
    return number;
}

void check_keys(Findings& findings) {
    const KeyLimits limits{.keys = read_limit("maxkeys"),
                           .bytes = read_limit("maxbytes"),
                           .root_keys = read_limit("root_maxkeys"),
                           .root_bytes = read_limit("root_maxbytes")};
    const auto users = read_file("/proc/key-users", 16 * kConfigMax);
    check_key_quotas(limits, users ? *users : "", findings);
}

bool is_clock_synchronised() {
    timex clock{};
    return adjtimex(&clock) >= 0 && (clock.status & STA_UNSYNC) == 0;
}

Outcome<int> diagnose_login() {
    Findings findings;
    const auto vos = ask_for_vos(findings);
    const group* const keys = getgrnam(kKeysUser);
    check_login_socket(kPamSocket, keys != nullptr ? std::optional(keys->gr_gid) : std::nullopt, findings);
    const std::string sshd = check_sshd(vos, findings);
    check_pam_module("", findings);
    check_pam_services(pam_files_below(""), sshd, findings);
    check_keys(findings);
    check_clock(is_clock_synchronised(), current_time(), vos.value_or(std::vector<TrustedView>()), findings);
    const int status = report_findings(findings);
    std::puts("Whether this machine knows the members at all: xos doctor accounts");
    return status;
}

}  // namespace

void add_doctor_login_command(CommandTable& table) {
    table.add("doctor login", "Check that the members of the VOs can log in here: what is wrong, what to do",
              diagnose_login);
}

}  // namespace xos
