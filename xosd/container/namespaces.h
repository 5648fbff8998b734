// The namespaces of a container, from the side of the process that becomes its pid 1.
//
// Owns: clone3 into the cgroup, the id maps, the mounts inside, pivot_root, the loader's start.
// Process: a child of xosd and, inside the new namespaces, its child. Trusts: a layer mounted at LAYER/root.
#pragma once

#include "xosd/container/container.h"

namespace xos {

// The loader, listening. On failure its process is gone. The caller's mount namespace has the layer mounted.
Outcome<ContainerProcess> enter_namespaces(const ContainerSpec& spec);

// Sets the loopback interface of the calling process's network namespace up. False: errno says why.
bool raise_loopback();

}  // namespace xos
