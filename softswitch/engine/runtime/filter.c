#include "filter.h"

#include <stdlib.h>

enum { FEWEST_TUPLES = 16, MOST_WORDS = 64, MUCH_STALE = 64 };

static uint32_t key_bytes(const struct table *table)
{
    return 8 * table->shape->key_words;
}

static uint8_t byte_of(const uint64_t *words, uint32_t byte)
{
    return (uint8_t)(words[byte / 8] >> (byte % 8 * 8));
}

static uint64_t *row(const struct filter *filter, uint32_t byte, uint32_t value)
{
    return filter->rows + (size_t)(byte * BYTE_VALUES + value) * filter->words;
}

void filter_close(struct table *table)
{
    struct filter *filter = &table->filter;
    array_free(filter->rows);
    free(filter->live);
    free(filter->where);
    free(filter->bytes);
    memset(filter, 0, sizeof *filter);
}

void filter_add(struct table *table, const struct entry *entry, const struct tuple *tuple)
{
    struct filter *filter = &table->filter;
    uint64_t bit = UINT64_C(1) << tuple->id % 64;
    for (uint32_t i = 0; filter->rows && i < filter->byte_count; i++) {
        uint32_t byte = filter->bytes[i];
        uint8_t value = byte_of(entry->words, byte), free_bits = (uint8_t)~byte_of(tuple->mask, byte), part = 0;
        if (free_bits == 0xff)
            continue; /* any value will do: so it has been from the tuple's beginning */
        do {
            row(filter, byte, value | part)[tuple->id / 64] |= bit;
            part = (uint8_t)((part - free_bits) & free_bits); /* the next subset of the free bits */
        } while (part);
    }
}

/* A tuple's column as it is without entries. */
static void clear_column(struct filter *filter, const struct tuple *tuple)
{
    uint64_t bit = UINT64_C(1) << tuple->id % 64;
    for (uint32_t i = 0; i < filter->byte_count; i++)
        for (uint32_t value = 0; value < BYTE_VALUES; value++) {
            uint64_t *word = &row(filter, filter->bytes[i], value)[tuple->id / 64];
            *word = byte_of(tuple->mask, filter->bytes[i]) ? *word & ~bit : *word | bit;
        }
}

static void fill_column(struct table *table, const struct tuple *tuple)
{
    clear_column(&table->filter, tuple);
    for (uint32_t i = 0; i <= tuple->slot_mask; i++)
        for (uint32_t at = tuple->slots[i].entry; at; at = table_entry(table, at - 1)->next)
            filter_add(table, table_entry(table, at - 1), tuple);
}

static void fill(struct table *table)
{
    table->filter.stale = 0;
    for (uint32_t i = 0; i < table->tuple_count; i++)
        fill_column(table, &table->tuples[i]);
}

/* Look at a byte from now on. */
static void watch(struct filter *filter, uint32_t byte)
{
    for (uint32_t i = 0; i < filter->byte_count; i++)
        if (filter->bytes[i] == byte)
            return;
    filter->bytes[filter->byte_count++] = (uint16_t)byte;
    memset(row(filter, byte, 0), 0xff, (size_t)8 * BYTE_VALUES * filter->words);
}

static void watch_mask(struct table *table, const struct tuple *tuple)
{
    for (uint32_t byte = 0; byte < key_bytes(table); byte++)
        if (byte_of(tuple->mask, byte))
            watch(&table->filter, byte);
}

/* A filter for `words` times 64 tuples, all of the table's in it. */
static void make(struct table *table, uint32_t words)
{
    filter_close(table);
    if (words > MOST_WORDS || !table->shape->key_words)
        return;
    struct filter made = {
        .rows = array_new((size_t)8 * key_bytes(table) * BYTE_VALUES * words),
        .live = calloc(words, 8),
        .where = calloc((size_t)64 * words, sizeof *made.where),
        .bytes = calloc(key_bytes(table), sizeof *made.bytes),
        .words = words,
    };
    table->filter = made;
    if (!made.rows || !made.live || !made.where || !made.bytes) {
        filter_close(table);
        return;
    }
    for (uint32_t i = 0; i < table->tuple_count; i++) {
        table->tuples[i].id = i;
        made.where[i] = i;
        made.live[i / 64] |= UINT64_C(1) << i % 64;
        watch_mask(table, &table->tuples[i]);
    }
    fill(table);
}

void filter_extend(struct table *table, struct tuple *tuple)
{
    struct filter *filter = &table->filter;
    uint32_t id = 0;
    while (filter->rows && id < 64 * filter->words && filter->live[id / 64] >> id % 64 & 1)
        id++;
    if (!filter->rows && table->tuple_count < FEWEST_TUPLES)
        return; /* one look at each is faster */
    if (!filter->rows || id == 64 * filter->words) {
        make(table, (table->tuple_count + 63) / 64 * (filter->rows ? 2 : 1));
        return;
    }
    tuple->id = id;
    filter->where[id] = (uint32_t)(tuple - table->tuples);
    filter->live[id / 64] |= UINT64_C(1) << id % 64;
    watch_mask(table, tuple);
    clear_column(filter, tuple);
}

void filter_forget(struct table *table, const struct tuple *tuple)
{
    if (table->filter.rows)
        table->filter.live[tuple->id / 64] &= ~(UINT64_C(1) << tuple->id % 64);
}

void filter_moved(struct table *table, const struct tuple *tuple)
{
    if (table->filter.rows)
        table->filter.where[tuple->id] = (uint32_t)(tuple - table->tuples);
}

void filter_sweep(struct table *table)
{
    if (table->filter.rows && table->filter.stale >= table->used / 2 + MUCH_STALE)
        fill(table);
}
