/* Operations on the entries of tables and on their default entries. */
#include <stdlib.h>

#include "operation.h"

enum { ENTRY_HEAD = 5 }; /* words before an entry's key */

/* Reads kind, action, ref id; finds the place of a member or group. */
static struct result read_target(const struct pipeline *pipeline, const struct table_shape *shape,
                                 const uint64_t *words, struct target *target)
{
    *target = (struct target){(uint32_t)words[0], (uint32_t)words[1], 0};
    if (target->kind == TARGET_ACTION)
        return DONE;
    if (shape->profile < 0)
        return FAIL(STATUS_INVALID, DETAIL_MALFORMED);
    const struct profile *profile = &pipeline->profiles[shape->profile];
    bool member = target->kind == TARGET_MEMBER;
    if (!id_map_find(member ? &profile->member_ids : &profile->group_ids, (uint32_t)words[2], &target->ref))
        return FAIL(STATUS_NOT_FOUND, member ? DETAIL_NO_MEMBER : DETAIL_NO_GROUP);
    return DONE;
}

void refer(const struct pipeline *pipeline, const struct table_shape *shape, struct target target, int by)
{
    if (target.kind == TARGET_ACTION)
        return;
    struct profile *profile = &pipeline->profiles[shape->profile];
    if (target.kind == TARGET_MEMBER)
        member_at(profile, target.ref)->refs += (uint32_t)by;
    else
        profile->groups[target.ref].refs += (uint32_t)by;
}

struct payload *save_payload(struct target target, const uint64_t *data, uint32_t words)
{
    struct payload *payload = malloc(sizeof *payload + 8 * words);
    if (payload) {
        memset(payload->idle, 0, sizeof payload->idle);
        payload->target = target;
        memcpy(payload->data, data, 8 * words);
    }
    return payload;
}

/* A timeout begins anew; nothing was reported of it. */
static void start_idle(const struct engine *engine, const struct table *table, struct entry *entry, uint64_t timeout)
{
    if (table->shape->timed)
        memcpy(entry_state(table, entry), (uint64_t[]){timeout, engine->now_ns, 0}, 8 * IDLE_WORDS);
}

static struct result insert_entry(struct engine *engine, struct table *table, const uint64_t *words,
                                  struct undo *undo)
{
    const struct pipeline *pipeline = engine->pipeline;
    const struct table_shape *shape = table->shape;
    const uint64_t *identity = words + ENTRY_HEAD, *data = identity + table_data_offset(shape);
    struct target target;
    uint32_t place;
    if (table_identify(table, identity, (int32_t)words[0], &place))
        return FAIL(STATUS_EXISTS, DETAIL_NONE);
    struct result found = read_target(pipeline, shape, words + 1, &target);
    if (found.status)
        return found;
    if (table->used >= shape->max_size)
        return FAIL(STATUS_EXHAUSTED, DETAIL_FULL);
    if (!table_take(table, &place))
        return FAIL(STATUS_EXHAUSTED, DETAIL_MEMORY);
    struct entry *entry = table_entry(table, place);
    entry->priority = (int32_t)words[0];
    entry->target = target;
    memcpy(entry->words, identity, 8 * table_data_offset(shape));
    memcpy(entry_data(table, entry), data, 8 * shape->data_words);
    start_idle(engine, table, entry, words[4]);
    if (!table_link(table, place)) {
        table_release(table, place);
        return FAIL(STATUS_EXHAUSTED, DETAIL_MEMORY);
    }
    refer(pipeline, shape, target, 1);
    *undo = (struct undo){.kind = UNDO_ENTRY_INSERT, .object = table, .place = place};
    return (struct result){STATUS_OK, DETAIL_NONE, entry_handle(table, place)};
}

static struct result change_entry(struct engine *engine, struct table *table, const uint64_t *words,
                                  struct undo *undo)
{
    const struct pipeline *pipeline = engine->pipeline;
    const struct table_shape *shape = table->shape;
    const uint64_t *data = words + ENTRY_HEAD + table_data_offset(shape);
    struct target target;
    uint32_t place;
    if (!table_identify(table, words + ENTRY_HEAD, (int32_t)words[0], &place))
        return FAIL(STATUS_NOT_FOUND, DETAIL_NONE);
    struct result found = read_target(pipeline, shape, words + 1, &target);
    if (found.status)
        return found;
    struct entry *entry = table_entry(table, place);
    struct payload *before = save_payload(entry->target, entry_data(table, entry), shape->data_words);
    if (!before)
        return FAIL(STATUS_EXHAUSTED, DETAIL_MEMORY);
    if (shape->timed)
        memcpy(before->idle, entry_state(table, entry), sizeof before->idle);
    refer(pipeline, shape, entry->target, -1);
    entry->target = target;
    refer(pipeline, shape, target, 1);
    memcpy(entry_data(table, entry), data, 8 * shape->data_words);
    start_idle(engine, table, entry, words[4]);
    *undo = (struct undo){.kind = UNDO_ENTRY_MODIFY, .object = table, .place = place, .before = before};
    return (struct result){STATUS_OK, DETAIL_NONE, entry_handle(table, place)};
}

struct result operate_entry(struct engine *engine, const struct operation *one, struct undo *undo)
{
    struct pipeline *pipeline = engine->pipeline;
    if (one->object >= pipeline->code->table_count)
        return FAIL(STATUS_INVALID, DETAIL_MALFORMED);
    struct table *table = &pipeline->tables[one->object];
    if (one->count != ENTRY_HEAD + table_data_offset(table->shape) + table->shape->data_words)
        return FAIL(STATUS_INVALID, DETAIL_MALFORMED);
    if (one->change == CHANGE_INSERT)
        return insert_entry(engine, table, one->words, undo);
    if (one->change == CHANGE_MODIFY)
        return change_entry(engine, table, one->words, undo);
    uint32_t place;
    if (!table_identify(table, one->words + ENTRY_HEAD, (int32_t)one->words[0], &place))
        return FAIL(STATUS_NOT_FOUND, DETAIL_NONE);
    table_unlink(table, place);
    refer(pipeline, table->shape, table_entry(table, place)->target, -1);
    *undo = (struct undo){.kind = UNDO_ENTRY_DELETE, .object = table, .place = place};
    return DONE;
}

struct result operate_default(struct engine *engine, const struct operation *one, struct undo *undo)
{
    struct pipeline *pipeline = engine->pipeline;
    if (one->object >= pipeline->code->table_count)
        return FAIL(STATUS_INVALID, DETAIL_MALFORMED);
    struct table *table = &pipeline->tables[one->object];
    const struct table_shape *shape = table->shape;
    if (one->count != 3 + shape->data_words)
        return FAIL(STATUS_INVALID, DETAIL_MALFORMED);
    struct target target = {TARGET_ACTION, shape->default_action, 0};
    const uint64_t *data = one->words + 3;
    if (one->change == CHANGE_DELETE) {
        if (shape->default_action == NO_ACTION)
            data = table->miss_data;
        else
            data = shape->default_data;
    } else {
        struct result found = read_target(pipeline, shape, one->words, &target);
        if (found.status)
            return found;
        if (target.kind != TARGET_ACTION)
            return FAIL(STATUS_INVALID, DETAIL_MALFORMED);
    }
    void *before = save_payload(table->miss, table->miss_data, shape->data_words);
    if (!before)
        return FAIL(STATUS_EXHAUSTED, DETAIL_MEMORY);
    table->miss = target;
    memmove(table->miss_data, data, 8 * shape->data_words);
    *undo = (struct undo){.kind = UNDO_DEFAULT, .object = table, .before = before};
    return DONE;
}
