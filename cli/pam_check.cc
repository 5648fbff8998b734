#include "cli/pam_check.h"

#include <algorithm>
#include <filesystem>

#include "common/file.h"

namespace xos {
namespace {

constexpr size_t kFileMax = 256 * 1024;
constexpr char kOurs[] = "pam_xos.so";
constexpr char kUpdate[] = "pam-auth-update --package --enable xos, or install libpam-xos again";

constexpr char kUserManager[] = "systemd-user";
// Who comes in by these is judged by xosd, so ours must be there.
constexpr const char* kServices[] = {"su", "su-l", "sudo", "sudo-i", "login", "cron", "atd", kUserManager};
// root alone uses these, and Debian leaves them without the common files.
constexpr const char* kRunuser[] = {"runuser", "runuser-l"};

using Entries = std::vector<PamEntry>;

bool has_argument(const PamEntry& entry, std::string_view word) {
    return std::ranges::contains(entry.arguments, word);
}

// It succeeds for people of /etc/passwd only, which no member is in.
bool is_for_locals(const PamEntry& entry) {
    return entry.module == "pam_localuser.so";
}

class ServiceCheck {
  public:
    ServiceCheck(std::string service, Findings& findings)
        : service_(std::move(service)), findings_(findings) {}

    // False: what is said of ours would have no meaning.
    bool check_present(const Outcome<Entries>& entries, const char* type) {
        if (!entries) {
            say_wrong(entries.error().message, "mend the files in /etc/pam.d");
            return false;
        }
        const auto ours = std::ranges::find(*entries, kOurs, &PamEntry::module);
        if (ours == entries->end()) {
            say_wrong(compose("its {} has no {}: members pass without xosd", type, kOurs), kUpdate);
            return false;
        }
        check_reached(*entries, static_cast<size_t>(ours - entries->begin()), type);
        return true;
    }

    void check_session_order(const Entries& entries) {
        const auto ours = std::ranges::find(entries, kOurs, &PamEntry::module);
        for (auto entry = ours; entry != entries.end(); ++entry)
            if (entry->module == "pam_keyinit.so" && has_argument(*entry, "force")) say_lost(*entry);
        for (auto entry = entries.begin(); entry != ours; ++entry)
            if (entry->module == "pam_systemd.so")
                say_wrong(
                    compose("pam_systemd.so comes before {} ({}): logind makes a session before xosd is "
                            "asked, and for who is refused",
                            kOurs, entry->file),
                    compose("in /etc/pam.d/{}, put pam_systemd.so behind it", entry->file));
    }

    bool is_sound() const { return sound_; }

  private:
    void say_lost(const PamEntry& keyinit) {
        const std::string what =
            compose("{} with 'force' comes behind {} ({}): the credential of the session is lost",
                    keyinit.module, kOurs, keyinit.file);
        if (service_ != kUserManager)
            return say_wrong(what, compose("in /etc/pam.d/{}, put pam_keyinit.so before it", keyinit.file));
        // as Debian ships it; logins do not suffer
        sound_ = false;
        note(findings_, compose("PAM, {}: {}, for what the user's own systemd runs", service_, what),
             compose("copy /usr/lib/pam.d/{} to /etc/pam.d, and put pam_keyinit.so before its @include of "
                     "common-session-noninteractive there",
                     kUserManager));
    }
    void say_wrong(const std::string& what, const std::string& advice) {
        sound_ = false;
        wrong(findings_, compose("PAM, {}: {}", service_, what), advice);
    }

    void check_reached(const Entries& entries, size_t ours, const char* type) {
        for (size_t at = 0; at < ours; ++at) {
            const PamEntry& entry = entries[at];
            const auto [first, end] = skipped_after(entries, at);
            if (ours < first || ours >= end || is_for_locals(entry)) continue;
            // Its words decide for whom it succeeds.
            const bool conditional = entry.module == "pam_succeed_if.so" || entry.module == "pam_rootok.so";
            std::string what = compose("where {} succeeds in {}, {} is passed over ({}: {})", entry.module,
                                       type, kOurs, entry.file, entry.control);
            const std::string advice = compose("in /etc/pam.d/{}, put {} before it", entry.file, kOurs);
            if (conditional)
                note(findings_, compose("PAM, {}: {}", service_, what), advice + ", unless that is meant");
            else
                say_wrong(what, advice);
        }
    }

    std::string service_;
    Findings& findings_;
    bool sound_ = true;
};

// Whether it has a file.
bool check_service(const PamFiles& files, const std::string& service, Findings& findings) {
    if (!files(service)) return false;
    ServiceCheck check(service, findings);
    check.check_present(resolve_pam_stack(files, service, "account"), "account");
    const auto session = resolve_pam_stack(files, service, "session");
    if (check.check_present(session, "session")) check.check_session_order(*session);
    if (check.is_sound()) good(findings, compose("PAM, {}: xosd is asked", service));
    return true;
}

void check_runuser(const PamFiles& files, const std::string& service, Findings& findings) {
    if (!files(service)) return;
    const auto session = resolve_pam_stack(files, service, "session");
    if (session && std::ranges::contains(*session, kOurs, &PamEntry::module))
        return good(findings, compose("PAM, {}: a member's session has a keyring of its own", service));
    note(findings,
         compose(
             "PAM, {}: what root runs by it for a member has root's session keyring, and can read the keys "
             "in it",
             service),
         "use su or setpriv instead, or write 'session required pam_xos.so' into /etc/pam.d/runuser, behind "
         "pam_keyinit.so");
}

}  // namespace

PamFiles pam_files_below(const std::string& root) {
    return [root](const std::string& service) -> std::optional<std::string> {
        if (service.starts_with('/')) {
            auto text = read_file(root + service, kFileMax);
            return text ? std::optional(*std::move(text)) : std::nullopt;
        }
        if (service.empty() || service.contains('/')) return std::nullopt;
        for (const char* directory : {"/etc/pam.d/", "/usr/lib/pam.d/"}) {
            auto text = read_file(root + directory + service, kFileMax);
            if (text) return *std::move(text);
        }
        return std::nullopt;
    };
}

void check_pam_services(const PamFiles& files, const std::string& sshd, Findings& findings) {
    if (!sshd.empty() && !check_service(files, sshd, findings))
        wrong(findings, compose("PAM has no file for sshd's service {}: it uses 'other'", sshd),
              "install openssh-server again, or correct PAMServiceName in /etc/ssh/sshd_config");
    for (const char* service : kServices) check_service(files, service, findings);
    for (const char* service : kRunuser) check_runuser(files, service, findings);
}

void check_pam_module(const std::string& root, Findings& findings) {
    namespace fs = std::filesystem;
    std::error_code error;
    size_t present = 0;
    for (fs::directory_iterator at(root + "/usr/lib", error), end; !error && at != end; at.increment(error)) {
        std::error_code ignored;
        const fs::path modules = at->path() / "security";
        if (!fs::exists(modules / "pam_unix.so", ignored)) continue;
        if (fs::exists(modules / kOurs, ignored))
            ++present;
        else
            wrong(findings, compose("{} has PAM's modules, and no {}", modules.string(), kOurs),
                  "install libpam-xos of that architecture");
    }
    if (present != 0) return good(findings, compose("{} is installed", kOurs));
    if (findings.empty() || findings.back().kind != Finding::Kind::wrong)
        wrong(findings, compose("no {} is installed", kOurs), "install libpam-xos");
}

}  // namespace xos
