// io.systemd.UserDatabase as data: what libsystemd checks parameters against. Defined in C: the macros of
// sd-varlink-idl.h use flexible array members, which are no C++. The interface is systemd's:
// https://systemd.io/USER_GROUP_API. Process: xos-userdb. Owns constants only.
#pragma once

#include <systemd/sd-varlink-idl.h>

#ifdef __cplusplus
extern "C" {
#endif

extern const sd_varlink_interface xos_interface_user_database;

#ifdef __cplusplus
}
#endif
