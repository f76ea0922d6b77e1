/* A bounded ring of byte records between two threads: one writes, one reads, none waits. */
#ifndef P4_RING_H
#define P4_RING_H

#include <stdbool.h>
#include <stdint.h>

struct record {
    uint32_t kind, number, length, pad; /* kind and number are the users'; length: of the bytes behind this */
};

struct ring {
    uint8_t *bytes;
    uint64_t size; /* a power of 2 */
    _Alignas(64) uint64_t written;
    uint64_t lost;
    _Alignas(64) uint64_t read;
};

bool ring_open(struct ring *ring, uint64_t size);
void ring_close(struct ring *ring);

/* False: no room; the record is counted as lost. */
bool ring_write(struct ring *ring, uint32_t kind, uint32_t number, const void *bytes, uint32_t length);
/* The same for a record whose bytes are in two places. */
bool ring_write_behind(struct ring *ring, uint32_t kind, uint32_t number, const void *head, uint32_t head_length,
                       const void *bytes, uint32_t length);

/* The oldest record, or NULL; it stays until ring_next. */
const struct record *ring_peek(struct ring *ring);
void ring_next(struct ring *ring);
bool ring_empty(struct ring *ring);
uint64_t ring_used(const struct ring *ring); /* bytes */

#endif
