// The "checkpointable" profile: what a job cannot do because a checkpoint could not carry it.
//
// Owns: the system call filter of applications. Process: xos-loader's child, right before execve.
// Answers ENOSYS where libraries then fall back to other means (io_uring, userfaultfd, perf, memfd_secret,
// Landlock, clone3), EPERM for namespaces, mounts and a change of the session keyring. Foreign architectures
// get ENOSYS.
#pragma once

namespace xos::loader {

// Needs no_new_privs. False: errno says why.
bool install_seccomp_profile();

}  // namespace xos::loader
