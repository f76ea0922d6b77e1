/* Which masks of a ternary table are worth a look: for each byte of the key and each value of it there is a row with
 * a bit for each tuple that has an entry with such a byte. The rows of a key's bytes have few bits in common.
 * Bits of removed entries stay for a while. Few tuples, very many, or no memory: the filter is off. The worker is parked
 * while these run. */
#ifndef P4_FILTER_H
#define P4_FILTER_H

#include "table.h"

void filter_close(struct table *table);
void filter_extend(struct table *table, struct tuple *tuple); /* a new tuple gets its id */
void filter_forget(struct table *table, const struct tuple *tuple);
void filter_add(struct table *table, const struct entry *entry, const struct tuple *tuple);
void filter_moved(struct table *table, const struct tuple *tuple); /* it stands elsewhere now */
void filter_sweep(struct table *table); /* forget what is stale, when it is much */

#endif
