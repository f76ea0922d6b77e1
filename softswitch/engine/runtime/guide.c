#include "guide.h"

#include <stdlib.h>

enum { FEWEST_SLOTS = 16, MUCH_STALE = 64 };

int guide_bit(const struct table_shape *shape, const struct tuple *tuple)
{
    if (!shape->guide)
        return -1;
    int32_t first = 0;
    for (uint32_t i = 0; i < shape->key_words; i++)
        first += __builtin_popcountll(shape->guide[i]);
    return tuple->order < first ? -1 : (tuple->order - first) >> shape->guide_shift;
}

void guide_close(struct table *table)
{
    array_free(table->guide.slots);
    table->guide.slots = NULL;
}

void guide_arrange(struct table *table)
{
    struct guide *guide = &table->guide;
    guide->deep = 0;
    while (guide->deep < table->tuple_count && guide_bit(table->shape, &table->tuples[guide->deep]) >= 0)
        guide->deep++;
    for (uint32_t bit = 0; bit < 64; bit++)
        guide->first[bit] = guide->deep;
    for (uint32_t i = guide->deep; i-- > 0;) {
        table->tuples[i].id = (uint32_t)guide_bit(table->shape, &table->tuples[i]);
        guide->first[table->tuples[i].id] = i;
    }
}

static uint32_t hash_start(const struct table *table, const struct entry *entry)
{
    uint64_t masked[MOST_KEY_WORDS];
    for (uint32_t i = 0; i < table->shape->key_words; i++)
        masked[i] = entry->words[i] & table->shape->guide[i];
    return hash_words(masked, table->shape->key_words, table->seed);
}

/* The slot of a hash, or the empty one where it would be. */
static struct guide_slot *place_of(const struct guide *guide, uint32_t hash)
{
    uint32_t at = hash & guide->mask;
    while (guide->slots[at].count && guide->slots[at].hash != hash)
        at = (at + 1) & guide->mask;
    return &guide->slots[at];
}

static bool grow(struct guide *guide)
{
    uint32_t old = guide->slots ? guide->mask + 1 : 0;
    if (guide->slots && (guide->count + 1) * 2 <= old)
        return true;
    uint32_t size = old ? old * 2 : FEWEST_SLOTS;
    struct guide_slot *before = guide->slots, *slots = array_new((size_t)size * sizeof *slots);
    if (!slots)
        return false;
    guide->slots = slots;
    guide->mask = size - 1;
    for (uint32_t i = 0; i < old; i++)
        if (before[i].count)
            *place_of(guide, before[i].hash) = before[i];
    array_free(before);
    return true;
}

static void put(struct guide *guide, uint32_t hash, uint32_t bit)
{
    struct guide_slot *slot = place_of(guide, hash);
    guide->count += !slot->count;
    slot->hash = hash;
    slot->count++;
    slot->lengths |= UINT64_C(1) << bit;
}

bool guide_add(struct table *table, const struct entry *entry, const struct tuple *tuple)
{
    int bit = guide_bit(table->shape, tuple);
    if (bit < 0)
        return true;
    if (!grow(&table->guide))
        return false;
    put(&table->guide, hash_start(table, entry), (uint32_t)bit);
    return true;
}

void guide_remove(struct table *table, const struct entry *entry, const struct tuple *tuple)
{
    struct guide *guide = &table->guide;
    if (guide_bit(table->shape, tuple) < 0)
        return;
    struct guide_slot *slot = place_of(guide, hash_start(table, entry));
    if (--slot->count) {
        guide->stale++;
        return;
    }
    guide->count--;
    uint32_t hole = (uint32_t)(slot - guide->slots);
    for (uint32_t at = (hole + 1) & guide->mask; guide->slots[at].count; at = (at + 1) & guide->mask)
        /* Move back what would not be found across the hole. */
        if (((at - guide->slots[at].hash) & guide->mask) >= ((at - hole) & guide->mask)) {
            guide->slots[hole] = guide->slots[at];
            hole = at;
        }
    guide->slots[hole] = (struct guide_slot){0, 0, 0};
}

void guide_sweep(struct table *table)
{
    struct guide *guide = &table->guide;
    if (guide->stale < table->used / 2 + MUCH_STALE)
        return;
    memset(guide->slots, 0, (size_t)(guide->mask + 1) * sizeof *guide->slots);
    guide->count = guide->stale = 0;
    for (uint32_t t = 0; t < guide->deep; t++)
        for (uint32_t i = 0; i <= table->tuples[t].slot_mask; i++)
            for (uint32_t at = table->tuples[t].slots[i].entry; at; at = table_entry(table, at - 1)->next)
                put(guide, hash_start(table, table_entry(table, at - 1)), table->tuples[t].id);
}
