// The same questions to glibc's own "files" and to our module, over the same accounts: every program that
// works with the one works with the other.
#include <algorithm>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "tests/module/nss/built_module.h"

using namespace xos;
using module::publish;
using module::run_apart;
namespace {

// One source for both.
AccountsSnapshot people() {
    AccountsSnapshot all = sample::snapshot(12);
    all.groups.push_back({.name = "empty@physics", .gid = sample::kAnalysis + 1});
    all.accounts[4].gecos = "";
    all.accounts[5].gecos = std::string(900, 'g');
    return all;
}

void bind_over(const char* path, const std::string& text) {
    const std::string copy = std::string("/run/") + (strrchr(path, '/') + 1);
    std::ofstream(copy) << text;
    EXPECT(mount(copy.c_str(), path, nullptr, MS_BIND, nullptr) == 0);
}

// passwd(5) and group(5), private groups too, in the order of ids as our module gives them.
void write_files(const AccountsSnapshot& all) {
    std::string passwd_text, group_text, private_groups;
    for (const AccountEntry& account : all.accounts) {
        const std::string ids = std::to_string(account.uid) + ":" + std::to_string(account.gid);
        passwd_text += account.name + ":*:" + ids + ":" + account.gecos + ":" + account.home + ":" +
                       account.shell + "\n";
        private_groups += account.name + ":*:" + std::to_string(account.gid) + ":\n";
    }
    for (const GroupEntry& group : all.groups) {
        std::vector<std::string> members = group.members;
        std::ranges::sort(members, {}, [](const std::string& name) { return std::pair(name.size(), name); });
        group_text += group.name + ":*:" + std::to_string(group.gid) + ":";
        for (const std::string& member : members)
            group_text += member + (member == members.back() ? "" : ",");
        group_text += "\n";
    }
    bind_over("/etc/passwd", passwd_text);
    bind_over("/etc/group", group_text + private_groups);
}

std::string show(const passwd& entry) {
    return std::string(entry.pw_name) + ":" + entry.pw_passwd + ":" + std::to_string(entry.pw_uid) + ":" +
           std::to_string(entry.pw_gid) + ":" + entry.pw_gecos + ":" + entry.pw_dir + ":" + entry.pw_shell;
}

std::string show(const group& entry) {
    std::string text =
        std::string(entry.gr_name) + ":" + entry.gr_passwd + ":" + std::to_string(entry.gr_gid) + ":";
    for (char** member = entry.gr_mem; *member != nullptr; ++member) text += std::string(*member) + ",";
    return text;
}

// How a caller with a buffer of each of these sizes fares. Where nobody is found files may ask for a larger
// buffer first, as it reads lines into it: what counts then is the answer with room enough.
template <typename Entry>
std::string ask(auto look_up) {
    std::string text;
    for (const size_t size : {size_t{4096}, size_t{0}, size_t{1}, size_t{16}}) {
        std::vector<char> buffer(size + 1);
        Entry entry{};
        Entry* result = nullptr;
        errno = 7777;
        const int error = look_up(&entry, buffer.data(), size, &result);
        if (result == nullptr && error == 0) return "nobody\n";
        text += result == nullptr ? "error " + std::to_string(error) : show(entry);
        text += errno == 7777 || result == nullptr ? "; " : " errno changed; ";
    }
    return text + "\n";
}

std::string interview(const char* service) {
    EXPECT(__nss_configure_lookup("passwd", service) == 0 && __nss_configure_lookup("group", service) == 0);
    std::string text;
    for (const char* name :
         {"user1@physics", "user5@physics", "user6@physics", "ann@bio", "nobody@physics", "USER1@physics",
          "user1@physic", "user1@physics ", "user1", "", "@", "@physics"}) {
        text += ask<passwd>([&](auto... rest) { return getpwnam_r(name, rest...); });
        text += ask<group>([&](auto... rest) { return getgrnam_r(name, rest...); });
    }
    for (const char* name : {"members@physics", "analysis@physics", "empty@physics", "members@bio"})
        text += ask<group>([&](auto... rest) { return getgrnam_r(name, rest...); });
    for (const uint32_t id : {sample::kPhysics + 1, sample::kPhysics, sample::kPhysics + 13, sample::kBio + 1,
                              sample::kMembers, sample::kAnalysis, sample::kAnalysis + 1,
                              sample::kAnalysis + 2, 0u, 4294967295u, kUidMax, kUidMin - 1}) {
        text += ask<passwd>([&](auto... rest) { return getpwuid_r(id, rest...); });
        text += ask<group>([&](auto... rest) { return getgrgid_r(id, rest...); });
    }
    for (int round = 0; round < 2; ++round) {
        setpwent();
        setgrent();
        std::set<std::string> all;
        for (const passwd* entry = getpwent(); entry != nullptr; entry = getpwent()) {
            (void)getpwnam("ann@bio");  // does not disturb
            EXPECT(all.insert(show(*entry)).second);
            if (round == 0 && all.size() == 3) {
                setpwent();
                all.clear();
                round = 1;
            }
        }
        for (const group* entry = getgrent(); entry != nullptr; entry = getgrent())
            EXPECT(all.insert(show(*entry)).second);
        for (const std::string& line : all) text += line + "\n";
        endpwent();
        endgrent();
    }
    for (const char* name : {"user1@physics", "user2@physics", "ann@bio", "nobody@physics"})
        for (const int room : {0, 1, 2, 8}) {
            std::vector<gid_t> gids(9, 0);
            int count = room;
            const int status = getgrouplist(name, 12345, gids.data(), &count);
            gids.resize(static_cast<size_t>(status < 0 ? 0 : count));
            std::ranges::sort(gids);
            text += std::string(name) + " " + std::to_string(status) + " " + std::to_string(count);
            for (const gid_t gid : gids) text += " " + std::to_string(gid);
            text += "\n";
        }
    return text;
}

}  // namespace

TEST_CASE("our module answers as glibc's files does") {
    run_apart([] {
        const AccountsSnapshot all = people();
        publish(all);
        write_files(all);
        // glibc finds the module by its soname, which is loaded already
        EXPECT(dlopen(XOS_NSS_MODULE, RTLD_NOW | RTLD_LOCAL) != nullptr);
        const std::string files = interview("files"), xos = interview("xos");
        EXPECT(files.size() > 4000 && files.contains("user12@physics"));
        if (files == xos) return;
        const auto differs = std::ranges::mismatch(files, xos);
        const auto around = [](const std::string& text, auto at) {
            const size_t begin = text.rfind('\n', static_cast<size_t>(at - text.begin())) + 1;
            return text.substr(begin, text.find('\n', begin) - begin);
        };
        fprintf(stderr, "files: %s\nxos:   %s\n", around(files, differs.in1).c_str(),
                around(xos, differs.in2).c_str());
        EXPECT(files == xos);
    });
}
