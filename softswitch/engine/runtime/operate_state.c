/* Operations on what packets use besides tables: replication, counters, meters, registers, value sets. */
#include <stdlib.h>

#include "operation.h"

struct result operate_replicas(struct engine *engine, const struct operation *one, struct undo *undo)
{
    bool clone = one->kind == OPERATION_CLONE;
    uint32_t head = clone ? 3 : 1;
    struct replication *replication = engine->pipeline->replication;
    if (one->count < head || (one->count - head) % 2 ||
        one->words[0] >= (clone ? (uint64_t)CLONE_SESSIONS : (uint64_t)MULTICAST_GROUPS))
        return FAIL(STATUS_INVALID, DETAIL_MALFORMED);
    struct replicas **slot = clone ? &replication->sessions[one->words[0]] : &replication->groups[one->words[0]];
    if (one->change == CHANGE_INSERT ? *slot != NULL : *slot == NULL)
        return FAIL(*slot ? STATUS_EXISTS : STATUS_NOT_FOUND, DETAIL_NONE);
    struct replicas *replicas = NULL;
    if (one->change != CHANGE_DELETE) {
        uint32_t count = (uint32_t)((one->count - head) / 2);
        replicas = calloc(1, sizeof *replicas + count * sizeof *replicas->list);
        if (!replicas)
            return FAIL(STATUS_EXHAUSTED, DETAIL_MEMORY);
        replicas->count = count;
        replicas->class_of_service = clone ? (uint8_t)one->words[1] : 0;
        replicas->limit = clone ? (uint32_t)one->words[2] : 0;
        for (uint32_t i = 0; i < count; i++)
            replicas->list[i] =
                (struct replica){(uint16_t)one->words[head + 2 * i], (uint16_t)one->words[head + 2 * i + 1]};
    }
    *undo = (struct undo){.kind = UNDO_REPLICAS, .object = slot, .before = *slot};
    *slot = replicas;
    return DONE;
}

struct result operate_cells(struct engine *engine, const struct operation *one, struct undo *undo)
{
    struct pipeline *pipeline = engine->pipeline;
    bool counter = one->kind == OPERATION_COUNTER;
    uint32_t arrays = counter ? pipeline->code->counter_count : pipeline->code->register_count;
    if (one->object >= arrays)
        return FAIL(STATUS_INVALID, DETAIL_MALFORMED);
    const struct array_shape *shape =
        counter ? &pipeline->code->counters[one->object] : &pipeline->code->registers[one->object];
    if (one->count != 1 + (shape->words > 2 ? shape->words : 2u))
        return FAIL(STATUS_INVALID, DETAIL_MALFORMED);
    uint64_t *cells = counter ? &pipeline->counters[one->object]->packets : pipeline->registers[one->object];
    uint64_t first = one->words[0], count = 1;
    if (first == UINT64_MAX) {
        first = 0;
        count = shape->size;
    } else if (first >= shape->size) {
        return FAIL(STATUS_INVALID, DETAIL_INDEX);
    }
    uint64_t size = 8 * shape->words * count;
    void *before = malloc(size);
    if (!before)
        return FAIL(STATUS_EXHAUSTED, DETAIL_MEMORY);
    uint64_t *at = cells + first * shape->words;
    memcpy(before, at, size);
    for (uint64_t i = 0; i < count; i++)
        memcpy(at + i * shape->words, one->words + 1, 8 * shape->words);
    *undo = (struct undo){.kind = UNDO_BYTES, .object = at, .size = size, .before = before};
    return DONE;
}

struct result operate_meter(struct engine *engine, const struct operation *one, struct undo *undo)
{
    struct pipeline *pipeline = engine->pipeline;
    if (one->object >= pipeline->code->meter_count || one->count != 1 + METER_CONFIG)
        return FAIL(STATUS_INVALID, DETAIL_MALFORMED);
    uint64_t first = one->words[0], size = pipeline->code->meters[one->object].size, count = 1;
    if (first == UINT64_MAX) {
        first = 0;
        count = size;
    } else if (first >= size) {
        return FAIL(STATUS_INVALID, DETAIL_INDEX);
    }
    struct meter *cells = (struct meter *)pipeline->meters[one->object] + first;
    struct meter *before = malloc(count * sizeof *before);
    if (!before)
        return FAIL(STATUS_EXHAUSTED, DETAIL_MEMORY);
    memcpy(before, cells, count * sizeof *before);
    for (uint64_t i = 0; i < count; i++)
        cells[i] = meter_new(one->words + 1, engine->now_ns);
    *undo = (struct undo){.kind = UNDO_BYTES, .object = cells, .size = count * sizeof *before, .before = before};
    return DONE;
}

/* What a direct operation concerns: the entry that it names behind its `head` words, or with nothing behind them
 * the default entry. */
static struct result find_direct(struct engine *engine, const struct operation *one, uint32_t head,
                                 struct undo *undo, struct direct_place *found)
{
    struct pipeline *pipeline = engine->pipeline;
    if (one->object >= pipeline->code->table_count)
        return FAIL(STATUS_INVALID, DETAIL_MALFORMED);
    struct table *table = &pipeline->tables[one->object];
    uint32_t place = DEFAULT_PLACE;
    if (one->count != head && one->count != head + table_data_offset(table->shape))
        return FAIL(STATUS_INVALID, DETAIL_MALFORMED);
    if (one->count != head && !table_identify(table, one->words + head, (int32_t)one->words[0], &place))
        return FAIL(STATUS_NOT_FOUND, DETAIL_NONE);
    struct direct *before = calloc(1, sizeof *before);
    if (!before)
        return FAIL(STATUS_EXHAUSTED, DETAIL_MEMORY);
    *found = direct_of(table, place);
    before->packets = *found->packets;
    before->bytes = *found->bytes;
    if (found->meter)
        before->meter = *found->meter;
    *undo = (struct undo){.kind = UNDO_DIRECT, .object = table, .place = place, .before = before};
    return DONE;
}

struct result operate_direct_meter(struct engine *engine, const struct operation *one, struct undo *undo)
{
    struct direct_place direct;
    if (one->object >= engine->pipeline->code->table_count || !engine->pipeline->tables[one->object].shape->metered)
        return FAIL(STATUS_INVALID, DETAIL_MALFORMED);
    struct result found = find_direct(engine, one, 1 + METER_CONFIG, undo, &direct);
    if (!found.status)
        *direct.meter = meter_new(one->words + 1, engine->now_ns);
    return found;
}

struct result operate_set(struct engine *engine, const struct operation *one, struct undo *undo)
{
    struct pipeline *pipeline = engine->pipeline;
    if (one->object >= pipeline->code->set_count)
        return FAIL(STATUS_INVALID, DETAIL_MALFORMED);
    const struct set_shape *shape = &pipeline->code->sets[one->object];
    uint64_t count = one->count / (2 * shape->words);
    if (one->count % (2 * shape->words))
        return FAIL(STATUS_INVALID, DETAIL_MALFORMED);
    if (count > shape->max_size)
        return FAIL(STATUS_EXHAUSTED, DETAIL_FULL);
    struct value_set *set = &pipeline->sets[one->object], *before = malloc(sizeof *before);
    uint64_t *members = malloc(8 * one->count + 8);
    if (!before || !members) {
        free(before);
        free(members);
        return FAIL(STATUS_EXHAUSTED, DETAIL_MEMORY);
    }
    *before = *set;
    memcpy(members, one->words, 8 * one->count);
    *set = (struct value_set){(uint32_t)count, members};
    *undo = (struct undo){.kind = UNDO_SET, .object = set, .before = before};
    return DONE;
}

struct result operate_direct(struct engine *engine, const struct operation *one, struct undo *undo)
{
    struct direct_place direct;
    struct result found = find_direct(engine, one, 3, undo, &direct);
    if (!found.status) {
        *direct.packets = one->words[1];
        *direct.bytes = one->words[2];
    }
    return found;
}
