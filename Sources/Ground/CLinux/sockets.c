// Socket set-up: addresses, options, path MTU.
#include "internal.h"

#include <netinet/ip.h>
#include <netinet/udp.h>
#include <string.h>
#include <unistd.h>

#ifndef UDP_GRO
#define UDP_GRO 104
#endif

int culvert_socket(int family, int type, int protocol) {
    return culvert_result(
        socket(family == 4 ? AF_INET : AF_INET6, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));
}

int culvert_bind(int fd, const struct culvert_address *address) {
    struct sockaddr_storage name;
    socklen_t size = culvert_from_address(address, &name, false);
    if (size == 0) return -EAFNOSUPPORT;
    return culvert_result(bind(fd, (struct sockaddr *)&name, size));
}

int culvert_connect(int fd, const struct culvert_address *address) {
    struct sockaddr_storage name;
    socklen_t size = culvert_from_address(address, &name, false);
    if (size == 0) return -EAFNOSUPPORT;
    return culvert_result(connect(fd, (struct sockaddr *)&name, size));
}

int culvert_local_address(int fd, struct culvert_address *address) {
    struct sockaddr_storage name;
    socklen_t size = sizeof name;
    memset(&name, 0, sizeof name);
    if (getsockname(fd, (struct sockaddr *)&name, &size) < 0) return -errno;
    culvert_to_address(&name, address);
    return 0;
}

int culvert_set_option(int fd, int level, int name, int value) {
    return culvert_result(setsockopt(fd, level, name, &value, sizeof value));
}

int culvert_get_option(int fd, int level, int name) {
    int value = 0;
    socklen_t size = sizeof value;
    if (getsockopt(fd, level, name, &value, &size) < 0) return -errno;
    return value;
}

int culvert_enable_packet_info(int fd, int family) {
    int result;
    if (family == 4) {
        if ((result = culvert_set_option(fd, IPPROTO_IP, IP_PKTINFO, 1)) < 0) return result;
        return culvert_set_option(fd, IPPROTO_IP, IP_RECVTOS, 1);
    }
    // A raw socket has no port to share with IPv4, and Linux refuses the option there.
    if (culvert_get_option(fd, SOL_SOCKET, SO_TYPE) == SOCK_DGRAM &&
        (result = culvert_set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1)) < 0)
        return result;
    if ((result = culvert_set_option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)) < 0) return result;
    return culvert_set_option(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
}

int culvert_set_path_mtu_discovery(int fd, int family, int mode) {
    if (family == 4) return culvert_set_option(fd, IPPROTO_IP, IP_MTU_DISCOVER, mode);
    return culvert_set_option(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, mode);
}

int culvert_path_mtu(int fd, int family) {
    return family == 4 ? culvert_get_option(fd, IPPROTO_IP, IP_MTU)
                       : culvert_get_option(fd, IPPROTO_IPV6, IPV6_MTU);
}

int culvert_set_buffers(int fd, bool receive, int bytes) {
    // The FORCE form passes net.core.[rw]mem_max, for who has CAP_NET_ADMIN.
    int result = culvert_set_option(fd, SOL_SOCKET, receive ? SO_RCVBUFFORCE : SO_SNDBUFFORCE, bytes);
    if (result < 0) result = culvert_set_option(fd, SOL_SOCKET, receive ? SO_RCVBUF : SO_SNDBUF, bytes);
    if (result < 0) return result;
    return culvert_get_option(fd, SOL_SOCKET, receive ? SO_RCVBUF : SO_SNDBUF);
}

int culvert_enable_gro(int fd) { return culvert_set_option(fd, IPPROTO_UDP, UDP_GRO, 1); }

int64_t culvert_socket_drops(int fd) {
    uint32_t info[9] = {0};  // SK_MEMINFO_VARS; the last is SK_MEMINFO_DROPS
    socklen_t size = sizeof info;
    if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &size) < 0) return -errno;
    return info[8];
}
