// Shared by the files of this shim.
#ifndef CULVERT_CLINUX_INTERNAL_H
#define CULVERT_CLINUX_INTERNAL_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "CLinux.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

// The result, or -errno.
static inline int culvert_result(int value) { return value < 0 ? -errno : value; }

void culvert_to_address(const struct sockaddr_storage *from, struct culvert_address *to);
socklen_t culvert_from_address(const struct culvert_address *from, struct sockaddr_storage *to, bool portless);
void culvert_from_v6(uint64_t high, uint64_t low, struct in6_addr *to);
void culvert_to_v6(const struct in6_addr *from, uint64_t *high, uint64_t *low);

#endif
