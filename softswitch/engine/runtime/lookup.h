/* Looking a key up in a match table, for generated code: all but `table` and `key` are constants where these
 * functions are inlined. `key`: key_words of masked fields, then range_words values of range fields.
 *
 * A table is searched mask by mask (tuple by tuple). Which masks are worth it, a guide says for longest
 * prefixes and a filter for ternary ones; either may name too many, never too few. */
#ifndef P4_LOOKUP_H
#define P4_LOOKUP_H

#include "pipeline.h"

#define INLINED static inline __attribute__((always_inline))

enum { FEWEST_GUIDED = 6, CACHE_LINE = 64, FORESEEN_TUPLES = 2 };

INLINED bool in_ranges(const struct entry *entry, const uint64_t *values, unsigned key_words, unsigned range_words)
{
    for (unsigned i = 0; i < range_words; i++)
        if (values[i] < entry->words[key_words + 2 * i] || values[i] > entry->words[key_words + 2 * i + 1])
            return false;
    return true;
}

INLINED uint32_t hash_masked(const struct table *table, const uint64_t *key, const uint64_t *mask,
                             uint64_t *masked, unsigned key_words)
{
    for (unsigned w = 0; w < key_words; w++)
        masked[w] = key[w] & mask[w];
    return hash_words(masked, key_words, table->seed);
}

/* The first of a tuple's entries with these fields. */
INLINED struct entry *tuple_masked(const struct table *table, const struct tuple *tuple, const uint64_t *masked,
                                   uint32_t hash, unsigned key_words, size_t stride)
{
    for (uint32_t s = hash & tuple->slot_mask; tuple->slots[s].entry; s = (s + 1) & tuple->slot_mask) {
        if (tuple->slots[s].hash != hash)
            continue;
        struct entry *entry = entry_at(table, tuple->slots[s].entry - 1, stride);
        if (words_equal(entry->words, masked, key_words))
            return entry;
    }
    return NULL;
}

/* The first of a tuple's entries with the key's masked fields. */
INLINED struct entry *tuple_find(const struct table *table, const struct tuple *tuple, const uint64_t *key,
                                 unsigned key_words, size_t stride)
{
    uint64_t masked[MOST_KEY_WORDS];
    uint32_t hash = hash_masked(table, key, tuple->mask, masked, key_words);
    return tuple_masked(table, tuple, masked, hash, key_words, stride);
}

/* The better one of `best` and what a tuple has. */
INLINED struct entry *tuple_better(const struct table *table, const struct tuple *tuple, const uint64_t *key,
                                   unsigned key_words, unsigned range_words, size_t stride, struct entry *best)
{
    struct entry *entry = tuple_find(table, tuple, key, key_words, stride);
    while (entry && !in_ranges(entry, key + key_words, key_words, range_words))
        entry = entry->next ? entry_at(table, entry->next - 1, stride) : NULL;
    return entry && (!best || entry->priority > best->priority) ? entry : best;
}

INLINED uint64_t guide_lengths(const struct guide *guide, uint32_t hash)
{
    for (uint32_t s = hash & guide->mask; guide->slots[s].count; s = (s + 1) & guide->mask)
        if (guide->slots[s].hash == hash)
            return guide->slots[s].lengths;
    return 0;
}

/* The tuples of one word of the filter that may match. */
INLINED uint64_t filter_word(const struct filter *filter, const uint64_t *key, uint32_t word)
{
    uint64_t live = filter->live[word];
    for (uint32_t i = 0; i < filter->byte_count; i++) {
        unsigned byte = filter->bytes[i];
        unsigned value = (unsigned)(key[byte / 8] >> (byte % 8 * 8)) & 0xff;
        live &= filter->rows[(size_t)(byte * BYTE_VALUES + value) * filter->words + word];
    }
    return live;
}

INLINED struct entry *find_longest(const struct table *table, const uint64_t *key, unsigned key_words,
                                   size_t stride, const uint64_t *mask)
{
    const struct guide *guide = &table->guide;
    uint32_t i = 0;
    if (mask && guide->deep >= FEWEST_GUIDED) {
        uint64_t masked[MOST_KEY_WORDS];
        uint64_t lengths = guide_lengths(guide, hash_masked(table, key, mask, masked, key_words));
        while (lengths) {
            uint32_t bit = 63 - (uint32_t)__builtin_clzll(lengths);
            lengths ^= UINT64_C(1) << bit;
            for (i = guide->first[bit]; i < guide->deep && table->tuples[i].id == bit; i++) {
                struct entry *entry = tuple_find(table, &table->tuples[i], key, key_words, stride);
                if (entry)
                    return entry;
            }
        }
        i = guide->deep;
    }
    for (; i < table->tuple_count; i++) {
        struct entry *entry = tuple_find(table, &table->tuples[i], key, key_words, stride);
        if (entry)
            return entry;
    }
    return NULL;
}

INLINED struct entry *find_highest(const struct table *table, const uint64_t *key, unsigned key_words,
                                   unsigned range_words, size_t stride)
{
    const struct filter *filter = &table->filter;
    struct entry *best = NULL;
    if (!filter->rows) {
        for (uint32_t i = 0; i < table->tuple_count; i++) {
            if (best && best->priority >= table->tuples[i].order)
                break;
            best = tuple_better(table, &table->tuples[i], key, key_words, range_words, stride, best);
        }
        return best;
    }
    for (uint32_t word = 0; word < filter->words; word++)
        for (uint64_t live = filter_word(filter, key, word); live; live &= live - 1) {
            uint32_t id = 64 * word + (uint32_t)__builtin_ctzll(live);
            const struct tuple *tuple = &table->tuples[filter->where[id]];
            if (!best || best->priority < tuple->order)
                best = tuple_better(table, tuple, key, key_words, range_words, stride, best);
        }
    return best;
}

/* The entry that a key meets. */
INLINED struct entry *table_find(const struct table *table, const uint64_t *key, unsigned key_words,
                                 unsigned range_words, size_t stride, enum match_kind kind, const uint64_t *guide)
{
    if (kind == MATCH_LPM)
        return find_longest(table, key, key_words, stride, guide);
    if (kind == MATCH_TERNARY)
        return find_highest(table, key, key_words, range_words, stride);
    if (!table->tuple_count)
        return NULL;
    return tuple_masked(table, table->tuples, key, hash_words(key, key_words, table->seed), key_words, stride);
}

/* --- foreseeing: what a lookup will read is fetched into the cache, a step for all packets of a burst at a time.
 * Not for ternary tables: their time goes into masks, not into waiting for memory. --- */

enum foresight { FORESEE_GUIDE, FORESEE_SLOTS, FORESEE_ENTRY, FORESEE_STEPS };

/* Whether there is something in the tuple, as far as hashes tell. */
INLINED bool tuple_foresee(const struct table *table, const struct tuple *tuple, const uint64_t *key,
                           unsigned key_words, size_t stride, enum foresight step)
{
    uint64_t masked[MOST_KEY_WORDS];
    uint32_t hash = hash_masked(table, key, tuple->mask, masked, key_words);
    if (step != FORESEE_ENTRY) {
        __builtin_prefetch(&tuple->slots[hash & tuple->slot_mask]);
        return true;
    }
    for (uint32_t s = hash & tuple->slot_mask; tuple->slots[s].entry; s = (s + 1) & tuple->slot_mask)
        if (tuple->slots[s].hash == hash) {
            const uint8_t *entry = (const uint8_t *)entry_at(table, tuple->slots[s].entry - 1, stride);
            for (size_t at = 0; at < stride + CACHE_LINE - 1 && at < 4 * CACHE_LINE; at += CACHE_LINE)
                __builtin_prefetch(entry + (at < stride ? at : stride - 1));
            return true;
        }
    return false;
}

INLINED void foresee_longest(const struct table *table, const uint64_t *key, unsigned key_words, size_t stride,
                             const uint64_t *mask, enum foresight step)
{
    const struct guide *guide = &table->guide;
    if (!mask || guide->deep < FEWEST_GUIDED)
        return;
    uint64_t masked[MOST_KEY_WORDS];
    uint32_t hash = hash_masked(table, key, mask, masked, key_words);
    if (step == FORESEE_GUIDE) {
        __builtin_prefetch(&guide->slots[hash & guide->mask]);
        return;
    }
    uint64_t lengths = guide_lengths(guide, hash);
    for (int most = FORESEEN_TUPLES; lengths && most; most--) {
        uint32_t bit = 63 - (uint32_t)__builtin_clzll(lengths), i = guide->first[bit];
        lengths ^= UINT64_C(1) << bit;
        if (i < guide->deep && tuple_foresee(table, &table->tuples[i], key, key_words, stride, step) &&
            step == FORESEE_ENTRY)
            return;
    }
}

INLINED void table_foresee(const struct table *table, const uint64_t *key, unsigned key_words, size_t stride,
                           enum match_kind kind, const uint64_t *guide, enum foresight step)
{
    if (kind == MATCH_LPM)
        foresee_longest(table, key, key_words, stride, guide, step);
    else if (table->tuple_count && step != FORESEE_GUIDE)
        tuple_foresee(table, table->tuples, key, key_words, stride, step);
}

#endif
