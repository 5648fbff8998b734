/* Loaded into CRIU (LD_PRELOAD) where the kernel refuses to tell SO_PASSCRED and SO_PASSSEC of sockets that
 * are not Unix sockets (Linux 6.16 and later). CRIU before 4.2 then fails on every network socket; such a
 * socket has neither option, so the true answer is no. */
#include <errno.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

__attribute__((visibility("default"))) int getsockopt(int fd, int level, int option, void* restrict value,
                                                      socklen_t* restrict size) {
    const long result = syscall(SYS_getsockopt, fd, level, option, value, size);
    if (result == 0 || errno != EOPNOTSUPP || level != SOL_SOCKET || *size < sizeof(int)) return (int)result;
    if (option != SO_PASSCRED && option != SO_PASSSEC) return (int)result;
    *(int*)value = 0;
    *size = sizeof(int);
    return 0;
}
