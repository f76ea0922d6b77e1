/* Sending: bursts by an AF_PACKET socket that passes by the queueing discipline, or by an AF_XDP socket. Frames of
 * memory ports go to a ring. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/if_packet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "link.h"
#include "sender.h"
#include "trace.h"

enum { SEND_BUFFER = 4 * 1024 * 1024 };
enum { SENT }; /* an outcome; others are a drop reason and 1 */

bool transmit_open(struct link *link)
{
    int fd = link->send_fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    int on = 1, room = SEND_BUFFER;
    setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on);
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room))
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_ifindex = (int)link->index};
    return bind(fd, (struct sockaddr *)&address, sizeof address) == 0;
}

static void capture_sent(struct engine *engine, const struct port *port, const struct packet *packet)
{
    if (__builtin_expect(engine->capture != NULL, false))
        capture_frame(engine->capture, port->number, CAPTURE_OUT, engine->now_ns, packet->data, packet->length);
}

static uint8_t lost(enum drop_reason reason)
{
    return (uint8_t)(reason + 1);
}

static void lose(struct engine *engine, struct port *port, struct packet *packet, enum drop_reason reason)
{
    port->drops[reason]++;
    drop_queued(engine, packet, reason);
}

static void count_sent(struct port *port, const struct packet *packet)
{
    struct queue_counts *counts = &port->counts[packet->queue_priority];
    port->tx_packets++;
    port->tx_bytes += packet->length;
    counts->packets++;
    counts->bytes += packet->length;
}

void transmit_close(struct engine *engine, struct port *port, struct link *link)
{
    senders_wait(engine);
    for (uint32_t i = 0; i < link->sending_count; i++)
        lose(engine, port, link->sending[i], DROP_PORT_DOWN);
    if (link->send_fd >= 0)
        close(link->send_fd);
}

void port_send(struct engine *engine, struct port *port, struct packet *packet)
{
    if (port->memory) {
        uint64_t at_ns = engine->now_ns - engine->start_ns;
        bool sent = port->discard || ring_write_behind(&engine->collected, 0, port->number, &at_ns, sizeof at_ns,
                                                       packet->data, packet->length);
        if (!port->discard)
            engine->collected_new = true;
        port_settle(engine, port, packet, sent ? SENT : lost(DROP_RING_FULL));
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
        outcomes[i] = given ? SENT : lost(packets[i]->length > XDP_LONGEST ? DROP_BEYOND_MTU : DROP_SEND_FAILED);
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
            outcomes[at++] = lost(errno == EMSGSIZE ? DROP_BEYOND_MTU : DROP_SEND_FAILED);
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
    count_sent(port, packet);
    trace(packet, TRACE_SENT, port->number);
    capture_sent(engine, port, packet);
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
