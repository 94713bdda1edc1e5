// recvmmsg and sendmmsg over the frames of a batch, with addresses, TOS and segment sizes in control messages.
#include "internal.h"

#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

// pktinfo (28 with IPv6), TOS, segment size: 36 + 20 + 20 rounded up, with room to spare.
#define CONTROL_SIZE 128

// What one segmented send may carry: UDP_MAX_SEGMENTS of kernels before 6.9, and an IP datagram's worth of bytes.
#define SEGMENTS_MAX 64
#define SEGMENTED_BYTES_MAX 65000
// Calls that send datagram by datagram after the kernel refused a segmented send, before it is tried again.
#define PLAIN_CALLS 1024

struct culvert_vector {
    uint32_t capacity;
    uint32_t plain_calls;
    uint32_t refusals;
    uint32_t *runs;
    struct mmsghdr *headers;
    struct iovec *vectors;
    struct sockaddr_storage *names;
    unsigned char *controls;
};

struct culvert_vector *culvert_vector_create(uint32_t capacity) {
    struct culvert_vector *vector = calloc(1, sizeof *vector);
    if (vector == NULL) return NULL;
    vector->capacity = capacity;
    vector->headers = calloc(capacity, sizeof *vector->headers);
    vector->vectors = calloc(capacity, sizeof *vector->vectors);
    vector->names = calloc(capacity, sizeof *vector->names);
    vector->controls = calloc(capacity, CONTROL_SIZE);
    vector->runs = calloc(capacity, sizeof *vector->runs);
    if (!vector->headers || !vector->vectors || !vector->names || !vector->controls || !vector->runs) {
        culvert_vector_destroy(vector);
        return NULL;
    }
    return vector;
}

void culvert_vector_destroy(struct culvert_vector *vector) {
    if (vector == NULL) return;
    free(vector->headers);
    free(vector->vectors);
    free(vector->names);
    free(vector->controls);
    free(vector->runs);
    free(vector);
}

uint32_t culvert_vector_refusals(const struct culvert_vector *vector) { return vector->refusals; }

static uint64_t load64(const uint8_t *bytes) {
    uint64_t value;
    memcpy(&value, bytes, 8);
    return __builtin_bswap64(value);
}

static void store64(uint8_t *bytes, uint64_t value) {
    value = __builtin_bswap64(value);
    memcpy(bytes, &value, 8);
}

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the 64-bit loads above expect a little-endian machine"
#endif

void culvert_to_v6(const struct in6_addr *from, uint64_t *high, uint64_t *low) {
    *high = load64(from->s6_addr);
    *low = load64(from->s6_addr + 8);
}

void culvert_from_v6(uint64_t high, uint64_t low, struct in6_addr *to) {
    store64(to->s6_addr, high);
    store64(to->s6_addr + 8, low);
}

void culvert_to_address(const struct sockaddr_storage *from, struct culvert_address *to) {
    memset(to, 0, sizeof *to);
    if (from->ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)from;
        to->family = 4;
        to->port = ntohs(v4->sin_port);
        to->low = ntohl(v4->sin_addr.s_addr);
    } else if (from->ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)from;
        to->family = 6;
        to->port = ntohs(v6->sin6_port);
        to->scope = v6->sin6_scope_id;
        culvert_to_v6(&v6->sin6_addr, &to->high, &to->low);
    }
}

socklen_t culvert_from_address(const struct culvert_address *from, struct sockaddr_storage *to, bool portless) {
    if (from->family == 4) {
        struct sockaddr_in *v4 = (struct sockaddr_in *)to;
        memset(v4, 0, sizeof *v4);
        v4->sin_family = AF_INET;
        v4->sin_port = portless ? 0 : htons(from->port);
        v4->sin_addr.s_addr = htonl((uint32_t)from->low);
        return sizeof *v4;
    }
    if (from->family == 6) {
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)to;
        memset(v6, 0, sizeof *v6);
        v6->sin6_family = AF_INET6;
        v6->sin6_port = portless ? 0 : htons(from->port);
        v6->sin6_scope_id = from->scope;
        culvert_from_v6(from->high, from->low, &v6->sin6_addr);
        return sizeof *v6;
    }
    return 0;
}

static void read_control(struct msghdr *header, struct culvert_frame *frame) {
    for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c != NULL; c = CMSG_NXTHDR(header, c)) {
        size_t size = c->cmsg_len - CMSG_LEN(0);
        const unsigned char *data = CMSG_DATA(c);
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO && size >= sizeof(struct in_pktinfo)) {
            struct in_pktinfo info;
            memcpy(&info, data, sizeof info);
            frame->local.family = 4;
            frame->local.low = ntohl(info.ipi_spec_dst.s_addr);
        } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO &&
                   size >= sizeof(struct in6_pktinfo)) {
            struct in6_pktinfo info;
            memcpy(&info, data, sizeof info);
            frame->local.family = 6;
            culvert_to_v6(&info.ipi6_addr, &frame->local.high, &frame->local.low);
            if (IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr)) frame->local.scope = info.ipi6_ifindex;
        } else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS && size >= 1) {
            frame->tos = data[0];
        } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_TCLASS && size >= sizeof(int)) {
            int value;
            memcpy(&value, data, sizeof value);
            frame->tos = (uint8_t)value;
        } else if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO && size >= sizeof(int)) {
            int value;
            memcpy(&value, data, sizeof value);
            frame->segment_size = value > 0 && value <= UINT16_MAX ? (uint16_t)value : 0;
        }
    }
}

// A raw IPv4 socket delivers the IP header too: step over it.
static void strip_header(const struct culvert_layout *layout, struct culvert_frame *frame) {
    const uint8_t *bytes = layout->storage + frame->start;
    uint32_t header = frame->length > 0 ? (bytes[0] & 15u) * 4 : 0;
    if (header < 20 || header > frame->length) {
        frame->length = 0;
        return;
    }
    frame->tos = bytes[1];
    frame->start += header;
    frame->length -= header;
}

// What ICMP reported of something sent earlier, and passing want of memory, are no reason to stop receiving.
static int nothing_received(int code) {
    switch (code) {
    case EAGAIN:
    case ECONNREFUSED:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ENETDOWN:
    case EHOSTDOWN:
    case EMSGSIZE:
    case EPROTO:
    case ENOBUFS:
    case ENOMEM: return 0;
    default: return -code;
    }
}

int culvert_receive(int fd, struct culvert_vector *vector, const struct culvert_layout *layout, uint32_t first,
                    uint32_t count, uint16_t local_port, bool strip_ipv4_header) {
    if (count > vector->capacity) count = vector->capacity;
    for (uint32_t i = 0; i < count; i++) {
        const struct culvert_frame *frame = &layout->frames[first + i];
        vector->vectors[i].iov_base = layout->storage + (size_t)frame->slot * layout->stride + layout->headroom;
        vector->vectors[i].iov_len = layout->room;
        struct msghdr *header = &vector->headers[i].msg_hdr;
        header->msg_name = &vector->names[i];
        header->msg_namelen = sizeof vector->names[i];
        header->msg_iov = &vector->vectors[i];
        header->msg_iovlen = 1;
        header->msg_control = vector->controls + (size_t)i * CONTROL_SIZE;
        header->msg_controllen = CONTROL_SIZE;
        header->msg_flags = 0;
    }
    int received;
    do received = recvmmsg(fd, vector->headers, count, MSG_DONTWAIT, NULL);
    while (received < 0 && errno == EINTR);
    if (received < 0) return nothing_received(errno);
    for (int i = 0; i < received; i++) {
        struct culvert_frame *frame = &layout->frames[first + (uint32_t)i];
        struct mmsghdr *message = &vector->headers[i];
        frame->start = (uint32_t)frame->slot * layout->stride + layout->headroom;
        frame->length = message->msg_len;
        frame->tos = 0;
        frame->flags = 0;
        frame->segment_size = 0;
        frame->mark = 0;
        memset(&frame->local, 0, sizeof frame->local);
        culvert_to_address(&vector->names[i], &frame->remote);
        read_control(&message->msg_hdr, frame);
        frame->local.port = local_port;
        if ((message->msg_hdr.msg_flags & MSG_TRUNC) != 0 || frame->length > layout->room) {
            frame->flags = CULVERT_FRAME_TRUNCATED;
            frame->length = 0;
        } else if (strip_ipv4_header) {
            strip_header(layout, frame);
        }
    }
    return received;
}

static void *put_control(struct msghdr *header, int level, int type, size_t size) {
    struct cmsghdr *c = (struct cmsghdr *)((unsigned char *)header->msg_control + header->msg_controllen);
    c->cmsg_level = level;
    c->cmsg_type = type;
    c->cmsg_len = CMSG_LEN(size);
    header->msg_controllen += CMSG_SPACE(size);
    return CMSG_DATA(c);
}

static void write_control(struct msghdr *header, const struct culvert_frame *frame, uint16_t segment) {
    header->msg_controllen = 0;
    if (frame->local.family == 4 && frame->local.low != 0) {
        struct in_pktinfo info = {.ipi_spec_dst.s_addr = htonl((uint32_t)frame->local.low)};
        memcpy(put_control(header, IPPROTO_IP, IP_PKTINFO, sizeof info), &info, sizeof info);
    } else if (frame->local.family == 6 && (frame->local.high | frame->local.low) != 0) {
        struct in6_pktinfo info = {.ipi6_ifindex = frame->local.scope};
        culvert_from_v6(frame->local.high, frame->local.low, &info.ipi6_addr);
        memcpy(put_control(header, IPPROTO_IPV6, IPV6_PKTINFO, sizeof info), &info, sizeof info);
    }
    if (frame->tos != 0) {
        int tos = frame->tos;
        if (frame->remote.family == 4)
            memcpy(put_control(header, IPPROTO_IP, IP_TOS, sizeof tos), &tos, sizeof tos);
        else
            memcpy(put_control(header, IPPROTO_IPV6, IPV6_TCLASS, sizeof tos), &tos, sizeof tos);
    }
    if (segment != 0) {
        memcpy(put_control(header, IPPROTO_UDP, UDP_SEGMENT, sizeof segment), &segment, sizeof segment);
    }
    if (header->msg_controllen == 0) header->msg_control = NULL;
}

// How many frames from `first` on make one segmented send (udp(7), UDP_SEGMENT): the same two ends and TOS, and the same
// length but for the last, which may be shorter.
static uint32_t segment_run(const struct culvert_layout *layout, uint32_t first, uint32_t end) {
    const struct culvert_frame *head = &layout->frames[first];
    uint32_t bytes = head->length, next = first + 1;
    if (head->length == 0 || head->segment_size != 0) return 1;
    while (next < end && next - first < SEGMENTS_MAX) {
        const struct culvert_frame *frame = &layout->frames[next];
        if (frame->length == 0 || frame->length > head->length || bytes + frame->length > SEGMENTED_BYTES_MAX ||
            frame->segment_size != 0 || frame->tos != head->tos ||
            memcmp(&frame->remote, &head->remote, sizeof head->remote) != 0 ||
            memcmp(&frame->local, &head->local, sizeof head->local) != 0)
            break;
        bytes += frame->length;
        next++;
        if (frame->length < head->length) break;
    }
    return next - first;
}

// Fills one message a run of frames; returns the number of messages.
static uint32_t prepare_send(struct culvert_vector *vector, const struct culvert_layout *layout, uint32_t first,
                             uint32_t count, bool portless, bool segmented) {
    uint32_t messages = 0;
    for (uint32_t i = 0; i < count; messages++) {
        const struct culvert_frame *frame = &layout->frames[first + i];
        uint32_t run = segmented ? segment_run(layout, first + i, first + count) : 1;
        for (uint32_t k = i; k < i + run; k++) {
            vector->vectors[k].iov_base = layout->storage + layout->frames[first + k].start;
            vector->vectors[k].iov_len = layout->frames[first + k].length;
        }
        struct msghdr *header = &vector->headers[messages].msg_hdr;
        header->msg_name = &vector->names[messages];
        header->msg_namelen = culvert_from_address(&frame->remote, &vector->names[messages], portless);
        header->msg_iov = &vector->vectors[i];
        header->msg_iovlen = run;
        header->msg_control = vector->controls + (size_t)messages * CONTROL_SIZE;
        header->msg_flags = 0;
        uint16_t segment = frame->length > frame->segment_size ? frame->segment_size : 0;
        write_control(header, frame, run > 1 ? (uint16_t)frame->length : segment);
        vector->runs[messages] = run;
        i += run;
    }
    return messages;
}

// Runs of equal datagrams go down the stack as one (UDP_SEGMENT). Where the kernel refuses that (a device that cannot add
// checksums, datagrams that have to be fragmented), they go one by one.
int culvert_send(int fd, struct culvert_vector *vector, const struct culvert_layout *layout, uint32_t first,
                 uint32_t count, bool portless, bool merged) {
    if (count > vector->capacity) count = vector->capacity;
    bool segmented = merged && vector->plain_calls == 0;
    if (vector->plain_calls > 0) vector->plain_calls--;
    for (;;) {
        uint32_t messages = prepare_send(vector, layout, first, count, portless, segmented);
        int sent;
        do sent = sendmmsg(fd, vector->headers, messages, MSG_DONTWAIT | MSG_NOSIGNAL);
        while (sent < 0 && errno == EINTR);
        if (sent >= 0) {
            uint32_t frames = 0;
            for (int i = 0; i < sent; i++) frames += vector->runs[i];
            return (int)frames;
        }
        bool is_full = errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS || errno == ENOMEM;
        if (is_full || messages == 0 || vector->runs[0] == 1) return culvert_result(sent);
        vector->plain_calls = PLAIN_CALLS;
        vector->refusals++;
        segmented = false;
    }
}
