/* The indices only grow; the writer owns `written`, the reader owns `read`. A record never wraps around: a
 * record of kind SKIP fills the end of the ring when the next one does not fit there. */
#include "ring.h"

#include <stdlib.h>
#include <string.h>

enum { SKIP = 0xffffffff };

bool ring_open(struct ring *ring, uint64_t size)
{
    memset(ring, 0, sizeof *ring);
    ring->bytes = aligned_alloc(64, size);
    ring->size = size;
    return ring->bytes;
}

void ring_close(struct ring *ring)
{
    free(ring->bytes);
    ring->bytes = NULL;
}

static uint64_t room_of(uint32_t length)
{
    return sizeof(struct record) + ((uint64_t)length + 15) / 16 * 16;
}

bool ring_write(struct ring *ring, uint32_t kind, uint32_t number, const void *bytes, uint32_t length)
{
    return ring_write_behind(ring, kind, number, NULL, 0, bytes, length);
}

bool ring_write_behind(struct ring *ring, uint32_t kind, uint32_t number, const void *head, uint32_t head_length,
                       const void *bytes, uint32_t length)
{
    uint64_t written = ring->written, at = written & (ring->size - 1), need = room_of(head_length + length);
    uint64_t skip = at + need > ring->size ? ring->size - at : 0;
    uint64_t read = __atomic_load_n(&ring->read, __ATOMIC_ACQUIRE);
    if (written + skip + need - read > ring->size) {
        __atomic_store_n(&ring->lost, ring->lost + 1, __ATOMIC_RELAXED);
        return false;
    }
    if (skip) {
        struct record filler = {SKIP, 0, (uint32_t)(skip - sizeof filler), 0};
        memcpy(ring->bytes + at, &filler, sizeof filler);
        written += skip;
        at = 0;
    }
    struct record record = {kind, number, head_length + length, 0};
    memcpy(ring->bytes + at, &record, sizeof record);
    if (head_length)
        memcpy(ring->bytes + at + sizeof record, head, head_length);
    if (length)
        memcpy(ring->bytes + at + sizeof record + head_length, bytes, length);
    __atomic_store_n(&ring->written, written + need, __ATOMIC_RELEASE);
    return true;
}

const struct record *ring_peek(struct ring *ring)
{
    for (;;) {
        if (ring->read == __atomic_load_n(&ring->written, __ATOMIC_ACQUIRE))
            return NULL;
        const struct record *record = (const struct record *)(ring->bytes + (ring->read & (ring->size - 1)));
        if (record->kind != SKIP)
            return record;
        ring_next(ring);
    }
}

void ring_next(struct ring *ring)
{
    const struct record *record = (const struct record *)(ring->bytes + (ring->read & (ring->size - 1)));
    __atomic_store_n(&ring->read, ring->read + room_of(record->length), __ATOMIC_RELEASE);
}

bool ring_empty(struct ring *ring)
{
    return __atomic_load_n(&ring->read, __ATOMIC_ACQUIRE) == __atomic_load_n(&ring->written, __ATOMIC_ACQUIRE);
}

uint64_t ring_used(const struct ring *ring)
{
    return __atomic_load_n(&ring->written, __ATOMIC_ACQUIRE) - __atomic_load_n(&ring->read, __ATOMIC_ACQUIRE);
}
