/* An entry's match fields and priority, as the engine's words and as the server's key. */
#ifndef P4_KEY_H
#define P4_KEY_H

#include "plain_writes.h"
#include "wire.h"

struct place { /* where an entry's key is written */
    uint64_t *key, *ranges, *mask;
    uint8_t *bytes;
};

/* Fills the place, which is 0 all over; false for what is not plain. `entry`: a TableEntry of this table, with
 * match fields that have content. */
bool put_key(const struct schema *schema, const struct table *table, struct span entry, uint64_t priority,
             struct place place);

#endif
