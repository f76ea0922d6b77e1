#include "transport.h"

#include <linux/if_ether.h>

#include "bits.h"

enum {
    IPV4_HEADER = 20,
    IPV6_HEADER = 40,
    MOST_TAGS = 8,
    MOST_EXTENSIONS = 8,
    HOP_BY_HOP = 0,
    ROUTING = 43,
    DESTINATION_OPTIONS = 60,
    MORE_OR_OFFSET = 0x3fff, /* of IPv4's flags and fragment offset */
    ETH_P_OLD_QINQ = 0x9100,
};

static uint32_t at16(const uint8_t *from)
{
    return (uint32_t)load_bytes(from, 2);
}

static bool is_tag(uint32_t type)
{
    return type == ETH_P_8021Q || type == ETH_P_8021AD || type == ETH_P_OLD_QINQ;
}

static bool find_ipv4(struct transport *found, const uint8_t *frame, uint32_t length)
{
    const uint8_t *ip = frame + found->network;
    uint32_t room = length - found->network;
    if (room < IPV4_HEADER)
        return false;
    uint32_t size = (ip[0] & 15u) * 4, total = at16(ip + 2);
    if (ip[0] >> 4 != 4 || size < IPV4_HEADER || size > room || at16(ip + 6) & MORE_OR_OFFSET)
        return false;
    found->version = 4;
    found->protocol = ip[9];
    found->begin = found->network + size;
    found->end = total >= size && total <= room ? found->network + total : length;
    return true;
}

static bool find_ipv6(struct transport *found, const uint8_t *frame, uint32_t length)
{
    const uint8_t *ip = frame + found->network;
    uint32_t room = length - found->network;
    if (room < IPV6_HEADER || ip[0] >> 4 != 6)
        return false;
    uint32_t payload = at16(ip + 4), at = IPV6_HEADER;
    uint8_t next = ip[6];
    for (int i = 0; next == HOP_BY_HOP || next == ROUTING || next == DESTINATION_OPTIONS; i++) {
        if (i == MOST_EXTENSIONS || room - at < 8)
            return false;
        uint32_t size = ip[at + 1] * 8u + 8;
        if (size > room - at)
            return false;
        next = ip[at];
        at += size;
    }
    found->version = 6;
    found->protocol = next;
    found->begin = found->network + at;
    bool fits = payload + IPV6_HEADER >= at && payload <= room - IPV6_HEADER;
    found->end = fits ? found->network + IPV6_HEADER + payload : length;
    return true;
}

static uint32_t header_size(uint8_t protocol)
{
    switch (protocol) {
    case PROTOCOL_TCP:
        return TCP_HEADER;
    case PROTOCOL_UDP:
        return UDP_HEADER;
    case PROTOCOL_SCTP:
        return SCTP_HEADER;
    }
    return 0;
}

bool transport_find(struct transport *found, const uint8_t *frame, uint32_t length)
{
    uint32_t at = ETH_HLEN;
    if (length < at)
        return false;
    uint32_t type = at16(frame + 12);
    for (int i = 0; is_tag(type); i++, at += 4) {
        if (i == MOST_TAGS || length - at < 4)
            return false;
        type = at16(frame + at + 2);
    }
    found->network = at;
    if (type == ETH_P_IP ? !find_ipv4(found, frame, length)
                         : type != ETH_P_IPV6 || !find_ipv6(found, frame, length))
        return false;
    return found->end - found->begin >= header_size(found->protocol);
}

uint64_t transport_pseudo_sum(const struct transport *transport, const uint8_t *frame)
{
    const uint8_t *ip = frame + transport->network;
    return transport->version == 4 ? sum_bytes(transport->protocol, ip + 12, 8)
                                   : sum_bytes(transport->protocol, ip + 8, 32);
}

/* CRC32c (RFC 9260, appendix A), four bits at a time. */
static uint32_t crc32c(const uint8_t *bytes, size_t length)
{
    static const uint32_t steps[16] = {
        0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
        0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
    };
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < length; i++) {
        crc ^= bytes[i];
        crc = crc >> 4 ^ steps[crc & 15];
        crc = crc >> 4 ^ steps[crc & 15];
    }
    return ~crc;
}

static void complete_sctp(uint8_t *header, size_t length)
{
    memset(header + SCTP_CHECKSUM, 0, 4);
    uint32_t crc = crc32c(header, length);
    for (int i = 0; i < 4; i++) /* the lowest byte first */
        header[SCTP_CHECKSUM + i] = (uint8_t)(crc >> 8 * i);
}

void checksum_complete(uint8_t *frame, uint32_t length, uint32_t start, uint32_t offset)
{
    struct transport found;
    if (start > length || offset > length - start || length - start - offset < 2)
        return;
    if (offset == SCTP_CHECKSUM && transport_find(&found, frame, length) && found.begin == start &&
        found.protocol == PROTOCOL_SCTP) {
        complete_sctp(frame + start, found.end - start);
        return;
    }
    /* The field holds the pseudo header's sum; what is behind `start` is added to it. */
    uint16_t checksum = (uint16_t)~fold_sum(sum_bytes(0, frame + start, length - start));
    store_bytes(frame + start + offset, checksum ? checksum : 0xffff, 2);
}

void checksum_complete_unsaid(uint8_t *frame, uint32_t length)
{
    struct transport found;
    if (!transport_find(&found, frame, length))
        return;
    uint8_t *header = frame + found.begin;
    uint32_t size = found.end - found.begin;
    if (found.protocol == PROTOCOL_SCTP && !load_bytes(header + SCTP_CHECKSUM, 4)) {
        complete_sctp(header, size);
    } else if (found.protocol == PROTOCOL_TCP || found.protocol == PROTOCOL_UDP) {
        uint32_t offset = found.protocol == PROTOCOL_TCP ? TCP_CHECKSUM : UDP_CHECKSUM;
        uint64_t pseudo = transport_pseudo_sum(&found, frame) + size;
        if (at16(header + offset) == fold_sum(pseudo) && fold_sum(sum_bytes(pseudo, header, size)) != 0xffff)
            checksum_complete(frame, found.end, found.begin, offset);
    }
}
