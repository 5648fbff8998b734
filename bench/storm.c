/* The storm of bench/tracking: COUNT times fork, exec of itself without an argument, wait. Static and small,
 * so that a process costs as little as one can; whoever listens shows the more. */
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char** argv) {
    char* arguments[] = {argv[0], NULL};
    if (argc != 2) return 0;
    for (int i = atoi(argv[1]); i > 0; --i) {
        int status = 0;
        const pid_t pid = fork();
        if (pid < 0) return 1;
        if (pid == 0) {
            execve(argv[0], arguments, environ);
            _exit(127);
        }
        if (waitpid(pid, &status, 0) != pid || status != 0) return 1;
    }
    return 0;
}
