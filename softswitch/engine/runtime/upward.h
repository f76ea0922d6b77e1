/* What goes up to the control plane: frames sent to the CPU port, and digests.
 *
 * Each of the CPU port's eight priorities has a ring of its own, and so has each digest list (with those whose
 * numbers are the same modulo DIGEST_RINGS): none can take another's room. The worker writes, one reader at a
 * time takes. */
#ifndef P4_UPWARD_H
#define P4_UPWARD_H

#include "ring.h"

enum {
    PACKET_RINGS = 8, /* one a priority */
    DIGEST_RINGS = 32,
    PACKET_RING = 2 * 1024 * 1024, /* bytes of each */
    DIGEST_RING = 256 * 1024,
};

enum upward_kind { UPWARD_PACKET, UPWARD_DIGEST };

struct upward {
    struct ring packets[PACKET_RINGS], digests[DIGEST_RINGS];
    uint32_t turn; /* the reader's */
};

bool upward_open(struct upward *upward);
void upward_close(struct upward *upward);

/* False: no room; the message is counted as lost. */
bool upward_packet(struct upward *upward, uint32_t priority, const void *frame, uint32_t length);
bool upward_digest(struct upward *upward, uint32_t list, const void *message, uint32_t length);

/* The ring of what is to be taken next, NULL: all are empty. Packets of priority 7 to 1 first, in that order;
 * then those of priority 0 and each list's digests in turns. */
struct ring *upward_next(struct upward *upward);
uint64_t upward_lost(const struct upward *upward);

#endif
