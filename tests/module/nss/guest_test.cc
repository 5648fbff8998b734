// How the built module behaves as a guest in other people's processes.
#include <elf.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include <malloc.h>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "tests/module/nss/built_module.h"

using namespace xos;
using module::Module;
using module::publish;
using module::run_apart;
namespace {

size_t count_entries(const char* directory) {
    return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(directory), {}));
}

// From now on every system call but the end of the process is its end.
void forbid_system_calls() {
    sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_exit_group, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    const sock_fprog filter{static_cast<unsigned short>(std::size(program)), program};
    EXPECT(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    EXPECT(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0);
}

bool answers(Module& nss) {
    gid_t room[8] = {};
    gid_t* groups = room;
    long start = 0, size = std::size(room);
    return nss.by_name("user1@physics") == NSS_STATUS_SUCCESS &&
           nss.by_uid(sample::kBio + 1) == NSS_STATUS_SUCCESS &&
           nss.by_name("user9@physics") == NSS_STATUS_NOTFOUND &&
           nss.by_uid(sample::kBio + 9) == NSS_STATUS_NOTFOUND &&
           nss.by_name("root") == NSS_STATUS_NOTFOUND &&
           nss.group_by_name("analysis@physics") == NSS_STATUS_SUCCESS &&
           nss.group_by_gid(sample::kPhysics + 1) == NSS_STATUS_SUCCESS &&
           nss.initgroups("user1@physics", 0, &start, &size, &groups, 0, &nss.error) == NSS_STATUS_SUCCESS &&
           start == 2;
}

template <typename Body>
int status_of_child(Body body) {
    const pid_t child = fork();
    if (child == 0) _exit(body() ? 0 : 1);
    int status = -1;
    waitpid(child, &status, 0);
    return status;
}

// The dynamic section and symbols of the built module.
struct Elf {
    Elf() {
        std::ifstream file(XOS_NSS_MODULE, std::ios::binary);
        bytes.assign(std::istreambuf_iterator<char>(file), {});
        REQUIRE(bytes.size() > sizeof(Elf64_Ehdr));
        const auto* header = at<Elf64_Ehdr>(0);
        std::vector<Elf64_Shdr> sections;
        for (int i = 0; i < header->e_shnum; ++i)
            sections.push_back(
                *at<Elf64_Shdr>(header->e_shoff + static_cast<size_t>(i) * header->e_shentsize));
        for (const Elf64_Shdr& section : sections) {
            if (section.sh_type != SHT_DYNAMIC && section.sh_type != SHT_DYNSYM) continue;
            const char* names = bytes.data() + sections[section.sh_link].sh_offset;
            for (size_t offset = 0; offset < section.sh_size; offset += section.sh_entsize)
                if (section.sh_type == SHT_DYNAMIC)
                    add(*at<Elf64_Dyn>(section.sh_offset + offset), names);
                else
                    add(*at<Elf64_Sym>(section.sh_offset + offset), names);
        }
    }
    void add(const Elf64_Dyn& entry, const char* names) {
        if (entry.d_tag == DT_NEEDED) needed.insert(names + entry.d_un.d_val);
        if (entry.d_tag == DT_SONAME) soname = names + entry.d_un.d_val;
        if (entry.d_tag == DT_FLAGS_1) flags = entry.d_un.d_val;
        if (entry.d_tag == DT_TEXTREL) text_relocations = true;
    }
    void add(const Elf64_Sym& symbol, const char* names) {
        if (symbol.st_name == 0 || ELF64_ST_BIND(symbol.st_info) == STB_WEAK) return;
        (symbol.st_shndx == SHN_UNDEF ? wanted : exported).insert(names + symbol.st_name);
    }
    template <typename T>
    const T* at(size_t offset) const {
        return reinterpret_cast<const T*>(bytes.data() + offset);
    }
    std::vector<char> bytes;
    std::set<std::string> needed, wanted, exported;
    std::string soname;
    uint64_t flags = 0;
    bool text_relocations = false;
};

}  // namespace

TEST_CASE("the module needs libc alone and exports its entry points alone") {
    const Elf elf;
    CHECK(elf.soname == "libnss_xos.so.2");
    CHECK(elf.exported ==
          std::set<std::string>{"_nss_xos_getpwnam_r", "_nss_xos_getpwuid_r", "_nss_xos_setpwent",
                                "_nss_xos_endpwent", "_nss_xos_getpwent_r", "_nss_xos_getgrnam_r",
                                "_nss_xos_getgrgid_r", "_nss_xos_setgrent", "_nss_xos_endgrent",
                                "_nss_xos_getgrent_r", "_nss_xos_initgroups_dyn"});
    CHECK((elf.flags & DF_1_NODELETE) != 0);
    CHECK((elf.flags & DF_1_NOW) != 0);
    CHECK_FALSE(elf.text_relocations);
    if (XOS_SANITIZED) SKIP("a sanitized module needs the sanitizer's library too");
    CHECK(elf.needed == std::set<std::string>{"libc.so.6"});
    // no environment, no allocation but what initgroups must do, no connection
    for (const char* never :
         {"getenv", "secure_getenv", "malloc", "calloc", "socket", "connect", "fork", "abort"})
        CHECK_FALSE(elf.wanted.contains(never));
}

TEST_CASE("after the first look-up no hit and no miss makes a system call, in a forked child neither") {
    if (XOS_SANITIZED)
        SKIP("a sanitizer makes system calls of its own (sigaltstack before each end of a process)");
    run_apart([] {
        publish(sample::snapshot());
        Module nss;
        EXPECT(answers(nss));
        EXPECT(status_of_child([&] {
                   forbid_system_calls();
                   for (int i = 0; i < 1000; ++i)
                       if (!answers(nss)) return false;
                   return true;
               }) == 0);
        // the filter does bite
        EXPECT(status_of_child([&] {
                   forbid_system_calls();
                   return getppid() > 0;
               }) != 0);
    });
}

TEST_CASE("no descriptor, thread, mapping or heap stays behind a million look-ups") {
    run_apart([] {
        publish(sample::snapshot());
        Module nss;
        EXPECT(answers(nss));
        const size_t fds = count_entries("/proc/self/fd"), threads = count_entries("/proc/self/task");
        const auto mappings = [] {
            std::ifstream maps("/proc/self/maps");
            return std::count(std::istreambuf_iterator<char>(maps), {}, '\n');
        };
        const auto maps = mappings();
        const size_t heap = mallinfo2().uordblks;
        for (int i = 0; i < 125000; ++i) EXPECT(answers(nss));
        EXPECT(mallinfo2().uordblks == heap);
        EXPECT(mappings() == maps);
        EXPECT(count_entries("/proc/self/fd") == fds && count_entries("/proc/self/task") == threads);
    });
}

TEST_CASE("with all descriptors closed or taken the map goes on answering; a first look-up says EMFILE") {
    run_apart([] {
        publish(sample::snapshot());
        EXPECT(status_of_child([] {
                   Module nss;
                   const rlimit none{0, 0};
                   setrlimit(RLIMIT_NOFILE, &none);
                   const bool said =
                       nss.by_name("user1@physics") == NSS_STATUS_UNAVAIL && nss.error == EMFILE;
                   return said && nss.by_name("root") == NSS_STATUS_NOTFOUND;
               }) == 0);
        EXPECT(status_of_child([] {
                   Module nss;
                   EXPECT(answers(nss));
                   close_range(0, ~0u, 0);
                   if (!answers(nss)) return false;
                   const rlimit none{0, 0};
                   setrlimit(RLIMIT_NOFILE, &none);
                   return answers(nss);
               }) == 0);
    });
}

TEST_CASE("without memory a first look-up is unavailable, a later one answers") {
    if (XOS_SANITIZED) SKIP("sanitizers need address space of their own");
    run_apart([] {
        publish(sample::snapshot());
        const auto starve = [] {
            const rlimit none{0, 0};
            EXPECT(setrlimit(RLIMIT_AS, &none) == 0);
        };
        EXPECT(status_of_child([&] {
                   Module nss;
                   starve();
                   const nss_status status = nss.by_name("user1@physics");
                   return status == NSS_STATUS_TRYAGAIN && nss.error == ENOMEM;
               }) == 0);
        EXPECT(status_of_child([&] {
                   Module nss;
                   EXPECT(answers(nss));
                   starve();
                   return answers(nss);
               }) == 0);
    });
}

TEST_CASE("the smallest stacks suffice, a signal handler's too") {
    run_apart([] {
        publish(sample::snapshot());
        static Module nss;
        static volatile sig_atomic_t right = 0;
        pthread_attr_t attributes;
        pthread_attr_init(&attributes);
        EXPECT(pthread_attr_setstacksize(&attributes, XOS_SANITIZED ? 256 * 1024 : 16384) == 0);
        pthread_t thread;
        const auto look = [](void*) -> void* {
            right = answers(nss) ? 1 : 0;
            return nullptr;
        };
        EXPECT(pthread_create(&thread, &attributes, look, nullptr) == 0 &&
               pthread_join(thread, nullptr) == 0);
        EXPECT(right == 1);
        static char stack[64 * 1024];
        const stack_t other{.ss_sp = stack, .ss_flags = 0, .ss_size = sizeof stack};
        struct sigaction action{};
        action.sa_handler = [](int) { right = answers(nss) ? 2 : 0; };
        action.sa_flags = SA_ONSTACK;
        EXPECT(sigaltstack(&other, nullptr) == 0 && sigaction(SIGUSR1, &action, nullptr) == 0);
        EXPECT(raise(SIGUSR1) == 0 && right == 2);
    });
}

TEST_CASE("a look-up that a signal handler's look-up or fork interrupts goes on") {
    run_apart([] {
        publish(sample::snapshot());
        static Module outer;
        static volatile sig_atomic_t bad = 0, forks = 0;
        struct sigaction action{};
        action.sa_handler = [](int) {
            const int saved = errno;
            Module* const inner = static_cast<Module*>(alloca(sizeof(Module)));
            memcpy(static_cast<void*>(inner), &outer, sizeof(Module));
            if (!answers(*inner)) bad = 1;
            if (forks < 200 && fork() == 0) {
                // the child returns into the look-up that was interrupted
                forks = 1000;
            }
            if (forks < 1000) forks = forks + 1;
            while (forks < 1000 && waitpid(-1, nullptr, WNOHANG) > 0) continue;
            errno = saved;
        };
        action.sa_flags = SA_RESTART;
        EXPECT(sigaction(SIGALRM, &action, nullptr) == 0);
        const itimerval often{{0, 500}, {0, 500}};
        EXPECT(setitimer(ITIMER_REAL, &often, nullptr) == 0);
        const auto still_running = [] { return forks < 200; };
        while (still_running() && bad == 0) EXPECT(answers(outer));
        if (forks == 1000) _exit(answers(outer) ? 0 : 1);  // a child; timers are not inherited
        const itimerval never{};
        setitimer(ITIMER_REAL, &never, nullptr);
        EXPECT(bad == 0);
        int status = 0;
        while (waitpid(-1, &status, 0) > 0) EXPECT(status == 0);
    });
}

TEST_CASE("a replacement and a removal are seen by the next look-up; a retired file is never believed") {
    run_apart([] {
        publish(sample::snapshot(5));
        Module nss;
        EXPECT(nss.by_name("user5@physics") == NSS_STATUS_SUCCESS);
        publish(sample::snapshot(4));
        EXPECT(nss.by_name("user5@physics") == NSS_STATUS_NOTFOUND);
        EXPECT(nss.by_uid(sample::kPhysics + 5) == NSS_STATUS_NOTFOUND);
        EXPECT(nss.group_by_gid(sample::kPhysics + 5) == NSS_STATUS_NOTFOUND);
        EXPECT(nss.by_name("user4@physics") == NSS_STATUS_SUCCESS);
        publish(sample::snapshot(3));
        // where the new file cannot be had, the old one's users may have been removed
        EXPECT(mkdir("/run/empty", 0755) == 0 && chroot("/run/empty") == 0);
        EXPECT(nss.by_name("user1@physics") == NSS_STATUS_UNAVAIL);
    });
}

TEST_CASE("a chroot without the file goes on with the map") {
    run_apart([] {
        publish(sample::snapshot());
        Module nss;
        EXPECT(answers(nss));
        EXPECT(mkdir("/run/empty", 0755) == 0 && chroot("/run/empty") == 0);
        EXPECT(answers(nss));
    });
}

TEST_CASE("opening and closing the module in a loop leaves one of it") {
    run_apart([] {
        publish(sample::snapshot());
        const auto mappings = [] {
            std::ifstream maps("/proc/self/maps");
            return std::count(std::istreambuf_iterator<char>(maps), {}, '\n');
        };
        long first = 0;
        for (int i = 0; i < 100; ++i) {
            Module nss;
            EXPECT(answers(nss));
            EXPECT(dlclose(nss.handle) == 0);
            if (i == 1) first = mappings();
        }
        EXPECT(mappings() <= first);
    });
}
