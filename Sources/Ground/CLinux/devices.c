// TUN queues, epoll, eventfd, timerfd, signalfd, clocks, randomness.
#include "internal.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

// Linux 6.2 brought these; older headers lack them.
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

int culvert_tun_attach(int fd, const char *name, char *actual, size_t actual_size, bool multi_queue, bool *vnet) {
    struct ifreq request;
    memset(&request, 0, sizeof request);
    if (strlen(name) >= sizeof request.ifr_name || actual_size < sizeof request.ifr_name) return -EINVAL;
    strcpy(request.ifr_name, name);
    short flags = (short)(IFF_TUN | IFF_NO_PI | (multi_queue ? IFF_MULTI_QUEUE : 0));
    request.ifr_flags = (short)(flags | (*vnet ? IFF_VNET_HDR : 0));
    int result = ioctl(fd, TUNSETIFF, &request);
    if (result < 0 && errno == EINVAL && *vnet) {
        *vnet = false;
        request.ifr_flags = flags;
        result = ioctl(fd, TUNSETIFF, &request);
    }
    if (result < 0) return -errno;
    memcpy(actual, request.ifr_name, sizeof request.ifr_name);
    actual[sizeof request.ifr_name - 1] = 0;
    return 0;
}

int culvert_tun_offload(int fd, int features) {
    unsigned long flags = 0;
    if (features & CULVERT_TUN_CHECKSUM) flags |= TUN_F_CSUM;
    if (features & CULVERT_TUN_TCP4) flags |= TUN_F_TSO4;
    if (features & CULVERT_TUN_TCP6) flags |= TUN_F_TSO6;
    if (features & CULVERT_TUN_TCP_ECN) flags |= TUN_F_TSO_ECN;
    if (features & CULVERT_TUN_UDP) flags |= TUN_F_USO4 | TUN_F_USO6;
    return culvert_result(ioctl(fd, TUNSETOFFLOAD, flags));
}

int culvert_epoll_create(void) { return culvert_result(epoll_create1(EPOLL_CLOEXEC)); }

int culvert_epoll_control(int epoll, int operation, int fd, uint32_t events, uint64_t token) {
    struct epoll_event event = {.events = 0, .data.u64 = token};
    if (events & CULVERT_READABLE) event.events |= EPOLLIN | EPOLLRDHUP;
    if (events & CULVERT_WRITABLE) event.events |= EPOLLOUT;
    if (events & CULVERT_EDGE) event.events |= EPOLLET;
    int code = operation == CULVERT_POLL_ADD      ? EPOLL_CTL_ADD
               : operation == CULVERT_POLL_MODIFY ? EPOLL_CTL_MOD
                                                  : EPOLL_CTL_DEL;
    return culvert_result(epoll_ctl(epoll, code, fd, &event));
}

int culvert_epoll_wait(int epoll, struct culvert_event *events, int capacity, int milliseconds) {
    struct epoll_event raw[64];
    if (capacity > 64) capacity = 64;
    int count = epoll_wait(epoll, raw, capacity, milliseconds);
    if (count < 0) return errno == EINTR ? 0 : -errno;
    for (int i = 0; i < count; i++) {
        uint32_t flags = raw[i].events;
        events[i].token = raw[i].data.u64;
        events[i].events = ((flags & EPOLLIN) ? CULVERT_READABLE : 0) | ((flags & EPOLLOUT) ? CULVERT_WRITABLE : 0) |
                           ((flags & (EPOLLHUP | EPOLLERR | EPOLLRDHUP)) ? CULVERT_CLOSED : 0);
    }
    return count;
}

int culvert_eventfd(void) { return culvert_result(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)); }

int culvert_eventfd_signal(int fd) {
    uint64_t one = 1;
    ssize_t written;
    do written = write(fd, &one, sizeof one);
    while (written < 0 && errno == EINTR);
    return written < 0 && errno != EAGAIN ? -errno : 0;  // EAGAIN: the counter is full, so it is signalled already
}

int culvert_eventfd_clear(int fd) {
    uint64_t value;
    ssize_t got;
    do got = read(fd, &value, sizeof value);
    while (got < 0 && errno == EINTR);
    if (got < 0) return errno == EAGAIN ? 0 : -errno;
    return 1;
}

int culvert_timerfd(void) { return culvert_result(timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK)); }

int culvert_timerfd_set(int fd, int64_t nanoseconds) {
    struct itimerspec when = {{0, 0}, {nanoseconds / 1000000000, nanoseconds % 1000000000}};
    return culvert_result(timerfd_settime(fd, 0, &when, NULL));
}

int culvert_timerfd_clear(int fd) { return culvert_eventfd_clear(fd); }

int culvert_signalfd(const int *signals, int count) {
    sigset_t set;
    sigemptyset(&set);
    for (int i = 0; i < count; i++) sigaddset(&set, signals[i]);
    int failed = pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (failed != 0) return -failed;
    return culvert_result(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

int culvert_signalfd_read(int fd) {
    struct signalfd_siginfo info;
    ssize_t got;
    do got = read(fd, &info, sizeof info);
    while (got < 0 && errno == EINTR);
    if (got < 0) return errno == EAGAIN ? 0 : -errno;
    return got == (ssize_t)sizeof info ? (int)info.ssi_signo : 0;
}

static int64_t read_clock(clockid_t clock) {
    struct timespec now;
    if (clock_gettime(clock, &now) != 0) __builtin_trap();  // both clocks exist on every kernel we run on
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t culvert_clock_boottime(void) { return read_clock(CLOCK_BOOTTIME); }
int64_t culvert_clock_realtime(void) { return read_clock(CLOCK_REALTIME); }

int culvert_random(void *bytes, size_t count) {
    uint8_t *at = bytes;
    while (count > 0) {
        ssize_t got = getrandom(at, count > 256 ? 256 : count, 0);
        if (got < 0) {
            if (errno == EINTR) continue;
            return -errno;
        }
        at += got;
        count -= (size_t)got;
    }
    return 0;
}
