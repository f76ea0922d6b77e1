/* Receiving: an AF_PACKET socket with a mapped ring (TPACKET_V2), or an AF_XDP socket.
 *
 * A slot of the ring has room for a frame of the MTU that the interface has when it is opened. Of a longer one the
 * ring has the beginning, and the whole waits in the socket's own queue (PACKET_COPY_THRESH), in the same order: what
 * comes when the MTU has been raised since, and what a sender's kernel left to its card to cut up, which segment.c does
 * here. So no memory is kept for what may never come, and an MTU may be changed at any time. Such a frame costs a
 * system call, hence not one size of slots for all.
 *
 * Frames get back what the kernel took out or left undone: the VLAN tag, the transport checksum. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "bits.h"
#include "link.h"

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif

enum {
    SMALL_SLOT = 2048,
    SMALL_SLOTS = 2048,
    SMALL_BLOCK = 16 * SMALL_SLOT, /* whole pages */
    LARGE_SLOT = 10240,
    LARGE_SLOTS = 512,
    LARGE_BLOCK = 4 * LARGE_SLOT,
    PLUGGED_SHARE = 4,             /* of which a port that is one of many has one */
    SLOT_HEAD = 256,               /* of a slot; the kernel's, at most */
    QUEUE_BYTES = 8 * 1024 * 1024, /* a limit, of which nothing is taken in advance */
    MOST_TRIES = 4,
    TAG_BYTES = 4,
    ADDRESSES = 2 * ETH_ALEN,
};

static bool set_option(int fd, int option, int value)
{
    return setsockopt(fd, SOL_PACKET, option, &value, sizeof value) == 0;
}

static bool open_ring(struct link *link, int mtu, bool small)
{
    bool large = mtu > SMALL_SLOT - SLOT_HEAD;
    struct tpacket_req request = {
        .tp_block_size = large ? LARGE_BLOCK : SMALL_BLOCK,
        .tp_frame_size = large ? LARGE_SLOT : SMALL_SLOT,
        .tp_frame_nr = (large ? LARGE_SLOTS : SMALL_SLOTS) / (small ? PLUGGED_SHARE : 1),
    };
    request.tp_block_nr = request.tp_frame_nr / (request.tp_block_size / request.tp_frame_size);
    if (setsockopt(link->receive_fd, SOL_PACKET, PACKET_RX_RING, &request, sizeof request))
        return false;
    link->slot = request.tp_frame_size;
    link->slots = request.tp_frame_nr;
    link->ring_size = (size_t)link->slot * link->slots;
    void *ring = mmap(NULL, link->ring_size, PROT_READ | PROT_WRITE, MAP_SHARED, link->receive_fd, 0);
    if (ring == MAP_FAILED)
        return false;
    link->ring = ring;
    return true;
}

bool receive_open(struct link *link, int mtu, bool small)
{
    /* Protocol 0: nothing arrives before the socket is bound to its interface. */
    int fd = link->receive_fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || !set_option(fd, PACKET_VERSION, TPACKET_V2) || !set_option(fd, PACKET_VNET_HDR, 1) ||
        !set_option(fd, PACKET_COPY_THRESH, 1))
        return false;
    set_option(fd, PACKET_IGNORE_OUTGOING, 1);
    /* Frames get their time where they enter the kernel, not where it has come round to them. */
    int on = 1, room = QUEUE_BYTES;
    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room))
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    if (!open_ring(link, mtu, small))
        return false;
    struct packet_mreq everything = {.mr_ifindex = (int)link->index, .mr_type = PACKET_MR_PROMISC};
    setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &everything, sizeof everything);
    struct sockaddr_ll address = {
        .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = (int)link->index};
    return bind(fd, (struct sockaddr *)&address, sizeof address) == 0;
}

void receive_close(struct link *link)
{
    if (link->ring)
        munmap(link->ring, link->ring_size);
    if (link->receive_fd >= 0)
        close(link->receive_fd); /* leaves the epoll set with it */
    free(link->offloaded);
}

static void count_drop(struct engine *engine, struct port *port, enum drop_reason reason)
{
    port->drops[reason]++;
    engine->drops[reason]++;
}

/* When a frame came into the ring, by the engine's clock; a clock that was set meanwhile does no harm. */
static uint64_t arrival_ns(const struct engine *engine, const struct tpacket2_hdr *header, uint64_t real_ns,
                           uint64_t empty_ns)
{
    if (engine->held)
        return engine->now_ns;
    uint64_t came_ns = (uint64_t)header->tp_sec * 1000000000 + header->tp_nsec;
    uint64_t age_ns = came_ns < real_ns ? real_ns - came_ns : 0, most_ns = engine->now_ns - empty_ns;
    return engine->now_ns - (age_ns < most_ns ? age_ns : most_ns);
}

/* Count the frames that found the ring full since it was looked at last. */
static void count_losses(struct engine *engine, struct port *port)
{
    struct tpacket_stats losses;
    socklen_t size = sizeof losses;
    if (getsockopt(port->link->receive_fd, SOL_PACKET, PACKET_STATISTICS, &losses, &size))
        return;
    port->drops[DROP_NO_BUFFER] += losses.tp_drops;
    engine->drops[DROP_NO_BUFFER] += losses.tp_drops;
}

static uint64_t real_time_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* The next of the frames that the ring had no room for, which is no longer in the queue then; false: it was not there,
 * or is longer than `room`. */
static bool take_queued(const struct link *link, uint8_t *to, uint32_t room, uint32_t length)
{
    struct virtio_net_hdr again; /* the ring has it, too */
    struct iovec parts[] = {{&again, sizeof again}, {to, room}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    ssize_t got = -1;
    /* An interface that goes down leaves its error to whoever reads next. */
    for (int i = 0; i < MOST_TRIES && got < 0; i++)
        got = recvmsg(link->receive_fd, &message, MSG_DONTWAIT | MSG_TRUNC);
    return got >= 0 && (uint64_t)got == sizeof again + (uint64_t)length && length <= room;
}

static bool has_tag(const struct tpacket2_hdr *header)
{
    return header->tp_status & TP_STATUS_VLAN_VALID;
}

/* The frame is TAG_BYTES behind `to`. */
static void put_tag_back(uint8_t *to, const struct tpacket2_hdr *header)
{
    memmove(to, to + TAG_BYTES, ADDRESSES);
    uint16_t tpid = header->tp_status & TP_STATUS_VLAN_TPID_VALID ? header->tp_vlan_tpid : ETH_P_8021Q;
    store_bytes(to + ADDRESSES, tpid, 2);
    store_bytes(to + ADDRESSES + 2, header->tp_vlan_tci, 2);
}

/* The frame at `to`, as it was on the wire: its length with the tag. 0: it is lost. */
static uint32_t take_frame(const struct link *link, const struct tpacket2_hdr *header, uint8_t *to, uint32_t room)
{
    uint32_t tag = has_tag(header) ? TAG_BYTES : 0;
    if (header->tp_status & TP_STATUS_COPY) {
        if (!take_queued(link, to + tag, room - tag, header->tp_len))
            return 0;
    } else {
        memcpy(to + tag, (const uint8_t *)header + header->tp_mac, header->tp_snaplen);
    }
    if (tag)
        put_tag_back(to, header);
    return header->tp_len + tag;
}

static void receive_offloaded(struct engine *engine, struct port *port, const struct tpacket2_hdr *header,
                              const struct virtio_net_hdr *offload, uint64_t at_ns)
{
    struct link *link = port->link;
    if (!link->offloaded)
        link->offloaded = malloc(LONGEST_OFFLOADED);
    uint32_t length = 0;
    if (link->offloaded)
        length = take_frame(link, header, link->offloaded, LONGEST_OFFLOADED);
    link->offloaded_ns = at_ns;
    enum segments_answer answer = SEGMENTS_REFUSED;
    if (length)
        answer = segments_begin(&link->segments, link->offloaded, length, offload, LONGEST_FRAME);
    if (answer != SEGMENTS_BEGUN)
        count_drop(engine, port, answer == SEGMENTS_TOO_LONG ? DROP_TOO_LONG : DROP_OFFLOAD);
}

static void receive_segment(struct engine *engine, struct port *port)
{
    struct link *link = port->link;
    struct packet *packet = packet_new(engine->pipeline);
    if (!packet) {
        segments_skip(&link->segments);
        count_drop(engine, port, DROP_NO_BUFFER);
        return;
    }
    packet->length = segments_next(&link->segments, packet->data);
    packet->at_ns = link->until_ns = link->offloaded_ns;
    process_receive(engine, port, packet);
}

/* Take what is not wanted out of the queue. */
static void refuse(struct engine *engine, struct port *port, const struct tpacket2_hdr *header, enum drop_reason reason)
{
    if (header->tp_status & TP_STATUS_COPY)
        take_queued(port->link, NULL, 0, 0);
    count_drop(engine, port, reason);
}

static void receive_frame(struct engine *engine, struct port *port, const struct tpacket2_hdr *header, uint64_t at_ns)
{
    bool whole = header->tp_snaplen == header->tp_len || header->tp_status & TP_STATUS_COPY;
    uint32_t tag = has_tag(header) ? TAG_BYTES : 0;
    if (!whole) {
        refuse(engine, port, header, DROP_NO_BUFFER); /* the queue was full */
        return;
    }
    struct virtio_net_hdr offload;
    memcpy(&offload, (const uint8_t *)header + header->tp_mac - sizeof offload, sizeof offload);
    offload.csum_start = (uint16_t)(offload.csum_start + tag);
    if (offload.gso_type != VIRTIO_NET_HDR_GSO_NONE) {
        receive_offloaded(engine, port, header, &offload, at_ns);
        return;
    }
    if (header->tp_len + tag > LONGEST_FRAME || header->tp_len < ETH_HLEN) {
        refuse(engine, port, header, DROP_TOO_LONG);
        return;
    }
    struct packet *packet = packet_new(engine->pipeline);
    if (!packet) {
        refuse(engine, port, header, DROP_NO_BUFFER);
        return;
    }
    packet->length = take_frame(port->link, header, packet->data, LONGEST_FRAME);
    packet->at_ns = at_ns;
    if (!packet->length) {
        packet_free(packet);
        count_drop(engine, port, DROP_NO_BUFFER);
        return;
    }
    if (offload.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
        checksum_complete(packet->data, packet->length, offload.csum_start, offload.csum_offset);
    process_receive(engine, port, packet);
}

static bool receive_xdp(struct engine *engine, struct port *port)
{
    struct xdp *xdp = port->link->xdp;
    uint32_t done = 0, length;
    const uint8_t *frame;
    for (; done < BURST && (frame = xdp_peek(xdp, &length)); done++, xdp_done(xdp)) {
        struct packet *packet = length >= ETH_HLEN && length <= XDP_LONGEST ? packet_new(engine->pipeline) : NULL;
        if (!packet) {
            count_drop(engine, port, length > XDP_LONGEST || length < ETH_HLEN ? DROP_TOO_LONG : DROP_NO_BUFFER);
            continue;
        }
        packet->length = length;
        memcpy(packet->data, frame, length);
        if (port->link->checksums_unsaid)
            checksum_complete_unsaid(packet->data, length);
        process_receive(engine, port, packet);
    }
    if (done)
        xdp_refill(xdp);
    process_burst(engine);
    return done;
}

bool port_receive(struct engine *engine, struct port *port)
{
    struct link *link = port->link;
    if (!link)
        return false;
    if (link->xdp)
        return receive_xdp(engine, port);
    uint32_t done = 0;
    uint64_t real_ns = 0;
    for (; done < BURST; done++) {
        /* A long frame takes turns with other ports' like as many short ones. */
        if (segments_left(&link->segments)) {
            receive_segment(engine, port);
            continue;
        }
        struct tpacket2_hdr *header = (struct tpacket2_hdr *)(link->ring + (size_t)link->next * link->slot);
        if (!(__atomic_load_n(&header->tp_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER))
            break;
        if (__builtin_expect(header->tp_status & TP_STATUS_LOSING, 0))
            count_losses(engine, port);
        if (!real_ns) {
            /* Both clocks now: the worker may have been kept waiting since it looked at its own. */
            engine_clock(engine);
            real_ns = real_time_ns();
        }
        link->until_ns = arrival_ns(engine, header, real_ns, link->empty_ns);
        receive_frame(engine, port, header, link->until_ns);
        __atomic_store_n(&header->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
        link->next = link->next + 1 == link->slots ? 0 : link->next + 1;
    }
    if (done < BURST)
        link->empty_ns = link->until_ns = engine->now_ns;
    process_burst(engine);
    return done;
}

uint64_t arrivals_until(const struct engine *engine)
{
    uint64_t until_ns = engine->now_ns;
    for (uint32_t i = 0; i < engine->active_count; i++) {
        const struct link *link = engine->ports[engine->active[i]]->link;
        if (link && !link->xdp && link->until_ns < until_ns)
            until_ns = link->until_ns;
    }
    return until_ns;
}
