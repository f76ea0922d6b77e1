/* Ports on interfaces: an AF_PACKET socket with a mapped receive ring (TPACKET_V2) and one to send from, or where
 * that is asked for an AF_XDP socket (xdp.c).
 *
 * Received frames get back what the kernel took out or left undone: the VLAN tag, the transport checksum.
 * Sent frames pass by the queueing discipline. Memory ports have no interface: their frames go to a ring. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/virtio_net.h>
#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "engine.h"
#include "trace.h"
#include "profile.h"
#include "sender.h"
#include "xdp.h"

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif

enum {
    SMALL_FRAME = 2048,
    SMALL_FRAMES = 2048,
    LARGE_FRAME = 10240,
    LARGE_FRAMES = 512,
    LARGE_BLOCK = 4 * LARGE_FRAME, /* whole pages */
    SMALL_BLOCK = 8 * 4096,
    SEND_BUFFER = 4 * 1024 * 1024,
    TAG_BYTES = 4,
};

struct link {
    struct xdp *xdp; /* NULL: the sockets and the ring are used */
    int receive_fd, send_fd;
    unsigned index;
    uint8_t *ring;
    size_t ring_size;
    uint32_t frame_size, frames, next;
    uint64_t empty_ns; /* when nothing was left in the ring, so that what is there now came later */
    struct packet *sending[SEND_BURST];
    uint32_t sending_count;
};

int port_fd(const struct port *port)
{
    return !port->link ? -1 : port->link->xdp ? xdp_fd(port->link->xdp) : port->link->receive_fd;
}

static void link_close(struct engine *engine, struct link *link)
{
    senders_wait(engine);
    for (uint32_t i = 0; i < link->sending_count; i++)
        drop_packet(engine, link->sending[i], DROP_PORT_DOWN);
    if (link->xdp)
        xdp_close(link->xdp);
    if (link->ring)
        munmap(link->ring, link->ring_size);
    if (link->receive_fd >= 0)
        close(link->receive_fd); /* leaves the epoll set with it */
    if (link->send_fd >= 0)
        close(link->send_fd);
    free(link);
}

static bool interface_request(const char *name, unsigned long what, struct ifreq *request)
{
    memset(request, 0, sizeof *request);
    snprintf(request->ifr_name, sizeof request->ifr_name, "%s", name);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    bool done = ioctl(fd, what, request) == 0;
    close(fd);
    return done;
}

static bool interface_up(const char *name)
{
    struct ifreq request;
    return interface_request(name, SIOCGIFFLAGS, &request) && (request.ifr_flags & IFF_UP) &&
           (request.ifr_flags & IFF_RUNNING);
}

static bool set_option(int fd, int option, int value)
{
    return setsockopt(fd, SOL_PACKET, option, &value, sizeof value) == 0;
}

static bool open_ring(struct link *link, int mtu)
{
    bool large = mtu + 128 > SMALL_FRAME - 128;
    struct tpacket_req request = {
        .tp_block_size = large ? LARGE_BLOCK : SMALL_BLOCK,
        .tp_frame_size = large ? LARGE_FRAME : SMALL_FRAME,
        .tp_frame_nr = large ? LARGE_FRAMES : SMALL_FRAMES,
    };
    request.tp_block_nr = request.tp_frame_nr / (request.tp_block_size / request.tp_frame_size);
    if (setsockopt(link->receive_fd, SOL_PACKET, PACKET_RX_RING, &request, sizeof request))
        return false;
    link->frame_size = request.tp_frame_size;
    link->frames = request.tp_frame_nr;
    link->ring_size = (size_t)request.tp_block_size * request.tp_block_nr;
    void *ring = mmap(NULL, link->ring_size, PROT_READ | PROT_WRITE, MAP_SHARED, link->receive_fd, 0);
    if (ring == MAP_FAILED)
        return false;
    link->ring = ring;
    return true;
}

static bool open_xdp(struct link *link, const char *name)
{
    struct ifreq request;
    int error = ENODEV;
    if (interface_request(name, SIOCGIFMTU, &request))
        link->xdp = xdp_open(name, link->index, request.ifr_mtu, &error);
    if (!link->xdp) {
        errno = error;
        return false;
    }
    /* Frames for anybody arrive, as long as this socket is open. */
    link->receive_fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    struct packet_mreq everything = {.mr_ifindex = (int)link->index, .mr_type = PACKET_MR_PROMISC};
    return link->receive_fd >= 0 &&
           !setsockopt(link->receive_fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &everything, sizeof everything);
}

static bool open_sockets(struct link *link, const char *name)
{
    struct ifreq request;
    if (!interface_request(name, SIOCGIFMTU, &request))
        return false;
    /* Protocol 0: nothing arrives before the socket is bound to its interface. */
    link->receive_fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    link->send_fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (link->receive_fd < 0 || link->send_fd < 0)
        return false;
    if (!set_option(link->receive_fd, PACKET_VERSION, TPACKET_V2) || !set_option(link->receive_fd, PACKET_VNET_HDR, 1))
        return false;
    set_option(link->receive_fd, PACKET_IGNORE_OUTGOING, 1);
    /* Frames get their time where they enter the kernel, not where it has come round to them. */
    int on = 1;
    setsockopt(link->receive_fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
    if (!open_ring(link, request.ifr_mtu))
        return false;
    struct packet_mreq everything = {.mr_ifindex = (int)link->index, .mr_type = PACKET_MR_PROMISC};
    setsockopt(link->receive_fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &everything, sizeof everything);
    set_option(link->send_fd, PACKET_QDISC_BYPASS, 1);
    int room = SEND_BUFFER;
    if (setsockopt(link->send_fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room))
        setsockopt(link->send_fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_ifindex = (int)link->index};
    if (bind(link->send_fd, (struct sockaddr *)&address, sizeof address))
        return false;
    address.sll_protocol = htons(ETH_P_ALL);
    return bind(link->receive_fd, (struct sockaddr *)&address, sizeof address) == 0;
}

static struct link *link_open(struct engine *engine, const struct port *port, int *error)
{
    struct link *link = calloc(1, sizeof *link);
    if (!link) {
        *error = ENOMEM;
        return NULL;
    }
    link->receive_fd = link->send_fd = -1;
    link->index = if_nametoindex(port->name);
    link->empty_ns = engine->now_ns;
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = port->number};
    bool open = link->index && (port->xdp ? open_xdp(link, port->name) : open_sockets(link, port->name));
    int fd = link->xdp ? xdp_fd(link->xdp) : link->receive_fd;
    if (!open || epoll_ctl(engine->epoll_fd, EPOLL_CTL_ADD, fd, &event)) {
        *error = errno;
        link_close(engine, link);
        return NULL;
    }
    return link;
}

struct port *port_open(struct engine *engine, uint16_t number, const char *interface, bool xdp, int *error)
{
    struct port *port = calloc(1, sizeof *port);
    if (!port) {
        *error = ENOMEM;
        return NULL;
    }
    port->number = number;
    port->xdp = xdp;
    port->used = port->up = true;
    queue_open(&port->scheduler, engine->default_depth);
    if (interface) {
        snprintf(port->name, sizeof port->name, "%s", interface);
        port->link = link_open(engine, port, error);
        if (!port->link) {
            free(port);
            return NULL;
        }
        port->up = interface_up(port->name);
    } else {
        port->memory = true;
    }
    engine->ports[number] = port;
    engine->up[number] = port->up;
    engine->active[engine->active_count++] = number;
    refill_groups(engine);
    return port;
}

void port_close(struct engine *engine, struct port *port)
{
    queue_clear(engine, port);
    if (port->link)
        link_close(engine, port->link);
    engine->ports[port->number] = NULL;
    engine->up[port->number] = false;
    for (uint32_t i = 0; i < engine->active_count; i++)
        if (engine->active[i] == port->number)
            engine->active[i] = engine->active[--engine->active_count];
    free(port);
    refill_groups(engine);
}

int netlink_open(void)
{
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
    struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};
    if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address)) {
        close(fd);
        return -1;
    }
    return fd;
}

void ports_check(struct engine *engine)
{
    bool changed = false;
    for (uint32_t i = 0; i < engine->active_count; i++) {
        struct port *port = engine->ports[engine->active[i]];
        if (port->memory)
            continue;
        unsigned index = if_nametoindex(port->name);
        if (port->link && port->link->index != index) {
            link_close(engine, port->link);
            port->link = NULL;
        }
        int error = 0;
        if (!port->link && index)
            port->link = link_open(engine, port, &error);
        bool up = port->link && interface_up(port->name);
        changed |= up != port->up;
        port->up = engine->up[port->number] = up;
    }
    if (changed)
        refill_groups(engine);
}

void refill_groups(struct engine *engine)
{
    struct pipeline *pipeline = engine->pipeline;
    for (uint32_t i = 0; pipeline && i < pipeline->code->profile_count; i++)
        for (uint32_t g = 0; g < pipeline->profiles[i].group_high; g++)
            if (pipeline->profiles[i].groups[g].used)
                group_fill(&pipeline->profiles[i].groups[g], engine->up, PORTS);
}

/* --- receiving --- */

static void complete_checksum(uint8_t *frame, uint32_t length, uint32_t start, uint32_t offset)
{
    if (start > length || offset > length - start || length - start - offset < 2)
        return;
    /* The field holds the pseudo header's sum; what is behind `start` is added to it. */
    uint16_t sum = fold_sum(sum_bytes(0, frame + start, length - start));
    uint16_t checksum = (uint16_t)~sum;
    store_bytes(frame + start + offset, checksum ? checksum : 0xffff, 2);
}

/* When a frame came into the ring, by the engine's clock; a clock that was set meanwhile does no harm. */
static uint64_t arrival_ns(const struct engine *engine, const struct tpacket2_hdr *header, uint64_t real_ns,
                           uint64_t empty_ns)
{
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

static void receive_frame(struct engine *engine, struct port *port, const struct tpacket2_hdr *header, uint64_t at_ns)
{
    uint32_t length = header->tp_snaplen;
    const uint8_t *from = (const uint8_t *)header + header->tp_mac;
    struct virtio_net_hdr offload;
    memcpy(&offload, from - sizeof offload, sizeof offload);
    if (length != header->tp_len || length > LONGEST_FRAME - TAG_BYTES || length < ETH_HLEN ||
        offload.gso_type != VIRTIO_NET_HDR_GSO_NONE) {
        port->drops[DROP_TOO_LONG]++;
        engine->drops[DROP_TOO_LONG]++;
        return;
    }
    struct packet *packet = packet_new(engine->pipeline);
    if (!packet) {
        port->drops[DROP_NO_BUFFER]++;
        engine->drops[DROP_NO_BUFFER]++;
        return;
    }
    packet->length = length;
    packet->at_ns = at_ns;
    if (header->tp_status & TP_STATUS_VLAN_VALID) {
        memcpy(packet->data, from, 12);
        uint16_t tpid = header->tp_status & TP_STATUS_VLAN_TPID_VALID ? header->tp_vlan_tpid : ETH_P_8021Q;
        store_bytes(packet->data + 12, tpid, 2);
        store_bytes(packet->data + 14, header->tp_vlan_tci, 2);
        memcpy(packet->data + 16, from + 12, length - 12);
        packet->length += TAG_BYTES;
        offload.csum_start = (uint16_t)(offload.csum_start + TAG_BYTES);
    } else {
        memcpy(packet->data, from, length);
    }
    if (offload.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
        complete_checksum(packet->data, packet->length, offload.csum_start, offload.csum_offset);
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
            enum drop_reason reason = length > XDP_LONGEST || length < ETH_HLEN ? DROP_TOO_LONG : DROP_NO_BUFFER;
            port->drops[reason]++;
            engine->drops[reason]++;
            continue;
        }
        packet->length = length;
        memcpy(packet->data, frame, length);
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
        struct tpacket2_hdr *header = (struct tpacket2_hdr *)(link->ring + (size_t)link->next * link->frame_size);
        if (!(__atomic_load_n(&header->tp_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER))
            break;
        if (__builtin_expect(header->tp_status & TP_STATUS_LOSING, 0))
            count_losses(engine, port);
        if (!done) {
            /* Both clocks now: the worker may have been kept waiting since it looked at its own. */
            engine_clock(engine);
            real_ns = real_time_ns();
        }
        receive_frame(engine, port, header, arrival_ns(engine, header, real_ns, link->empty_ns));
        __atomic_store_n(&header->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
        link->next = link->next + 1 == link->frames ? 0 : link->next + 1;
    }
    if (done < BURST)
        link->empty_ns = engine->now_ns;
    process_burst(engine);
    return done;
}

/* --- sending --- */

enum { SENT }; /* an outcome; others are a drop reason and 1 */

static uint8_t lost(enum drop_reason reason)
{
    return (uint8_t)(reason + 1);
}

static void lose(struct engine *engine, struct port *port, struct packet *packet, enum drop_reason reason)
{
    port->drops[reason]++;
    drop_packet(engine, packet, reason);
}

void port_send(struct engine *engine, struct port *port, struct packet *packet)
{
    if (port->memory) {
        port->tx_packets++;
        port->tx_bytes += packet->length;
        trace(packet, TRACE_SENT, port->number);
        if (!port->discard) {
            if (!ring_write(&engine->collected, 0, port->number, packet->data, packet->length)) {
                port->drops[DROP_RING_FULL]++;
                trace(packet, TRACE_DROPPED, DROP_RING_FULL);
            }
            engine->collected_new = true;
        }
        packet_free(packet);
        return;
    }
    if (!port->link || !port->up) {
        lose(engine, port, packet, DROP_PORT_DOWN);
        return;
    }
    struct link *link = port->link;
    link->sending[link->sending_count++] = packet;
    if (link->sending_count == SEND_BURST)
        port_flush(engine, port);
}

static void transmit_xdp(struct xdp *xdp, struct packet *const *packets, uint32_t count, uint8_t *outcomes)
{
    for (uint32_t i = 0; i < count; i++) {
        bool given = xdp_send(xdp, packets[i]->data, packets[i]->length);
        if (!given) {
            xdp_kick(xdp);
            given = xdp_send(xdp, packets[i]->data, packets[i]->length);
        }
        outcomes[i] = given ? SENT : lost(packets[i]->length > XDP_LONGEST ? DROP_TOO_LONG : DROP_SEND_FAILED);
    }
    xdp_kick(xdp);
}

static void transmit_packet(int fd, struct packet *const *packets, uint32_t count, uint8_t *outcomes)
{
    struct mmsghdr messages[SEND_BURST];
    struct iovec vectors[SEND_BURST];
    for (uint32_t i = 0; i < count; i++) {
        vectors[i] = (struct iovec){packets[i]->data, packets[i]->length};
        memset(&messages[i], 0, sizeof messages[i]);
        messages[i].msg_hdr.msg_iov = &vectors[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    for (uint32_t at = 0; at < count;) {
        int sent = sendmmsg(fd, messages + at, count - at, MSG_DONTWAIT);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0) {
            /* This one cannot be sent; the next perhaps can. */
            outcomes[at++] = lost(errno == EMSGSIZE ? DROP_TOO_LONG : DROP_SEND_FAILED);
            continue;
        }
        memset(outcomes + at, SENT, (size_t)sent);
        at += (uint32_t)sent;
    }
}

void port_transmit(const struct port *port, struct packet *const *packets, uint32_t count, uint8_t *outcomes)
{
    if (port->link->xdp)
        transmit_xdp(port->link->xdp, packets, count, outcomes);
    else
        transmit_packet(port->link->send_fd, packets, count, outcomes);
}

void port_settle(struct engine *engine, struct port *port, struct packet *packet, uint8_t outcome)
{
    if (outcome != SENT) {
        lose(engine, port, packet, (enum drop_reason)(outcome - 1));
        return;
    }
    port->tx_packets++;
    port->tx_bytes += packet->length;
    trace(packet, TRACE_SENT, port->number);
    packet_free(packet);
}

void port_flush(struct engine *engine, struct port *port)
{
    struct link *link = port->link;
    if (!link || !link->sending_count)
        return;
    uint32_t count = link->sending_count;
    link->sending_count = 0;
    if (engine->sender_count) {
        sender_give(engine, port, link->sending, count);
        return;
    }
    uint8_t outcomes[SEND_BURST];
    port_transmit(port, link->sending, count, outcomes);
    for (uint32_t i = 0; i < count; i++)
        port_settle(engine, port, link->sending[i], outcomes[i]);
}
