/* What differs from segment to segment is what Linux makes differ: lengths, IPv4's identification, TCP's sequence number;
 * FIN and PSH are the last one's, CWR is the first one's (RFC 3168, 6.1.2: it is said once). */
#include "segment.h"

#include "bits.h"

#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

enum { FIN = 0x01, PSH = 0x08, CWR = 0x80 };
enum { PROTOCOL_IPV4 = 4, PROTOCOL_IPV6 = 41, PROTOCOL_GRE = 47 };
enum { GRE_CHECKSUM_OR_SEQUENCE = 0x90 };

static bool fits_kind(const struct transport *found, uint8_t kind)
{
    switch (kind) {
    case VIRTIO_NET_HDR_GSO_TCPV4:
        return found->version == 4 && found->protocol == PROTOCOL_TCP;
    case VIRTIO_NET_HDR_GSO_TCPV6:
        return found->version == 6 && found->protocol == PROTOCOL_TCP;
    case VIRTIO_NET_HDR_GSO_UDP_L4:
        return found->protocol == PROTOCOL_UDP;
    }
    return false;
}

/* Whether what is in a tunnel can be told by its lengths alone. */
static bool is_tunnel(const struct transport *outer, const uint8_t *frame)
{
    switch (outer->protocol) {
    case PROTOCOL_UDP: /* VXLAN, Geneve, GTP-U and others */
    case PROTOCOL_IPV4:
    case PROTOCOL_IPV6:
        return true;
    case PROTOCOL_GRE:
        return outer->end > outer->begin && !(frame[outer->begin] & GRE_CHECKSUM_OR_SEQUENCE);
    }
    return false;
}

/* The packet in a tunnel, whose transport header the kernel says where to find. Whatever the tunnel has in front of it,
 * right before that is an IP header that fits: by its checksum, or by its length. */
static bool find_inside(struct transport *found, const uint8_t *frame, uint32_t length, uint32_t begin, uint32_t room)
{
    struct transport made = {.begin = begin, .end = length};
    for (uint32_t size = 20; size <= 60 && size <= room; size += 4) {
        const uint8_t *ip = frame + begin - size;
        bool fits = ip[0] == (0x40 | size / 4) && load_bytes(ip + 2, 2) == length - begin + size;
        if (fits && fold_sum(sum_bytes(0, ip, size)) == 0xffff && !(load_bytes(ip + 6, 2) & 0x3fff)) {
            made.network = begin - size;
            made.version = 4;
            made.protocol = ip[9];
        }
    }
    const uint8_t *ip = frame + begin - 40;
    if (!made.version && room >= 40 && ip[0] >> 4 == 6 && load_bytes(ip + 4, 2) == length - begin) {
        made.network = begin - 40;
        made.version = 6;
        made.protocol = ip[6];
    }
    *found = made;
    return made.version;
}

enum segments_answer segments_begin(struct segments *segments, const uint8_t *frame, uint32_t length,
                                    const struct virtio_net_hdr *offload, uint32_t longest)
{
    struct segments made = {.frame = frame, .length = length, .size = offload->gso_size};
    memset(segments, 0, sizeof *segments);
    struct transport *found = &made.transport;
    if (!made.size || !transport_find(found, frame, length))
        return SEGMENTS_REFUSED;
    bool unfinished = offload->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM;
    if (unfinished && offload->csum_start > found->begin && offload->csum_start < length && is_tunnel(found, frame)) {
        made.tunnel = *found;
        uint32_t room = offload->csum_start - found->begin - (found->protocol == PROTOCOL_UDP ? UDP_HEADER : 0);
        if (offload->csum_start - found->begin < UDP_HEADER ||
            !find_inside(found, frame, length, offload->csum_start, room))
            return SEGMENTS_REFUSED;
    }
    if (!fits_kind(found, offload->gso_type & (uint8_t)~VIRTIO_NET_HDR_GSO_ECN))
        return SEGMENTS_REFUSED;
    /* The IP header's length has no room for what is longer than 65,535 bytes. */
    found->end = length;
    bool tcp = found->protocol == PROTOCOL_TCP;
    const uint8_t *header = frame + found->begin;
    uint32_t whole = length - found->begin, size = UDP_HEADER;
    if (tcp)
        size = whole < TCP_HEADER ? 0 : header[12] / 16 * 4u;
    if (size < (tcp ? TCP_HEADER : UDP_HEADER) || size > whole)
        return SEGMENTS_REFUSED;
    made.payload = found->begin + size;
    uint32_t shared = length - made.payload;
    if (made.payload + (shared < made.size ? shared : made.size) > longest)
        return SEGMENTS_TOO_LONG;
    made.checksum = tcp ? TCP_CHECKSUM : UDP_CHECKSUM;
    uint32_t field = (uint32_t)load_bytes(header + made.checksum, 2);
    if (unfinished) {
        if (offload->csum_start != found->begin || offload->csum_offset != made.checksum)
            return SEGMENTS_REFUSED;
        /* The field holds the pseudo header's sum, which in IPv6 may be that of another destination than this one. */
        made.pseudo = field + (0xffffu ^ fold_sum(whole));
    } else {
        made.pseudo = transport_pseudo_sum(found, frame);
        if (!tcp && !field)
            made.checksum = 0;
    }
    *segments = made;
    return SEGMENTS_BEGUN;
}

static uint32_t bytes_of_next(const struct segments *segments)
{
    uint32_t left = segments->length - segments->payload - segments->at;
    return left < segments->size ? left : segments->size;
}

void segments_skip(struct segments *segments)
{
    segments->at += bytes_of_next(segments);
    segments->number++;
    if (segments->payload + segments->at == segments->length)
        segments->frame = NULL;
}

static void write_network(const struct transport *transport, uint32_t number, uint8_t *to, uint32_t length)
{
    uint8_t *ip = to + transport->network;
    length -= transport->network;
    if (transport->version == 6) {
        store_bytes(ip + 4, length - 40, 2);
        return;
    }
    store_bytes(ip + 2, length, 2);
    store_bytes(ip + 4, load_bytes(ip + 4, 2) + number, 2);
    store_bytes(ip + 10, 0, 2);
    uint32_t size = transport->begin - transport->network;
    store_bytes(ip + 10, (uint16_t)~fold_sum(sum_bytes(0, ip, size)), 2);
}

static void write_checksum(uint8_t *header, uint32_t offset, uint64_t pseudo, uint32_t length)
{
    store_bytes(header + offset, 0, 2);
    uint16_t checksum = (uint16_t)~fold_sum(sum_bytes(pseudo + length, header, length));
    store_bytes(header + offset, checksum ? checksum : 0xffff, 2);
}

static void write_transport(const struct segments *segments, uint8_t *to, uint32_t length, bool last)
{
    uint8_t *header = to + segments->transport.begin;
    length -= segments->transport.begin;
    if (segments->transport.protocol == PROTOCOL_TCP) {
        store_bytes(header + 4, (uint32_t)load_bytes(header + 4, 4) + segments->at, 4);
        if (!last)
            header[13] &= (uint8_t)~(FIN | PSH);
        if (segments->number)
            header[13] &= (uint8_t)~CWR;
    } else {
        store_bytes(header + 4, length, 2);
    }
    if (segments->checksum)
        write_checksum(header, segments->checksum, segments->pseudo, length);
}

/* Last, as its checksum is of all that is inside. */
static void write_tunnel(const struct segments *segments, uint8_t *to, uint32_t length)
{
    const struct transport *tunnel = &segments->tunnel;
    if (!tunnel->version)
        return;
    write_network(tunnel, segments->number, to, length);
    if (tunnel->protocol != PROTOCOL_UDP)
        return;
    uint8_t *header = to + tunnel->begin;
    length -= tunnel->begin;
    store_bytes(header + 4, length, 2);
    if (load_bytes(header + UDP_CHECKSUM, 2))
        write_checksum(header, UDP_CHECKSUM, transport_pseudo_sum(tunnel, to), length);
}

uint32_t segments_next(struct segments *segments, uint8_t *to)
{
    uint32_t bytes = bytes_of_next(segments), length = segments->payload + bytes;
    memcpy(to, segments->frame, segments->payload);
    memcpy(to + segments->payload, segments->frame + segments->payload + segments->at, bytes);
    write_network(&segments->transport, segments->number, to, length);
    write_transport(segments, to, length, length + segments->at == segments->length);
    write_tunnel(segments, to, length);
    segments_skip(segments);
    return length;
}
