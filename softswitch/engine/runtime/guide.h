/* Which prefix lengths are worth a look: a hash table by the first bits of a longest-prefix table's key (its
 * exact fields and the prefix's beginning) says which lengths there are among the prefixes that begin so. Shorter
 * prefixes are not in it. Bits of removed entries stay for a while. The worker is parked while these run. */
#ifndef P4_GUIDE_H
#define P4_GUIDE_H

#include "table.h"

void guide_close(struct table *table);
void guide_arrange(struct table *table);                           /* tuples came or went */
bool guide_add(struct table *table, const struct entry *entry, const struct tuple *tuple); /* false: no memory */
void guide_remove(struct table *table, const struct entry *entry, const struct tuple *tuple);
void guide_sweep(struct table *table); /* forget what is stale, when it is much */

/* The bit of a tuple that is long enough to be in the guide, -1 of the others. */
int guide_bit(const struct table_shape *shape, const struct tuple *tuple);

#endif
