/* A process that looks one user up, or none: bench/accounts takes its CPU time.
 *
 *     one_look_up [SERVICE NAME]     exits with 0 where the service of nsswitch.conf(5) knows the user
 */
#include <nss.h>
#include <pwd.h>
#include <stddef.h>

int main(int argc, char** argv) {
    if (argc != 3) return 0;
    struct passwd entry;
    struct passwd* found = NULL;
    char buffer[1024];
    if (__nss_configure_lookup("passwd", argv[1]) != 0) return 2;
    return getpwnam_r(argv[2], &entry, buffer, sizeof buffer, &found) == 0 && found != NULL ? 0 : 1;
}
