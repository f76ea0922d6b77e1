#include "upward.h"

#include <string.h>

enum { IN_TURNS = 1 + DIGEST_RINGS }; /* packets of priority 0, and digests */

bool upward_open(struct upward *upward)
{
    memset(upward, 0, sizeof *upward);
    bool made = true;
    for (uint32_t i = 0; i < PACKET_RINGS; i++)
        made = made && ring_open(&upward->packets[i], PACKET_RING);
    for (uint32_t i = 0; i < DIGEST_RINGS; i++)
        made = made && ring_open(&upward->digests[i], DIGEST_RING);
    return made;
}

void upward_close(struct upward *upward)
{
    for (uint32_t i = 0; i < PACKET_RINGS; i++)
        ring_close(&upward->packets[i]);
    for (uint32_t i = 0; i < DIGEST_RINGS; i++)
        ring_close(&upward->digests[i]);
}

bool upward_packet(struct upward *upward, uint32_t priority, const void *frame, uint32_t length)
{
    return ring_write(&upward->packets[priority % PACKET_RINGS], UPWARD_PACKET, priority, frame, length);
}

bool upward_digest(struct upward *upward, uint32_t list, const void *message, uint32_t length)
{
    return ring_write(&upward->digests[list % DIGEST_RINGS], UPWARD_DIGEST, list, message, length);
}

struct ring *upward_next(struct upward *upward)
{
    for (uint32_t i = PACKET_RINGS; --i > 0;)
        if (!ring_empty(&upward->packets[i]))
            return &upward->packets[i];
    for (uint32_t i = 0; i < IN_TURNS; i++) {
        uint32_t turn = (upward->turn + i) % IN_TURNS;
        struct ring *ring = turn ? &upward->digests[turn - 1] : &upward->packets[0];
        if (!ring_empty(ring)) {
            upward->turn = turn + 1;
            return ring;
        }
    }
    return NULL;
}

uint64_t upward_lost(const struct upward *upward)
{
    uint64_t lost = 0;
    for (uint32_t i = 0; i < PACKET_RINGS; i++)
        lost += __atomic_load_n(&upward->packets[i].lost, __ATOMIC_RELAXED);
    for (uint32_t i = 0; i < DIGEST_RINGS; i++)
        lost += __atomic_load_n(&upward->digests[i].lost, __ATOMIC_RELAXED);
    return lost;
}
