#include "plain_writes.h"

#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

/* How the engine encodes an operation on an entry: softswitch/engine/runtime/batch.h. */
enum { OPERATION_HEAD = 4, ENTRY_HEAD = 5, OPERATION_ENTRY = 0, ENTRY_PRIORITY = 0, ENTRY_ACTION = 2 };
enum { INSERT = 1, MODIFY = 2, DELETE = 3 };
enum { PRIORITY_BYTES = 4 };                  /* as softswitch/server/keys.py packs keys */
enum { LARGEST_LIST = 1 << 26 };               /* bytes of each of a batch's lists */

EXPORT int plain_updates(const uint8_t *request, size_t size, uint64_t *begin, uint64_t *end);
EXPORT int plain_read(const struct schema *schema, const uint8_t *request, size_t size, uint64_t begin, uint64_t end,
                      struct batch *batch);
EXPORT void plain_free(struct batch *batch);

/* --- the wire --- */

struct span {
    const uint8_t *at, *end;
};

struct record { /* a field of a message */
    uint64_t field;
    bool nested;         /* it has content, else a number */
    uint64_t number;
    struct span content;
};

static size_t size_of(struct span span)
{
    return (size_t)(span.end - span.at);
}

/* A varint in its shortest form. */
static inline bool next_number(struct span *rest, uint64_t *number)
{
    uint64_t value = 0;
    if (rest->at < rest->end && *rest->at < 128) {
        *number = *rest->at++;
        return true;
    }
    for (unsigned shift = 0; shift < 64 && rest->at < rest->end; shift += 7) {
        uint8_t byte = *rest->at++;
        if (shift == 63 && byte > 1)
            return false;
        value |= (uint64_t)(byte & 127) << shift;
        if (byte < 128) {
            *number = value;
            return byte || !shift;
        }
    }
    return false;
}

static inline bool next_record(struct span *rest, struct record *record)
{
    uint64_t tag;
    if (!next_number(rest, &tag))
        return false;
    record->field = tag >> 3;
    record->nested = (tag & 7) == 2;
    if (!record->nested)
        return (tag & 7) == 0 && next_number(rest, &record->number);
    uint64_t size;
    if (!next_number(rest, &size) || size > size_of(*rest))
        return false;
    record->content = (struct span){rest->at, rest->at + size};
    rest->at += size;
    return true;
}

/* The next record of a message whose fields are all below 32 and come at most once, but for `repeated`. */
static bool next_single(struct span *rest, struct record *record, uint32_t *seen, uint32_t repeated)
{
    if (!next_record(rest, record) || record->field >= 32)
        return false;
    uint32_t bit = UINT32_C(1) << record->field;
    if (*seen & bit & ~repeated)
        return false;
    *seen |= bit;
    return true;
}

static bool is(const struct record *record, uint32_t field, bool nested)
{
    return record->field == field && record->nested == nested;
}

/* --- values --- */

static uint64_t whole(uint32_t width) /* 1..64 */
{
    return UINT64_MAX >> (64 - width);
}

static uint32_t words_of(uint32_t width)
{
    return (width + 63) / 64;
}

/* Whether a byte string is canonical and of at most so many bits. */
static bool fits(struct span raw, uint32_t width)
{
    size_t size = size_of(raw), most = (width + 7) / 8;
    if (!size || size > most || (size > 1 && !raw.at[0]))
        return false;
    return size < most || width % 8 == 0 || raw.at[0] >> width % 8 == 0;
}

/* Into words that are 0, the lowest first; it fits. */
static void put_value(struct span raw, uint64_t *words)
{
    size_t size = size_of(raw);
    for (size_t i = 0; i < size; i++)
        words[i / 8] |= (uint64_t)raw.at[size - 1 - i] << 8 * (i % 8);
}

/* Into bytes that are 0, right-aligned. */
static void put_bytes(struct span raw, uint8_t *to, uint32_t width)
{
    memcpy(to + (width + 7) / 8 - size_of(raw), raw.at, size_of(raw));
}

static void put_prefix(uint64_t *mask, uint32_t width, uint32_t length)
{
    uint32_t low = width - length;
    for (uint32_t i = 0; i < words_of(width); i++) {
        uint64_t bits = whole(width - 64 * i < 64 ? width - 64 * i : 64);
        if (low >= 64 * (i + 1))
            bits = 0;
        else if (low > 64 * i)
            bits &= UINT64_MAX << (low - 64 * i);
        mask[i] = bits;
    }
}

/* --- match fields --- */

struct place { /* where an entry's key is written */
    uint64_t *key, *ranges, *mask;
    uint8_t *bytes;
};

struct match {
    uint32_t field_id, kind;
    struct span value, other; /* a mask, the high end of a range */
    uint64_t length;
};

/* The content of an Exact, Ternary, LPM, Range or Optional. */
static bool read_kind(struct span rest, struct match *match)
{
    struct record record;
    uint32_t seen = 0;
    bool prefix = match->kind == MATCH_LPM, pair = match->kind == MATCH_TERNARY || match->kind == MATCH_RANGE;
    while (rest.at < rest.end) {
        if (!next_single(&rest, &record, &seen, 0))
            return false;
        if (is(&record, 1, true))
            match->value = record.content;
        else if (pair && is(&record, 2, true))
            match->other = record.content;
        else if (prefix && is(&record, 2, false))
            match->length = record.number;
        else
            return false;
    }
    return true;
}

static bool read_match(struct span rest, struct match *match)
{
    static const struct span nothing = {(const uint8_t *)"", (const uint8_t *)""};
    struct record record;
    uint32_t seen = 0;
    *match = (struct match){.value = nothing, .other = nothing};
    while (rest.at < rest.end) {
        if (!next_single(&rest, &record, &seen, 0))
            return false;
        if (is(&record, 1, false) && record.number <= UINT32_MAX) {
            match->field_id = (uint32_t)record.number;
        } else if (record.nested && record.field != 1 && !match->kind) {
            match->kind = (uint32_t)record.field;
            if (!read_kind(record.content, match))
                return false;
        } else {
            return false;
        }
    }
    return true;
}

static bool put_range(const struct field *field, const struct match *match, struct place place)
{
    uint64_t *ends = place.ranges + 2 * field->word;
    if (!fits(match->value, field->width) || !fits(match->other, field->width))
        return false;
    put_value(match->value, &ends[0]);
    put_value(match->other, &ends[1]);
    put_bytes(match->value, place.bytes, field->width);
    put_bytes(match->other, place.bytes + (field->width + 7) / 8, field->width);
    return ends[0] <= ends[1] && (ends[0] || ends[1] != whole(field->width));
}

static bool put_masked(const struct field *field, const struct match *match, struct place place)
{
    uint64_t value[MOST_FIELD_WORDS] = {0}, mask[MOST_FIELD_WORDS] = {0}, any = 0;
    uint32_t count = words_of(field->width), size = (field->width + 7) / 8;
    if (!fits(match->value, field->width))
        return false;
    put_value(match->value, value);
    if (field->kind == MATCH_TERNARY) {
        if (!fits(match->other, field->width))
            return false;
        put_value(match->other, mask);
        put_bytes(match->other, place.bytes + size, field->width);
    } else if (field->kind == MATCH_LPM) {
        if (match->length < 1 || match->length > field->width)
            return false;
        put_prefix(mask, field->width, (uint32_t)match->length);
        place.bytes[size] = (uint8_t)(match->length >> 8);
        place.bytes[size + 1] = (uint8_t)match->length;
    } else {
        put_prefix(mask, field->width, field->width);
    }
    if (field->kind == MATCH_OPTIONAL)
        *place.bytes++ = 1;
    put_bytes(match->value, place.bytes, field->width);
    for (uint32_t i = 0; i < count; i++) {
        if (value[i] & ~mask[i])
            return false;
        any |= mask[i];
        /* Several narrow fields share a word; wide ones are not shifted. */
        place.key[field->word + i] |= value[i] << field->shift;
        place.mask[field->word + i] |= mask[i] << field->shift;
    }
    return any;
}

static bool put_nothing(const struct field *field, struct place place)
{
    if (field->kind == MATCH_EXACT)
        return false;
    if (field->kind == MATCH_RANGE) {
        uint32_t size = (field->width + 7) / 8;
        uint64_t all = whole(field->width);
        place.ranges[2 * field->word + 1] = all;
        for (uint32_t i = 0; i < size; i++)
            place.bytes[size + i] = (uint8_t)(all >> 8 * (size - 1 - i));
    }
    return true;
}

static bool put_field(const struct field *field, const struct match *match, struct place place)
{
    place.bytes += field->key_at;
    if (!match)
        return put_nothing(field, place);
    if (match->kind != field->kind)
        return false;
    return field->kind == MATCH_RANGE ? put_range(field, match, place) : put_masked(field, match, place);
}

/* --- entries --- */

struct entry {
    uint64_t table_id, priority;
    struct span all, action;
    bool has_action;
};

enum { /* fields of a TableEntry */
    TABLE_ID = 1,
    MATCH = 2,
    ACTION = 3,
    PRIORITY = 4,
    CONTROLLER_METADATA = 5,
    IS_DEFAULT_ACTION = 8,
    IDLE_TIMEOUT = 9,
    METADATA = 11,
    IS_CONST = 13,
};

/* All but the match, which needs the table. */
static bool read_entry(struct span all, struct entry *entry)
{
    struct record record;
    struct span rest = all;
    uint32_t seen = 0;
    *entry = (struct entry){.all = all};
    while (rest.at < rest.end) {
        if (!next_single(&rest, &record, &seen, UINT32_C(1) << MATCH))
            return false;
        if (is(&record, TABLE_ID, false)) {
            entry->table_id = record.number;
        } else if (is(&record, ACTION, true)) {
            entry->action = record.content;
            entry->has_action = true;
        } else if (is(&record, PRIORITY, false)) {
            entry->priority = record.number;
        } else if (is(&record, IS_DEFAULT_ACTION, false) || is(&record, IS_CONST, false) ||
                   is(&record, IDLE_TIMEOUT, false)) {
            if (record.number)
                return false;
        } else if (!is(&record, MATCH, true) && !is(&record, CONTROLLER_METADATA, false) &&
                   !is(&record, METADATA, true)) {
            return false;
        }
    }
    return true;
}

static bool put_key(const struct schema *schema, const struct table *table, const struct entry *entry,
                    struct place place)
{
    const struct field *fields = schema->fields + table->first_field;
    struct span rest = entry->all;
    struct record record;
    struct match match;
    uint64_t seen = 0;
    while (rest.at < rest.end) {
        if (!next_record(&rest, &record))
            return false;
        if (record.field != MATCH)
            continue;
        if (!read_match(record.content, &match))
            return false;
        uint32_t at = 0;
        while (at < table->field_count && fields[at].id != match.field_id)
            at++;
        if (at == table->field_count || at >= MOST_FIELDS || seen >> at & 1)
            return false;
        seen |= UINT64_C(1) << at;
        if (!put_field(&fields[at], &match, place))
            return false;
    }
    for (uint32_t at = 0; at < table->field_count; at++)
        if (!(seen >> at & 1) && !put_field(&fields[at], NULL, place))
            return false;
    if (!table->has_priority)
        return !entry->priority;
    for (uint32_t i = 0; i < PRIORITY_BYTES; i++)
        place.bytes[table->key_size - 1 - i] = (uint8_t)(entry->priority >> 8 * i);
    return entry->priority >= 1 && entry->priority <= INT32_MAX;
}

/* --- actions --- */

static const struct action *find_action(const struct schema *schema, const struct table *table, uint64_t id)
{
    for (uint32_t i = 0; i < table->action_count; i++)
        if (schema->actions[table->first_action + i].id == id)
            return &schema->actions[table->first_action + i];
    return NULL;
}

static bool put_parameter(const struct schema *schema, const struct action *action, struct span rest, uint64_t *seen,
                          uint64_t *data)
{
    const struct parameter *parameters = schema->parameters + action->first_parameter;
    struct span value = {NULL, NULL};
    struct record record;
    uint64_t id = 0;
    uint32_t once = 0, at = 0;
    while (rest.at < rest.end) {
        if (!next_single(&rest, &record, &once, 0))
            return false;
        if (is(&record, 2, false))
            id = record.number;
        else if (is(&record, 3, true))
            value = record.content;
        else
            return false;
    }
    while (at < action->parameter_count && parameters[at].id != id)
        at++;
    if (at == action->parameter_count || at >= MOST_FIELDS || *seen >> at & 1)
        return false;
    *seen |= UINT64_C(1) << at;
    if (!value.at || !fits(value, parameters[at].width))
        return false;
    put_value(value, data + parameters[at].word);
    return true;
}

/* A TableAction: the engine's action and its arguments. */
static bool put_action(const struct schema *schema, const struct table *table, struct span rest, uint64_t *index,
                       uint64_t *data)
{
    struct record record;
    uint64_t id = 0, given = 0;
    uint32_t seen = 0;
    if (!next_record(&rest, &record) || !is(&record, 1, true) || rest.at < rest.end)
        return false;
    struct span call = record.content;
    for (rest = call; rest.at < rest.end;) {
        if (!next_single(&rest, &record, &seen, UINT32_C(1) << 4))
            return false;
        if (is(&record, 1, false))
            id = record.number;
        else if (!is(&record, 4, true))
            return false;
    }
    const struct action *action = find_action(schema, table, id);
    if (!action)
        return false;
    for (rest = call; rest.at < rest.end;)
        if (!next_record(&rest, &record) ||
            (record.field == 4 && !put_parameter(schema, action, record.content, &given, data)))
            return false;
    *index = action->index;
    return given == (action->parameter_count ? whole(action->parameter_count) : 0);
}

/* --- updates --- */

static void *grown(void *list, uint64_t *room, uint64_t wanted, size_t size)
{
    if (wanted <= *room)
        return list;
    uint64_t more = wanted > 2 * *room ? wanted : 2 * *room;
    void *grown = more <= LARGEST_LIST / size ? realloc(list, more * size) : NULL;
    if (grown)
        *room = more;
    return grown;
}

/* Room for one more operation; what has grown stays the batch's. */
static bool reserve(struct batch *batch, uint64_t words, uint64_t key_size)
{
    void *list = grown(batch->words, &batch->word_room, batch->word_count + words, sizeof *batch->words);
    if (!list)
        return false;
    batch->words = list;
    list = grown(batch->keys, &batch->key_room, batch->key_count + key_size, 1);
    if (!list)
        return false;
    batch->keys = list;
    list = grown(batch->updates, &batch->update_room, batch->update_count + 1, sizeof *batch->updates);
    if (!list)
        return false;
    batch->updates = list;
    return true;
}

static const struct table *find_table(const struct schema *schema, uint64_t id)
{
    uint64_t low = 0, high = schema->table_count;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (schema->tables[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < schema->table_count && schema->tables[low].id == id ? &schema->tables[low] : NULL;
}

static bool put_update(const struct schema *schema, const uint8_t *request, uint64_t change, struct span wire,
                       struct batch *batch)
{
    struct entry entry;
    if (!read_entry(wire, &entry))
        return false;
    const struct table *table = find_table(schema, entry.table_id);
    if (!table)
        return false;
    uint64_t identity = 2 * (uint64_t)table->key_words + 2 * (uint64_t)table->range_words;
    uint64_t body = ENTRY_HEAD + identity + table->data_words, words = OPERATION_HEAD + body;
    if (!reserve(batch, words, table->key_size))
        return false;
    uint64_t *head = batch->words + batch->word_count, *key = head + OPERATION_HEAD + ENTRY_HEAD;
    struct place place = {
        .key = key,
        .ranges = key + table->key_words,
        .mask = key + table->key_words + 2 * (uint64_t)table->range_words,
        .bytes = batch->keys + batch->key_count,
    };
    memset(head, 0, 8 * words);
    memset(place.bytes, 0, table->key_size);
    if (!put_key(schema, table, &entry, place))
        return false;
    uint64_t *action = &head[OPERATION_HEAD + ENTRY_ACTION], *data = key + identity;
    if (entry.has_action ? !put_action(schema, table, entry.action, action, data) : change != DELETE)
        return false;
    uint64_t heading[OPERATION_HEAD] = {OPERATION_ENTRY, table->index, change - INSERT, body};
    memcpy(head, heading, sizeof heading);
    head[OPERATION_HEAD + ENTRY_PRIORITY] = entry.priority;
    batch->updates[batch->update_count++] = (struct update){
        .table = (uint32_t)(table - schema->tables),
        .change = (uint32_t)change,
        .key_at = (uint32_t)batch->key_count,
        .key_end = (uint32_t)batch->key_count + table->key_size,
        .wire_at = (uint32_t)(wire.at - request),
        .wire_end = (uint32_t)(wire.end - request),
    };
    batch->word_count += words;
    batch->key_count += table->key_size;
    return true;
}

static bool read_update(const struct schema *schema, const uint8_t *request, struct span rest, struct batch *batch)
{
    struct record record;
    struct span entity = {NULL, NULL};
    uint64_t change = 0;
    uint32_t seen = 0;
    while (rest.at < rest.end) {
        if (!next_single(&rest, &record, &seen, 0))
            return false;
        if (is(&record, 1, false))
            change = record.number;
        else if (is(&record, 2, true))
            entity = record.content;
        else
            return false;
    }
    if (change < INSERT || change > DELETE || !entity.at)
        return false;
    if (!next_record(&entity, &record) || !is(&record, 2, true) || entity.at < entity.end)
        return false;
    return put_update(schema, request, change, record.content, batch);
}

/* --- what the server calls --- */

enum { UPDATES = 4 }; /* field of a WriteRequest */

/* Where the updates begin and end; false when they are not all side by side, or what is around them cannot be
 * told. */
EXPORT int plain_updates(const uint8_t *request, size_t size, uint64_t *begin, uint64_t *end)
{
    struct span rest = {request, request + size};
    struct record record;
    bool found = false;
    *begin = *end = 0;
    if (size > UINT32_MAX)
        return false;
    while (rest.at < rest.end) {
        uint64_t at = (uint64_t)(rest.at - request);
        if (!next_record(&rest, &record))
            return false;
        if (record.field != UPDATES)
            continue;
        if (!record.nested || (found && at != *end))
            return false;
        if (!found)
            *begin = at;
        found = true;
        *end = (uint64_t)(rest.at - request);
    }
    return found;
}

/* Read the updates that `plain_updates` has found; false when not all are plain. */
EXPORT int plain_read(const struct schema *schema, const uint8_t *request, size_t size, uint64_t begin, uint64_t end,
                      struct batch *batch)
{
    struct record record;
    batch->word_count = batch->key_count = batch->update_count = 0;
    if (size > UINT32_MAX || begin > end || end > size)
        return false;
    for (struct span rest = {request + begin, request + end}; rest.at < rest.end;)
        if (!next_record(&rest, &record) || !is(&record, UPDATES, true) ||
            !read_update(schema, request, record.content, batch))
            return false;
    return true;
}

EXPORT void plain_free(struct batch *batch)
{
    free(batch->words);
    free(batch->keys);
    free(batch->updates);
    memset(batch, 0, sizeof *batch);
}
