// Namespaces, process attributes, spawning, netlink sockets.
#include "internal.h"

#include <fcntl.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

int culvert_memfd(const char *name) { return culvert_result(memfd_create(name, MFD_CLOEXEC)); }

int culvert_pipe(int ends[2]) { return culvert_result(pipe2(ends, O_CLOEXEC)); }

int culvert_peer_credentials(int fd, int32_t *pid, uint32_t *uid, uint32_t *gid) {
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0) return -errno;
    *pid = peer.pid;
    *uid = peer.uid;
    *gid = peer.gid;
    return 0;
}

int culvert_notify(const char *path, const char *message, size_t length) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    size_t size = strlen(path);
    if ((path[0] != '/' && path[0] != '@') || size >= sizeof name.sun_path) return -EINVAL;
    memcpy(name.sun_path, path, size);
    if (path[0] == '@') name.sun_path[0] = 0;  // the abstract name space
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    ssize_t sent = sendto(fd, message, length, MSG_NOSIGNAL, (struct sockaddr *)&name,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size));
    int result = sent < 0 ? -errno : 0;
    close(fd);
    return result;
}

int culvert_unshare_network(void) { return culvert_result(unshare(CLONE_NEWNET)); }
int culvert_enter_namespace(int fd) { return culvert_result(setns(fd, CLONE_NEWNET)); }
int culvert_set_parent_death_signal(int signal) { return culvert_result(prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0)); }
int culvert_set_dumpable(bool dumpable) { return culvert_result(prctl(PR_SET_DUMPABLE, dumpable ? 1 : 0, 0, 0, 0)); }
int culvert_set_no_new_privileges(void) { return culvert_result(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)); }
int culvert_set_thread_name(const char *name) { return culvert_result(prctl(PR_SET_NAME, name, 0, 0, 0)); }

int culvert_ignore_signal(int signal) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = SIG_IGN;
    return culvert_result(sigaction(signal, &action, NULL));
}

int culvert_lock_file(int fd, bool wait) {
    int result;
    do result = flock(fd, LOCK_EX | (wait ? 0 : LOCK_NB));
    while (result < 0 && errno == EINTR);
    return culvert_result(result);
}

// Starts a program in a session of its own with every signal at its default; `inherited` becomes descriptor `as`, the
// standard ones are /dev/null: it must hold open nobody's terminal or pipe.
int culvert_spawn(const char *path, char *const arguments[], char *const environment[], int inherited, int as) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    pid_t child = 0;
    int failed = posix_spawn_file_actions_init(&actions);
    if (failed != 0) return -failed;
    failed = posix_spawnattr_init(&attributes);
    if (failed != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return -failed;
    }
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    failed = posix_spawn_file_actions_adddup2(&actions, inherited, as);
    for (int standard = 0; failed == 0 && standard < 3; standard++)
        failed = posix_spawn_file_actions_addopen(&actions, standard, "/dev/null", O_RDWR, 0);
    if (failed == 0) failed = posix_spawn(&child, path, &actions, &attributes, arguments, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return failed != 0 ? -failed : child;
}

int culvert_netlink_socket(int protocol) {
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
    if (fd < 0) return -errno;
    struct sockaddr_nl name = {.nl_family = AF_NETLINK};
    // An answer that does not come within this time is a failure, never a hang.
    struct timeval patience = {5, 0};
    if (bind(fd, (struct sockaddr *)&name, sizeof name) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) < 0) {
        int failed = errno;
        close(fd);
        return -failed;
    }
    // Older kernels lack these; the answers are then only less detailed.
    (void)culvert_set_option(fd, SOL_NETLINK, NETLINK_EXT_ACK, 1);
    (void)culvert_set_option(fd, SOL_NETLINK, NETLINK_CAP_ACK, 1);
    (void)culvert_set_option(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1);
    (void)culvert_set_buffers(fd, true, 1 << 20);
    return fd;
}

int culvert_netlink_send(int fd, const void *bytes, size_t count) {
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    ssize_t sent;
    do sent = sendto(fd, bytes, count, MSG_NOSIGNAL, (struct sockaddr *)&kernel, sizeof kernel);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : 0;
}

int64_t culvert_netlink_receive(int fd, void *bytes, size_t capacity, uint32_t *sender) {
    struct sockaddr_nl name = {.nl_family = AF_NETLINK};
    struct iovec vector = {bytes, capacity};
    struct msghdr header = {.msg_name = &name, .msg_namelen = sizeof name, .msg_iov = &vector, .msg_iovlen = 1};
    ssize_t got;
    do got = recvmsg(fd, &header, MSG_TRUNC);
    while (got < 0 && errno == EINTR);
    if (got < 0) return -errno;
    *sender = name.nl_pid;
    return got;
}

int culvert_interface_index(const char *name) {
    unsigned index = if_nametoindex(name);
    return index == 0 ? -errno : (int)index;
}
