#include "in_child.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/wait.h>
#include <unistd.h>

std::string in_child(const std::function<std::string()>& body) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return "pipe failed";
    const pid_t pid = fork();
    if (pid < 0) return "fork failed";
    if (pid == 0) {
        close(ends[0]);
        const std::string answer = body();
        (void)!write(ends[1], answer.data(), answer.size());
        _exit(0);
    }
    close(ends[1]);
    std::string answer;
    char part[512];
    for (ssize_t size; (size = read(ends[0], part, sizeof part)) > 0;)
        answer.append(part, static_cast<size_t>(size));
    close(ends[0]);
    int status = 0;
    if (waitpid(pid, &status, 0) != pid) return "waitpid failed";
    if (WIFSIGNALED(status)) return "killed by signal " + std::to_string(WTERMSIG(status));
    return answer;
}

std::string as_user(uid_t uid, const std::function<std::string()>& body) {
    return in_child([&]() -> std::string {
        EXPECT(setgroups(0, nullptr) == 0);
        EXPECT(setresgid(uid, uid, uid) == 0);
        EXPECT(setresuid(uid, uid, uid) == 0);
        return body();
    });
}
