#include "bench/peers.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "bench/floor.h"
#include "libxos/names.h"

namespace xos::bench {
namespace {

// Debian's ld.so.conf has it on every architecture.
constexpr char kModuleDir[] = "/usr/local/lib";
constexpr char kSwitch[] = "passwd: files\ngroup: files\nshadow: files\n";

std::string read_lines(const char* path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

template <typename Function>
void find_entry_point(void* library, const std::string& service, const char* name, Function*& entry_point) {
    entry_point = reinterpret_cast<Function*>(dlsym(library, compose("_nss_{}_{}", service, name).c_str()));
}

void make_directory(const std::string& path) {
    std::error_code error;
    std::filesystem::create_directories(path, error);
    if (error) die(compose("cannot make {}: {}", path, error.message()));
}

void install_module(const std::string& path) {
    make_directory(kModuleDir);
    const std::filesystem::path built(path);
    std::error_code error;
    std::filesystem::copy_file(built, kModuleDir / built.filename(),
                               std::filesystem::copy_options::overwrite_existing, error);
    if (error) die(compose("cannot install {}: {}", built.string(), error.message()));
}

}  // namespace

Outcome<Module> Module::load(const std::string& service) {
    void* library = service == "files" ? dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD)
                                       : dlopen(compose("libnss_{}.so.2", service).c_str(), RTLD_NOW);
    if (library == nullptr) return failure(Errc::not_found, "{}", dlerror());
    Module module;
    find_entry_point(library, service, "getpwnam_r", module.getpwnam);
    find_entry_point(library, service, "getpwuid_r", module.getpwuid);
    find_entry_point(library, service, "getgrnam_r", module.getgrnam);
    find_entry_point(library, service, "getgrgid_r", module.getgrgid);
    find_entry_point(library, service, "setpwent", module.setpwent);
    find_entry_point(library, service, "getpwent_r", module.getpwent);
    find_entry_point(library, service, "endpwent", module.endpwent);
    if (module.getpwnam == nullptr || module.getpwuid == nullptr || module.getgrnam == nullptr ||
        module.getgrgid == nullptr || module.setpwent == nullptr || module.getpwent == nullptr ||
        module.endpwent == nullptr)
        return failure(Errc::not_found, "libnss_{}.so.2 lacks an entry point", service);
    return module;
}

void enter_private_root() {
    if (getenv("XOS_IN_ROOT") == nullptr)
        die("it overwrites /etc/passwd and the like: run it as scripts/dev bench accounts, in a root that "
            "vanishes");
    const std::string xos = find_built("nss_xos/libnss_xos.so.2");
    const std::string floor = find_built("bench/libnss_xosfloor.so.2");
    if (unshare(CLONE_NEWNS) != 0 || mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("run", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=75%") != 0)
        die("cannot make a mount namespace of its own: it needs root");
    make_directory(kRunDir);
    make_directory(std::filesystem::path(bench::floor::kFile).parent_path());
    write_file("/etc/nsswitch.conf", kSwitch, 0644);
    install_module(xos);
    install_module(floor);
    if (system("ldconfig") != 0) die("ldconfig failed");
}

std::string find_built(const std::string& path) {
    // It may have been built elsewhere: on a Debian 13 machine the root has the checkout in another place.
    // Read once, as in a mount namespace that was made later the link leads nowhere.
    static const std::filesystem::path self = [] {
        std::error_code error;
        std::filesystem::path link = std::filesystem::read_symlink("/proc/self/exe", error);
        if (error) die("cannot read /proc/self/exe");
        return link;
    }();
    return self.parent_path().parent_path() / path;
}

void write_file(const std::string& path, const std::string& bytes, mode_t mode) {
    std::ofstream file(path, std::ios::trunc | std::ios::binary);
    file << bytes;
    file.close();
    if (!file || chmod(path.c_str(), mode) != 0) die(compose("cannot write {}", path));
}

void prepare_files(const AccountsSnapshot& snapshot) {
    // what the root has itself: SSSD's packages made a user
    static const std::string users = read_lines("/etc/passwd"), groups = read_lines("/etc/group");
    write_file("/etc/passwd", users + passwd_lines(snapshot), 0644);
    write_file("/etc/group", groups + group_lines(snapshot), 0644);
}

void prepare_extrausers(const AccountsSnapshot& snapshot) {
    make_directory("/var/lib/extrausers");
    write_file("/var/lib/extrausers/passwd", passwd_lines(snapshot), 0644);
    write_file("/var/lib/extrausers/group", group_lines(snapshot), 0644);
}

void prepare_userdb(const AccountsSnapshot& snapshot) {
    const std::string directory = "/run/userdb/";
    make_directory(directory);
    for (const AccountEntry& account : snapshot.accounts) {
        const std::string record = account.name + ".user";
        write_file(
            directory + record,
            compose(R"({{"userName":"{}","realName":"{}","disposition":"regular","uid":{},"gid":{},)"
                    R"("homeDirectory":"{}","shell":"{}"}})",
                    account.name, account.gecos, account.uid, account.gid, account.home, account.shell),
            0644);
        if (symlink(record.c_str(), compose("{}{}.user", directory, account.uid).c_str()) != 0)
            die(compose("cannot make the link of {}", record));
    }
}

}  // namespace xos::bench
