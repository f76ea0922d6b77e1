/* Changing match tables. The worker is parked, or not yet started, while these run, but for `table_foresee`. */
#ifndef P4_TABLE_H
#define P4_TABLE_H

#include "pipeline.h"

bool table_open(struct table *table, const struct table_shape *shape, uint64_t seed);
void table_close(struct table *table);

/* Entries by their place. `take` gives a fresh one (false: no memory), `release` gives it back. An entry is
 * found by packets between `link` and `unlink`. Linking again what was just unlinked needs no memory. */
void table_foresee(const struct table *table, uint32_t count); /* so many will be taken: have memory at hand */
bool table_take(struct table *table, uint32_t *place);
void table_release(struct table *table, uint32_t place);
bool table_link(struct table *table, uint32_t place);
void table_unlink(struct table *table, uint32_t place);
void table_sweep(struct table *table); /* forget masks that no entry has any more, and what is stale */

/* The entry with exactly this identity; `words` are key, range ends, mask. */
bool table_identify(const struct table *table, const uint64_t *words, int32_t priority, uint32_t *place);

/* Zeroed memory for arrays that may be large: these lie on huge pages, where a random access costs less. */
void *array_new(size_t size); /* NULL: no memory */
void array_free(void *array);

static inline struct entry *table_entry(const struct table *table, uint32_t place)
{
    return entry_at(table, place, table->stride);
}

static inline uint32_t table_data_offset(const struct table_shape *shape)
{
    return 2 * shape->key_words + 2 * shape->range_words;
}

static inline uint32_t table_state_words(const struct table_shape *shape)
{
    return (shape->timed ? IDLE_WORDS : 0u) + (shape->metered ? METER_WORDS : 0u);
}

static inline uint64_t *entry_data(const struct table *table, struct entry *entry)
{
    return entry->words + table_data_offset(table->shape);
}

/* What an entry keeps besides: idle state, then meter, where the table has them. */
static inline uint64_t *entry_state(const struct table *table, struct entry *entry)
{
    return entry_data(table, entry) + table->shape->data_words;
}

/* What the control plane names an entry by: its place, and which of those that were there it is. */
static inline int64_t entry_handle(const struct table *table, uint32_t place)
{
    return (int64_t)((uint64_t)(table_entry(table, place)->generation & 0x3fffffff) << 32 | place);
}

/* The direct resources of one entry. */
struct direct_place {
    uint64_t *packets, *bytes;
    struct meter *meter; /* NULL: the table has none */
};

enum { DEFAULT_PLACE = INT32_MAX }; /* stands for the default entry */

static inline struct direct_place direct_of(struct table *table, uint32_t place)
{
    const struct table_shape *shape = table->shape;
    if (place == DEFAULT_PLACE)
        return (struct direct_place){&table->missed.packets, &table->missed.bytes,
                                     shape->metered ? (struct meter *)table->missed.meter : NULL};
    struct entry *entry = table_entry(table, place);
    uint64_t *meter = entry_state(table, entry) + (shape->timed ? IDLE_WORDS : 0);
    return (struct direct_place){&entry->packets, &entry->bytes, shape->metered ? (struct meter *)meter : NULL};
}

#endif
