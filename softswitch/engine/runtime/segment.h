/* What a sender's kernel left to its card: one long TCP or UDP packet (GSO) becomes the packets that the card would
 * have sent. Knows a frame in memory and struct virtio_net_hdr; must not know where frames come from or go to. */
#ifndef P4_SEGMENT_H
#define P4_SEGMENT_H

#include <linux/virtio_net.h>

#include "transport.h"

enum { LONGEST_OFFLOADED = 65536 + 256 }; /* the kernel's own limit, and its headers */

/* The segments of one frame that are left. All 0: there are none. The frame must stay as it is meanwhile. */
struct segments {
    const uint8_t *frame;
    uint32_t length;
    struct transport transport;
    struct transport tunnel; /* that it is in; version 0: in none */
    uint32_t payload; /* offset of the first byte that is shared out */
    uint32_t at;      /* bytes of payload that segments have had */
    uint32_t number;  /* segments that have been made */
    uint32_t size;    /* bytes of payload for each, less for the last */
    uint32_t checksum; /* offset of the checksum in the transport header; 0: it has none */
    uint64_t pseudo;  /* the pseudo header's sum without its length */
};

enum segments_answer {
    SEGMENTS_BEGUN,
    SEGMENTS_REFUSED,  /* none of TCP over IPv4 or IPv6 and UDP, or in a tunnel of a kind that is not known */
    SEGMENTS_TOO_LONG, /* each would have more than `longest` bytes */
};

/* There are no segments if they are not begun. */
enum segments_answer segments_begin(struct segments *segments, const uint8_t *frame, uint32_t length,
                                    const struct virtio_net_hdr *offload, uint32_t longest);

static inline bool segments_left(const struct segments *segments)
{
    return segments->frame;
}

/* Write the next one, at most `longest` bytes: its length. Only while some are left. */
uint32_t segments_next(struct segments *segments, uint8_t *to);
void segments_skip(struct segments *segments); /* as if it had been written */

#endif
