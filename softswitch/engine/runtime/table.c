/* Tuple-space tables: one open-addressing hash table for each distinct mask. Entries with the same masked
 * key (they differ in priority or ranges) are chained behind the first, highest priority first. */
#define _GNU_SOURCE
#include "table.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "filter.h"
#include "guide.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
enum { MOST_RESERVED_MIB = 64 };
#else
#define ASAN_POISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
enum { MOST_RESERVED_MIB = 4096 };
#endif

enum { FEWEST_SLOTS = 8, FEWEST_ENTRIES = 16, HUGE_PAGE = 2 * 1024 * 1024, FAR_BYTES = 128 * 1024 };
enum { PAGE = 4096 };

#ifndef MADV_POPULATE_WRITE /* Linux 5.14 */
#define MADV_POPULATE_WRITE 23
#endif

void *array_new(size_t size)
{
    if (size < HUGE_PAGE)
        return calloc(1, size);
    size_t whole = (size + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    void *array = aligned_alloc(HUGE_PAGE, whole);
    if (!array)
        return NULL;
    madvise(array, whole, MADV_HUGEPAGE);
    return memset(array, 0, whole);
}

void array_free(void *array)
{
    free(array);
}

static uint64_t *entry_mask(const struct table *table, struct entry *entry)
{
    return entry->words + table->shape->key_words + 2 * table->shape->range_words;
}

static void free_entries(struct table *table)
{
    if (table->reserved) {
        ASAN_UNPOISON_MEMORY_REGION(table->reserved, table->reserved_size);
        munmap(table->reserved, table->reserved_size);
    } else {
        array_free(table->entries);
    }
    table->reserved = NULL;
}

/* Take address space for all entries that a large table may hold; memory comes with those that are there. So they
 * need not be copied to make room for more, which would take milliseconds. Sanitised builds catch whoever touches a
 * place that was never taken. */
static void reserve(struct table *table)
{
    /* Twice as many as there may be: what a batch removes gives its place back when the batch ends. */
    size_t most = ((size_t)MOST_RESERVED_MIB << 20) / table->stride, wanted = 2 * (size_t)table->shape->max_size;
    uint32_t room = (uint32_t)(wanted < most ? wanted : most);
    size_t size = (size_t)room * table->stride + HUGE_PAGE;
    if (size < 2 * (size_t)HUGE_PAGE)
        return;
    void *space = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (space == MAP_FAILED)
        return;
    table->reserved = space;
    table->reserved_size = size;
    table->entries = (uint8_t *)space + (HUGE_PAGE - (uintptr_t)space % HUGE_PAGE) % HUGE_PAGE;
    table->room = room;
    madvise(table->entries, size - HUGE_PAGE, MADV_HUGEPAGE);
    ASAN_POISON_MEMORY_REGION(space, size);
}

bool table_open(struct table *table, const struct table_shape *shape, uint64_t seed)
{
    memset(table, 0, sizeof *table);
    table->shape = shape;
    table->seed = seed;
    table->stride = (uint32_t)(sizeof(struct entry) + 8 * (table_data_offset(shape) + shape->data_words + table_state_words(shape)));
    table->miss = (struct target){TARGET_ACTION, shape->default_action, 0};
    table->miss_data = calloc(shape->data_words + 1, 8);
    if (!table->miss_data)
        return false;
    reserve(table);
    if (shape->default_action != NO_ACTION)
        memcpy(table->miss_data, shape->default_data, 8 * shape->data_words);
    return true;
}

void table_close(struct table *table)
{
    for (uint32_t i = 0; i < table->tuple_count; i++) {
        free(table->tuples[i].mask);
        array_free(table->tuples[i].slots);
    }
    guide_close(table);
    filter_close(table);
    free(table->tuples);
    free_entries(table);
    free(table->miss_data);
    memset(table, 0, sizeof *table);
}

/* --- places --- */

/* Room for an entry more where it is not reserved, or where a batch takes more places than that before it gives
 * back those that it removes. */
static bool make_room(struct table *table)
{
    uint32_t room = table->room ? table->room * 2 : FEWEST_ENTRIES;
    uint8_t *entries = array_new((size_t)room * table->stride);
    if (!entries)
        return false;
    if (table->entries)
        memcpy(entries, table->entries, (size_t)table->room * table->stride);
    free_entries(table);
    table->entries = entries;
    table->room = room;
    return true;
}

void table_foresee(const struct table *table, uint32_t count)
{
    uint32_t left = table->room - table->high, given_back = table->high - table->used;
    if (!table->reserved || !left || count <= given_back)
        return;
    count -= given_back;
    uint8_t *first = table->entries + (size_t)table->high * table->stride;
    size_t size = (size_t)(count < left ? count : left) * table->stride, before = (uintptr_t)first % PAGE;
    madvise(first - before, size + before, MADV_POPULATE_WRITE); /* if that fails, pages come one by one */
}

bool table_take(struct table *table, uint32_t *place)
{
    struct entry *entry;
    if (table->free) {
        *place = table->free - 1;
        entry = table_entry(table, *place);
        table->free = entry->next;
    } else {
        if (table->high == table->room && !make_room(table))
            return false;
        *place = table->high++;
        entry = table_entry(table, *place);
        if (table->reserved)
            ASAN_UNPOISON_MEMORY_REGION(entry, table->stride);
    }
    uint32_t generation = entry->generation + 1;
    memset(entry, 0, table->stride);
    entry->generation = generation;
    entry->used = true;
    return true;
}

void table_release(struct table *table, uint32_t place)
{
    struct entry *entry = table_entry(table, place);
    entry->used = false;
    entry->generation++;
    entry->next = table->free;
    table->free = place + 1;
}

/* --- slots --- */

static uint32_t hash_entry(const struct table *table, const struct entry *entry)
{
    return hash_words(entry->words, table->shape->key_words, table->seed);
}

static void put_slot(struct tuple *tuple, struct slot slot)
{
    uint32_t at = slot.hash & tuple->slot_mask;
    while (tuple->slots[at].entry)
        at = (at + 1) & tuple->slot_mask;
    tuple->slots[at] = slot;
}

static bool grow(struct tuple *tuple)
{
    uint32_t old = tuple->slots ? tuple->slot_mask + 1 : 0;
    /* At most half full: a miss ends soon. */
    if (tuple->slots && (tuple->count + 1) * 2 <= old)
        return true;
    uint32_t size = old ? old * 2 : FEWEST_SLOTS;
    struct slot *slots = array_new((size_t)size * sizeof *slots), *before = tuple->slots;
    if (!slots)
        return false;
    tuple->slots = slots;
    tuple->slot_mask = size - 1;
    for (uint32_t i = 0; i < old; i++)
        if (before[i].entry)
            put_slot(tuple, before[i]);
    array_free(before);
    return true;
}

static struct slot *find_slot(const struct table *table, const struct tuple *tuple, const uint64_t *key,
                              uint32_t hash)
{
    for (uint32_t at = hash & tuple->slot_mask; tuple->slots[at].entry; at = (at + 1) & tuple->slot_mask)
        if (tuple->slots[at].hash == hash &&
            words_equal(table_entry(table, tuple->slots[at].entry - 1)->words, key, table->shape->key_words))
            return &tuple->slots[at];
    return NULL;
}

static void remove_slot(struct tuple *tuple, struct slot *slot)
{
    uint32_t hole = (uint32_t)(slot - tuple->slots);
    for (uint32_t at = (hole + 1) & tuple->slot_mask; tuple->slots[at].entry; at = (at + 1) & tuple->slot_mask) {
        uint32_t home = tuple->slots[at].hash & tuple->slot_mask;
        /* Move back what would not be found across the hole. */
        if (((at - home) & tuple->slot_mask) >= ((at - hole) & tuple->slot_mask)) {
            tuple->slots[hole] = tuple->slots[at];
            hole = at;
        }
    }
    tuple->slots[hole].entry = 0;
}

/* --- tuples --- */

static int32_t order_of(const struct table *table, struct entry *entry)
{
    if (table->shape->kind == MATCH_TERNARY)
        return entry->priority;
    int32_t bits = 0;
    for (uint32_t i = 0; i < table->shape->key_words; i++)
        bits += __builtin_popcountll(entry_mask(table, entry)[i]);
    return bits;
}

static struct tuple *find_tuple(const struct table *table, const uint64_t *mask)
{
    for (uint32_t i = 0; i < table->tuple_count; i++)
        if (words_equal(table->tuples[i].mask, mask, table->shape->key_words))
            return &table->tuples[i];
    return NULL;
}

/* Bring a tuple, whose order has grown, to its place. */
static struct tuple *raise_tuple(struct table *table, struct tuple *tuple)
{
    while (tuple > table->tuples && tuple[-1].order < tuple->order) {
        struct tuple before = tuple[-1];
        tuple[-1] = *tuple;
        *tuple = before;
        filter_moved(table, tuple--);
    }
    filter_moved(table, tuple);
    return tuple;
}

static struct tuple *add_tuple(struct table *table, struct entry *entry)
{
    if (table->tuple_count == table->tuple_room) {
        uint32_t room = table->tuple_room ? table->tuple_room * 2 : 4;
        struct tuple *tuples = realloc(table->tuples, room * sizeof *tuples);
        if (!tuples)
            return NULL;
        table->tuples = tuples;
        table->tuple_room = room;
    }
    struct tuple tuple = {.order = order_of(table, entry)};
    tuple.mask = calloc(table->shape->key_words + 1, 8);
    if (!tuple.mask || !grow(&tuple)) {
        free(tuple.mask);
        return NULL;
    }
    memcpy(tuple.mask, entry_mask(table, entry), 8 * table->shape->key_words);
    struct tuple *added = &table->tuples[table->tuple_count++];
    *added = tuple;
    if (table->shape->kind == MATCH_TERNARY)
        filter_extend(table, added);
    added = raise_tuple(table, added);
    if (table->shape->kind == MATCH_LPM)
        guide_arrange(table);
    return added;
}

bool table_link(struct table *table, uint32_t place)
{
    struct entry *entry = table_entry(table, place);
    struct tuple *tuple = find_tuple(table, entry_mask(table, entry));
    if (!tuple)
        tuple = add_tuple(table, entry);
    if (!tuple || !grow(tuple) || !guide_add(table, entry, tuple))
        return false;
    filter_add(table, entry, tuple);
    int32_t order = order_of(table, entry);
    if (order > tuple->order) {
        tuple->order = order;
        tuple = raise_tuple(table, tuple);
    }
    uint32_t hash = hash_entry(table, entry);
    struct slot *slot = find_slot(table, tuple, entry->words, hash);
    tuple->count++;
    table->used++;
    if (!slot) {
        entry->next = 0;
        put_slot(tuple, (struct slot){hash, place + 1});
        return true;
    }
    uint32_t *link = &slot->entry;
    while (*link && table_entry(table, *link - 1)->priority >= entry->priority)
        link = &table_entry(table, *link - 1)->next;
    entry->next = *link;
    *link = place + 1;
    return true;
}

void table_unlink(struct table *table, uint32_t place)
{
    struct entry *entry = table_entry(table, place);
    struct tuple *tuple = find_tuple(table, entry_mask(table, entry));
    struct slot *slot = tuple ? find_slot(table, tuple, entry->words, hash_entry(table, entry)) : NULL;
    if (!slot)
        return;
    uint32_t *link = &slot->entry;
    while (*link && *link != place + 1)
        link = &table_entry(table, *link - 1)->next;
    if (!*link)
        return;
    *link = entry->next;
    entry->next = 0;
    tuple->count--;
    table->used--;
    table->filter.stale++;
    guide_remove(table, entry, tuple);
    if (!slot->entry)
        remove_slot(tuple, slot);
}

static void drop_tuples(struct table *table)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < table->tuple_count; i++) {
        struct tuple *tuple = &table->tuples[i];
        if (tuple->count) {
            table->tuples[kept] = *tuple;
            filter_moved(table, &table->tuples[kept++]);
        } else {
            filter_forget(table, tuple);
            free(tuple->mask);
            array_free(tuple->slots);
        }
    }
    bool fewer = kept < table->tuple_count;
    table->tuple_count = kept;
    if (fewer && table->shape->kind == MATCH_LPM)
        guide_arrange(table);
}

void table_sweep(struct table *table)
{
    drop_tuples(table);
    if (table->shape->kind == MATCH_TERNARY)
        filter_sweep(table);
    if (table->shape->kind == MATCH_LPM)
        guide_sweep(table);
    table->far = (size_t)table->used * table->stride > FAR_BYTES;
}

bool table_identify(const struct table *table, const uint64_t *words, int32_t priority, uint32_t *place)
{
    uint32_t keys = table->shape->key_words, ranges = 2 * table->shape->range_words;
    const struct tuple *tuple = find_tuple(table, words + keys + ranges);
    struct slot *slot = tuple ? find_slot(table, tuple, words, hash_words(words, keys, table->seed)) : NULL;
    for (uint32_t at = slot ? slot->entry : 0; at; at = table_entry(table, at - 1)->next) {
        struct entry *entry = table_entry(table, at - 1);
        if (entry->priority == priority && words_equal(entry->words + keys, words + keys, ranges)) {
            *place = at - 1;
            return true;
        }
    }
    return false;
}
