#include "plain_writes.h"

#include <stdlib.h>
#include <string.h>

#include "key.h"

#define EXPORT __attribute__((visibility("default")))

/* How the engine encodes an operation on an entry: softswitch/engine/runtime/batch.h. */
enum { OPERATION_HEAD = 4, ENTRY_HEAD = 5, OPERATION_ENTRY = 0, ENTRY_PRIORITY = 0, ENTRY_ACTION = 2 };
enum { INSERT = 1, MODIFY = 2, DELETE = 3 };
enum { LARGEST_LIST = 1 << 26 }; /* bytes of each of a batch's lists */

EXPORT int plain_updates(const uint8_t *request, size_t size, uint64_t *begin, uint64_t *end);
EXPORT int plain_read(const struct schema *schema, const uint8_t *request, size_t size, uint64_t begin, uint64_t end,
                      struct batch *batch);
EXPORT void plain_free(struct batch *batch);

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
    if (!put_key(schema, table, entry.all, entry.priority, place))
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
