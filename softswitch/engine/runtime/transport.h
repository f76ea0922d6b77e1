/* Where a frame's transport header is, and its checksum: what a sender's kernel leaves to the card.
 *
 * Knows Ethernet, VLAN tags, IPv4, IPv6 with extension headers, TCP, UDP and SCTP; not tunnels, which count as
 * whatever their outer header says. Pure functions of the frame: any thread may call them. */
#ifndef P4_TRANSPORT_H
#define P4_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PROTOCOL_TCP = 6, PROTOCOL_UDP = 17, PROTOCOL_SCTP = 132 };
enum { TCP_CHECKSUM = 16, UDP_CHECKSUM = 6, SCTP_CHECKSUM = 8 }; /* bytes from the header's begin */
enum { TCP_HEADER = 20, UDP_HEADER = 8, SCTP_HEADER = 12 };

struct transport {
    uint32_t network; /* offsets from the frame's first byte: of the IP header, */
    uint32_t begin;   /* of the transport header, */
    uint32_t end;     /* and of what is behind the packet, going by the IP header's length, not beyond the frame */
    uint8_t version;  /* of IP: 4 or 6 */
    uint8_t protocol;
};

/* False: no IP packet, a fragment, or headers that do not fit. A TCP, UDP or SCTP header that is found is there as a
 * whole, without its options. */
bool transport_find(struct transport *found, const uint8_t *frame, uint32_t length);

/* The sum of the pseudo header (RFC 9293, RFC 8200) without its length, not folded. */
uint64_t transport_pseudo_sum(const struct transport *transport, const uint8_t *frame);

/* Finish a checksum of which the sender has done the pseudo header's part: that of what is behind `start`, `offset`
 * bytes from there (struct virtio_net_hdr). SCTP's is a CRC. Nothing happens where they do not fit in the frame. */
void checksum_complete(uint8_t *frame, uint32_t length, uint32_t start, uint32_t offset);

/* The same when nobody says that something is missing: the field holds what an unfinished checksum looks like, and is
 * wrong as a checksum. For interfaces on which frames are not damaged. */
void checksum_complete_unsaid(uint8_t *frame, uint32_t length);

#endif
