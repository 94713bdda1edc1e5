// What the Glibc module cannot express: variadic calls, packed structures and cmsg macros. Every function returns a
// value >= 0, or -errno; none keeps state between calls except what the caller hands in. The Swift caller checks
// lengths before it calls.
#ifndef CULVERT_CLINUX_H
#define CULVERT_CLINUX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// An address with its port, in host order. Same layout as PacketIO.PacketAddress.
struct culvert_address {
    uint8_t family;  // 0 for none, 4 or 6
    uint8_t reserved;
    uint16_t port;
    uint32_t scope;  // interface index of a link-local IPv6 address, else 0
    uint64_t high;   // upper half of an IPv6 address
    uint64_t low;    // lower half, or the IPv4 address
};

// One frame of a batch. Same layout as PacketIO.PacketFrame.
struct culvert_frame {
    uint32_t start;   // offset of the first byte from the start of the batch's storage
    uint32_t length;  // bytes
    struct culvert_address remote;
    struct culvert_address local;
    uint8_t tos;
    uint8_t flags;
    uint16_t segment_size;  // 0 for one datagram; else the datagram length of a GSO or GRO super-frame
    uint16_t slot;          // which stride of the storage the bytes live in
    uint16_t mark;          // the owner's
};

enum { CULVERT_FRAME_TRUNCATED = 1, CULVERT_FRAME_FAILED = 2 };

// How the storage of a batch is cut.
struct culvert_layout {
    uint8_t *storage;
    struct culvert_frame *frames;
    uint32_t stride;
    uint32_t headroom;
    uint32_t room;  // bytes that may be received behind the headroom
};

// Scratch for recvmmsg and sendmmsg: headers, vectors, names and control buffers of `capacity` messages.
struct culvert_vector;
struct culvert_vector *culvert_vector_create(uint32_t capacity);
void culvert_vector_destroy(struct culvert_vector *vector);
uint32_t culvert_vector_refusals(const struct culvert_vector *vector);  // segmented sends that the kernel refused

// Sockets and batches. `first + count` lies within the capacity of batch and vector.
int culvert_receive(int fd, struct culvert_vector *vector, const struct culvert_layout *layout, uint32_t first,
                    uint32_t count, uint16_t local_port, bool strip_ipv4_header);
int culvert_send(int fd, struct culvert_vector *vector, const struct culvert_layout *layout, uint32_t first,
                 uint32_t count, bool portless, bool merged);  // merged: UDP_SEGMENT for runs of equal frames
int culvert_socket(int family, int type, int protocol);  // family 4 or 6; non-blocking, close on exec
int culvert_bind(int fd, const struct culvert_address *address);
int culvert_connect(int fd, const struct culvert_address *address);
int culvert_local_address(int fd, struct culvert_address *address);
int culvert_set_option(int fd, int level, int name, int value);
int culvert_get_option(int fd, int level, int name);
int culvert_enable_packet_info(int fd, int family);  // pktinfo and TOS with every datagram, v6only on IPv6
int culvert_set_path_mtu_discovery(int fd, int family, int mode);
int culvert_path_mtu(int fd, int family);
int culvert_set_buffers(int fd, bool receive, int bytes);
int culvert_enable_gro(int fd);
int64_t culvert_socket_drops(int fd);  // datagrams dropped for want of receive buffer

// TUN
// `*vnet` asks for a virtio_net_hdr of 10 bytes in front of each packet, and says whether there is one.
int culvert_tun_attach(int fd, const char *name, char *actual, size_t actual_size, bool multi_queue, bool *vnet);
enum {
    CULVERT_TUN_CHECKSUM = 1,
    CULVERT_TUN_TCP4 = 2,
    CULVERT_TUN_TCP6 = 4,
    CULVERT_TUN_TCP_ECN = 8,
    CULVERT_TUN_UDP = 16  // of either family: the kernel knows them together only
};
int culvert_tun_offload(int fd, int features);

// Waiting
struct culvert_event {
    uint64_t token;
    uint32_t events;
};
enum { CULVERT_READABLE = 1, CULVERT_WRITABLE = 2, CULVERT_CLOSED = 4, CULVERT_EDGE = 8 };
enum { CULVERT_POLL_ADD = 1, CULVERT_POLL_MODIFY = 2, CULVERT_POLL_REMOVE = 3 };
int culvert_epoll_create(void);
int culvert_epoll_control(int epoll, int operation, int fd, uint32_t events, uint64_t token);
int culvert_epoll_wait(int epoll, struct culvert_event *events, int capacity, int milliseconds);
int culvert_eventfd(void);
int culvert_eventfd_signal(int fd);
int culvert_eventfd_clear(int fd);
int culvert_timerfd(void);
int culvert_timerfd_set(int fd, int64_t nanoseconds);  // after which it becomes readable; 0 disarms
int culvert_timerfd_clear(int fd);
int culvert_signalfd(const int *signals, int count);  // blocks them in the calling thread
int culvert_signalfd_read(int fd);                    // a signal number, or 0 when none is pending

// Clocks and randomness
int64_t culvert_clock_boottime(void);  // nanoseconds, time asleep counted
int64_t culvert_clock_realtime(void);  // nanoseconds since 1970
int culvert_random(void *bytes, size_t count);

// Processes, files and namespaces
int culvert_memfd(const char *name);
int culvert_pipe(int ends[2]);  // closed on exec
int culvert_peer_credentials(int fd, int32_t *pid, uint32_t *uid, uint32_t *gid);
int culvert_notify(const char *path, const char *message, size_t length);
int culvert_unshare_network(void);
int culvert_enter_namespace(int fd);
int culvert_set_parent_death_signal(int signal);
int culvert_set_dumpable(bool dumpable);
int culvert_set_no_new_privileges(void);
int culvert_set_thread_name(const char *name);
int culvert_ignore_signal(int signal);
int culvert_lock_file(int fd, bool wait);
int culvert_spawn(const char *path, char *const arguments[], char *const environment[], int inherited, int as);

// Netlink
int culvert_netlink_socket(int protocol);
int culvert_netlink_send(int fd, const void *bytes, size_t count);
// Returns the datagram's whole length, which may exceed `capacity`; `sender` gets the sender's port id (0: the kernel).
int64_t culvert_netlink_receive(int fd, void *bytes, size_t capacity, uint32_t *sender);
int culvert_interface_index(const char *name);

// Atomics on ring memory
static inline uint64_t culvert_load_acquire(const uint64_t *word) { return __atomic_load_n(word, __ATOMIC_ACQUIRE); }
static inline uint64_t culvert_load_relaxed(const uint64_t *word) { return __atomic_load_n(word, __ATOMIC_RELAXED); }
static inline void culvert_store_release(uint64_t *word, uint64_t value) {
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}
static inline bool culvert_compare_exchange(uint64_t *word, uint64_t expected, uint64_t desired) {
    return __atomic_compare_exchange_n(word, &expected, desired, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}
static inline uint64_t culvert_exchange(uint64_t *word, uint64_t value) {
    return __atomic_exchange_n(word, value, __ATOMIC_SEQ_CST);
}

#endif
