#include "node.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <stdexcept>

#include "libxos/names.h"
#include "xosd/identity/accounts_writer.h"

namespace {

constexpr char kStacks[] = "/run/xos/stacks";  // on the private tmpfs

int converse(int, const pam_message**, pam_response**, void*) {
    return PAM_CONV_ERR;
}  // nothing is ever asked

void write_file(const std::string& path, const std::string& text, mode_t mode) {
    std::ofstream(path, std::ios::binary) << text;
    if (chmod(path.c_str(), mode) != 0) throw std::runtime_error("cannot write " + path);
}

// The module follows pam_permit, without which a stack of nothing but PAM_IGNORE is a refusal.
void write_stack(const char* name, const std::string& session, const char* argument = "",
                 const char* module = PAM_XOS_MODULE) {
    const std::string xos = std::string("required ") + module + " " + argument + "\n";
    std::string text = std::string("auth [success=done default=ignore] ") + module + "\nauth required " +
                       (std::string_view(name) == "proof" ? "pam_deny.so\n" : "pam_permit.so\n");
    text += "account required pam_permit.so\naccount " + xos;
    text += "session required pam_permit.so\n";
    for (size_t at = 0; at < session.size();) {
        const size_t end = session.find('\n', at);
        const std::string line = session.substr(at, end - at);
        text += "session " + (line == "xos" ? xos : line + "\n");
        at = end + 1;
    }
    write_file(std::string(kStacks) + "/" + name, text, 0644);
}

// The name service of the node: the module's own look-ups never use it before a VO is known to be accepted.
void write_passwd() {
    std::string text = "root:x:0:0:root:/root:/bin/sh\nlocal:x:1000:1000::/:/bin/sh\n";
    const auto line = [&](const char* name, uid_t uid) {
        const std::string id = std::to_string(uid);
        text += std::string(name) + ":*:" + id + ":" + id + "::/home:/bin/sh\n";
    };
    line("user1@physics", kUser1), line("user2@physics", kUser2), line("shadowed@physics", 1001);
    write_file("/run/xos/passwd", text, 0644);
    if (mount("/run/xos/passwd", "/etc/passwd", nullptr, MS_BIND, nullptr) != 0)
        throw std::runtime_error("cannot mount over /etc/passwd");
}

bool mount_tmpfs(const char* path) {
    if (mkdir(path, 0755) != 0 && errno != EEXIST) return false;
    return mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") == 0;
}

}  // namespace

std::string enter_node() {
    if (geteuid() != 0) return "root is needed for mounts, keyrings and uids";
    if (unshare(CLONE_NEWNS) != 0 || mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
        return std::string("no mount namespace: ") + strerror(errno);
    for (const char* path : {xos::kRunDir, xos::kStateDir})
        if (!mount_tmpfs(path)) return std::string("no tmpfs on ") + path + ": " + strerror(errno);
    if (mkdir(kStacks, 0755) != 0) return std::string("no directory for the stacks: ") + strerror(errno);
    write_stack("plain", "xos\n");
    write_stack("errno", "xos\n", PAM_XOS_MODULE, ERRNO_PROBE);
    write_stack("debug", "xos\n", "debug");
    write_stack("limits", "xos\noptional " LIMITS_PROBE "\n");
    write_stack("proof", "xos\n");
    write_stack("keyinit-first", "optional pam_keyinit.so force revoke\nxos\n");
    write_stack("keyinit-last", "xos\noptional pam_keyinit.so force revoke\n");
    write_passwd();
    write_accounts_file();
    return "";
}

void write_accounts_file() {
    const auto account = [](const char* user, uid_t uid) {
        return xos::AccountEntry{std::string(user) + "@physics",   uid,      uid, "",
                                 "/home/xos/" + std::string(user), "/bin/sh"};
    };
    const auto file = xos::build_accounts_file(
        {{{"physics", kBlock, xos::kBlockSize}},
         {account("user1", kUser1), account("user2", kUser2), account("shadowed", kBlock + 3)},
         {}});
    if (!file) throw std::runtime_error(file.error().message);
    write_file(xos::kAccountsFile, *file, 0644);
}

void remove_accounts_file() {
    unlink(xos::kAccountsFile);
}

PamHandle::PamHandle(const char* user, const char* stack) {
    static constexpr pam_conv kConversation{converse, nullptr};
    if (pam_start_confdir(stack, user, &kConversation, kStacks, &pamh_) != PAM_SUCCESS)
        throw std::runtime_error("pam_start_confdir failed");
}

PamHandle::~PamHandle() {
    pam_end(pamh_, status_);
}

std::string PamHandle::variable(const char* name) const {
    const char* value = pam_getenv(pamh_, name);
    return value == nullptr ? "" : value;
}
