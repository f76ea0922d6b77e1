/* Applies operations one after the other and keeps for each how to undo it; at the batch's end all of that is
 * either done away with (commit) or carried out backwards. Undoing needs no memory, so it cannot fail. */
#include "batch.h"

#include <stdlib.h>

#include "meter.h"
#include "profile.h"
#include "table.h"

enum { LARGEST_GROUP = 1 << 20, ENTRY_HEAD = 5 };

enum undo_kind {
    UNDO_NOTHING,
    UNDO_ENTRY_INSERT,
    UNDO_ENTRY_DELETE,
    UNDO_ENTRY_MODIFY,
    UNDO_DEFAULT,
    UNDO_MEMBER_INSERT,
    UNDO_MEMBER_DELETE,
    UNDO_MEMBER_MODIFY,
    UNDO_GROUP_INSERT,
    UNDO_GROUP_DELETE,
    UNDO_GROUP_MODIFY,
    UNDO_REPLICAS,
    UNDO_BYTES,
    UNDO_DIRECT,
    UNDO_SET,
};

struct undo {
    enum undo_kind kind;
    void *object; /* the table, profile, or address that was changed */
    uint32_t place;
    uint64_t size;
    void *before; /* owned */
};

struct operation {
    uint64_t kind, object, change, count;
    const uint64_t *words;
};

struct result {
    enum status status;
    enum detail detail;
    int64_t handle;
};

#define FAIL(status, detail) ((struct result){status, detail, -1})
#define DONE ((struct result){STATUS_OK, DETAIL_NONE, -1})

/* --- targets --- */

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

static void refer(const struct pipeline *pipeline, const struct table_shape *shape, struct target target, int by)
{
    if (target.kind == TARGET_ACTION)
        return;
    struct profile *profile = &pipeline->profiles[shape->profile];
    if (target.kind == TARGET_MEMBER)
        member_at(profile, target.ref)->refs += (uint32_t)by;
    else
        profile->groups[target.ref].refs += (uint32_t)by;
}

/* --- entries --- */

struct payload { /* what an entry or a default action does */
    struct target target;
    uint64_t idle[IDLE_WORDS];
    uint64_t data[];
};

static struct payload *save_payload(struct target target, const uint64_t *data, uint32_t words)
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

static int64_t handle_of(const struct table *table, uint32_t place)
{
    return (int64_t)((uint64_t)(table_entry(table, place)->generation & 0x3fffffff) << 32 | place);
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
    return (struct result){STATUS_OK, DETAIL_NONE, handle_of(table, place)};
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
    return (struct result){STATUS_OK, DETAIL_NONE, handle_of(table, place)};
}

static struct result operate_entry(struct engine *engine, const struct operation *one, struct undo *undo)
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

static struct result operate_default(struct engine *engine, const struct operation *one, struct undo *undo)
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

/* --- members and groups --- */

static struct result insert_member(struct profile *profile, const uint64_t *words, struct undo *undo)
{
    uint32_t place, id = (uint32_t)words[0];
    if (id_map_find(&profile->member_ids, id, &place))
        return FAIL(STATUS_EXISTS, DETAIL_NONE);
    if (profile->shape->max_size && profile->member_count >= profile->shape->max_size)
        return FAIL(STATUS_EXHAUSTED, DETAIL_FULL);
    if (!profile_take_member(profile, &place) || !id_map_put(&profile->member_ids, id, place))
        return FAIL(STATUS_EXHAUSTED, DETAIL_MEMORY);
    struct member *member = member_at(profile, place);
    *member = (struct member){.id = id, .action = (uint32_t)words[1], .used = true};
    memcpy(member->data, words + 2, 8 * profile->shape->data_words);
    profile->member_count++;
    *undo = (struct undo){.kind = UNDO_MEMBER_INSERT, .object = profile, .place = place};
    return DONE;
}

static struct result operate_member(struct engine *engine, const struct operation *one, struct undo *undo)
{
    struct pipeline *pipeline = engine->pipeline;
    if (one->object >= pipeline->code->profile_count)
        return FAIL(STATUS_INVALID, DETAIL_MALFORMED);
    struct profile *profile = &pipeline->profiles[one->object];
    uint32_t words = profile->shape->data_words, place;
    if (one->count != 2 + words)
        return FAIL(STATUS_INVALID, DETAIL_MALFORMED);
    if (one->change == CHANGE_INSERT)
        return insert_member(profile, one->words, undo);
    if (!id_map_find(&profile->member_ids, (uint32_t)one->words[0], &place))
        return FAIL(STATUS_NOT_FOUND, DETAIL_NONE);
    struct member *member = member_at(profile, place);
    if (one->change == CHANGE_DELETE) {
        if (member->refs)
            return FAIL(STATUS_PRECONDITION, DETAIL_REFERENCED);
        id_map_remove(&profile->member_ids, member->id);
        profile->member_count--;
        *undo = (struct undo){.kind = UNDO_MEMBER_DELETE, .object = profile, .place = place};
        return DONE;
    }
    struct target old = {TARGET_ACTION, member->action, 0};
    void *before = save_payload(old, member->data, words);
    if (!before)
        return FAIL(STATUS_EXHAUSTED, DETAIL_MEMORY);
    member->action = (uint32_t)one->words[1];
    memcpy(member->data, one->words + 2, 8 * words);
    *undo = (struct undo){.kind = UNDO_MEMBER_MODIFY, .object = profile, .place = place, .before = before};
    return DONE;
}

/* The shares that an operation lists, with their members' places; on failure nothing is kept. */
static struct result read_group(const struct profile *profile, const struct operation *one, struct group *group,
                                const bool *up)
{
    uint32_t count = (uint32_t)((one->count - 2) / 3);
    uint64_t total = 0, limit = one->words[1] ? one->words[1] : LARGEST_GROUP;
    group->max_size = (uint32_t)one->words[1];
    group->shares = calloc(count + 1, sizeof *group->shares);
    if (!group->shares)
        return FAIL(STATUS_EXHAUSTED, DETAIL_MEMORY);
    struct result result = DONE;
    for (uint32_t i = 0; i < count && !result.status; i++) {
        const uint64_t *share = one->words + 2 + 3 * i;
        uint32_t place;
        total += share[1] < LARGEST_GROUP ? share[1] : LARGEST_GROUP;
        if (!id_map_find(&profile->member_ids, (uint32_t)share[0], &place))
            result = FAIL(STATUS_NOT_FOUND, DETAIL_NO_MEMBER);
        else if (total > limit || total > LARGEST_GROUP)
            result = FAIL(STATUS_EXHAUSTED, DETAIL_GROUP_FULL);
        else
            group->shares[i] = (struct share){place, (uint32_t)share[1], (int32_t)share[2] - 1};
    }
    group->share_count = count;
    if (!result.status && !group_fill(group, up, PORTS))
        result = FAIL(STATUS_EXHAUSTED, DETAIL_MEMORY);
    if (result.status)
        free(group->shares);
    return result;
}

static void refer_shares(struct profile *profile, const struct group *group, int by)
{
    for (uint32_t i = 0; i < group->share_count; i++)
        member_at(profile, group->shares[i].member)->refs += (uint32_t)by;
}

static struct result operate_group(struct engine *engine, const struct operation *one, struct undo *undo)
{
    struct pipeline *pipeline = engine->pipeline;
    if (one->object >= pipeline->code->profile_count || one->count < 2 || (one->count - 2) % 3)
        return FAIL(STATUS_INVALID, DETAIL_MALFORMED);
    struct profile *profile = &pipeline->profiles[one->object];
    uint32_t id = (uint32_t)one->words[0], place;
    bool known = id_map_find(&profile->group_ids, id, &place);
    if (one->change == CHANGE_INSERT ? known : !known)
        return FAIL(known ? STATUS_EXISTS : STATUS_NOT_FOUND, DETAIL_NONE);
    if (one->change == CHANGE_DELETE) {
        if (profile->groups[place].refs)
            return FAIL(STATUS_PRECONDITION, DETAIL_REFERENCED);
        id_map_remove(&profile->group_ids, id);
        refer_shares(profile, &profile->groups[place], -1);
        *undo = (struct undo){.kind = UNDO_GROUP_DELETE, .object = profile, .place = place};
        return DONE;
    }
    struct group group = {.id = id, .used = true};
    struct result read = read_group(profile, one, &group, engine->up);
    if (read.status)
        return read;
    if (one->change == CHANGE_MODIFY) {
        struct group *before = malloc(sizeof *before);
        if (!before) {
            free(group.shares);
            free(group.slots);
            return FAIL(STATUS_EXHAUSTED, DETAIL_MEMORY);
        }
        *before = profile->groups[place];
        group.refs = before->refs;
        refer_shares(profile, before, -1);
        profile->groups[place] = group;
        refer_shares(profile, &group, 1);
        *undo = (struct undo){.kind = UNDO_GROUP_MODIFY, .object = profile, .place = place, .before = before};
        return DONE;
    }
    if (!profile_take_group(profile, &place) || !id_map_put(&profile->group_ids, id, place)) {
        free(group.shares);
        free(group.slots);
        return FAIL(STATUS_EXHAUSTED, DETAIL_MEMORY);
    }
    profile->groups[place] = group;
    profile->group_count++;
    refer_shares(profile, &group, 1);
    *undo = (struct undo){.kind = UNDO_GROUP_INSERT, .object = profile, .place = place};
    return DONE;
}

/* --- replication --- */

static struct result operate_replicas(struct engine *engine, const struct operation *one, struct undo *undo)
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

/* --- counters and registers --- */

static struct result operate_cells(struct engine *engine, const struct operation *one, struct undo *undo)
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

static struct result operate_meter(struct engine *engine, const struct operation *one, struct undo *undo)
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

struct direct { /* what an entry counts and meters */
    uint64_t packets, bytes;
    struct meter meter;
};

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

static struct result operate_direct_meter(struct engine *engine, const struct operation *one, struct undo *undo)
{
    struct direct_place direct;
    if (one->object >= engine->pipeline->code->table_count || !engine->pipeline->tables[one->object].shape->metered)
        return FAIL(STATUS_INVALID, DETAIL_MALFORMED);
    struct result found = find_direct(engine, one, 1 + METER_CONFIG, undo, &direct);
    if (!found.status)
        *direct.meter = meter_new(one->words + 1, engine->now_ns);
    return found;
}

static struct result operate_set(struct engine *engine, const struct operation *one, struct undo *undo)
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

static struct result operate_direct(struct engine *engine, const struct operation *one, struct undo *undo)
{
    struct direct_place direct;
    struct result found = find_direct(engine, one, 3, undo, &direct);
    if (!found.status) {
        *direct.packets = one->words[1];
        *direct.bytes = one->words[2];
    }
    return found;
}

/* --- the end of a batch --- */

static void free_group(struct group *group)
{
    free(group->shares);
    free(group->slots);
}

static void commit(struct undo *undo)
{
    struct profile *profile = undo->object;
    switch (undo->kind) {
    case UNDO_ENTRY_DELETE:
        table_release(undo->object, undo->place);
        break;
    case UNDO_MEMBER_DELETE:
        member_at(profile, undo->place)->used = false;
        break;
    case UNDO_GROUP_DELETE:
        free_group(&profile->groups[undo->place]);
        profile->groups[undo->place] = (struct group){.used = false};
        profile->group_count--;
        break;
    case UNDO_GROUP_MODIFY:
        free_group(undo->before);
        break;
    case UNDO_SET:
        free(((struct value_set *)undo->before)->members);
        break;
    default:
        break;
    }
    free(undo->before);
}

static void restore_entry(struct pipeline *pipeline, struct undo *undo)
{
    struct table *table = undo->object;
    struct entry *entry = undo->kind == UNDO_DEFAULT ? NULL : table_entry(table, undo->place);
    const struct payload *payload = undo->before;
    if (undo->kind == UNDO_ENTRY_INSERT) {
        refer(pipeline, table->shape, entry->target, -1);
        table_unlink(table, undo->place);
        table_release(table, undo->place);
    } else if (undo->kind == UNDO_ENTRY_DELETE) {
        table_link(table, undo->place);
        refer(pipeline, table->shape, entry->target, 1);
    } else if (undo->kind == UNDO_ENTRY_MODIFY) {
        refer(pipeline, table->shape, entry->target, -1);
        entry->target = payload->target;
        refer(pipeline, table->shape, entry->target, 1);
        memcpy(entry_data(table, entry), payload->data, 8 * table->shape->data_words);
        if (table->shape->timed)
            memcpy(entry_state(table, entry), payload->idle, sizeof payload->idle);
    } else {
        table->miss = payload->target;
        memcpy(table->miss_data, payload->data, 8 * table->shape->data_words);
    }
}

static void restore_profile(struct undo *undo)
{
    struct profile *profile = undo->object;
    if (undo->kind == UNDO_MEMBER_INSERT) {
        struct member *member = member_at(profile, undo->place);
        id_map_remove(&profile->member_ids, member->id);
        member->used = false;
        profile->member_count--;
    } else if (undo->kind == UNDO_MEMBER_DELETE) {
        id_map_put(&profile->member_ids, member_at(profile, undo->place)->id, undo->place);
        profile->member_count++;
    } else if (undo->kind == UNDO_MEMBER_MODIFY) {
        const struct payload *payload = undo->before;
        struct member *member = member_at(profile, undo->place);
        member->action = payload->target.action;
        memcpy(member->data, payload->data, 8 * profile->shape->data_words);
    } else {
        struct group *group = &profile->groups[undo->place];
        if (undo->kind == UNDO_GROUP_DELETE) {
            id_map_put(&profile->group_ids, group->id, undo->place);
            refer_shares(profile, group, 1);
            return;
        }
        refer_shares(profile, group, -1);
        free_group(group);
        if (undo->kind == UNDO_GROUP_INSERT) {
            id_map_remove(&profile->group_ids, group->id);
            *group = (struct group){.used = false};
            profile->group_count--;
        } else {
            *group = *(struct group *)undo->before;
            refer_shares(profile, group, 1);
        }
    }
}

static void roll_back(struct pipeline *pipeline, struct undo *undo)
{
    switch (undo->kind) {
    case UNDO_NOTHING:
        break;
    case UNDO_ENTRY_INSERT:
    case UNDO_ENTRY_DELETE:
    case UNDO_ENTRY_MODIFY:
    case UNDO_DEFAULT:
        restore_entry(pipeline, undo);
        break;
    case UNDO_REPLICAS: {
        struct replicas **slot = undo->object;
        free(*slot);
        *slot = undo->before;
        return; /* it is in use again */
    }
    case UNDO_BYTES:
        memcpy(undo->object, undo->before, undo->size);
        break;
    case UNDO_DIRECT: {
        struct direct_place direct = direct_of(undo->object, undo->place);
        const struct direct *before = undo->before;
        *direct.packets = before->packets;
        *direct.bytes = before->bytes;
        if (direct.meter)
            *direct.meter = before->meter;
        break;
    }
    case UNDO_SET: {
        struct value_set *set = undo->object;
        free(set->members);
        *set = *(struct value_set *)undo->before;
        break;
    }
    default:
        restore_profile(undo);
    }
    free(undo->before);
}

static struct result operate(struct engine *engine, const struct operation *one, struct undo *undo)
{
    switch (one->kind) {
    case OPERATION_ENTRY:
        return operate_entry(engine, one, undo);
    case OPERATION_DEFAULT:
        return operate_default(engine, one, undo);
    case OPERATION_MEMBER:
        return operate_member(engine, one, undo);
    case OPERATION_GROUP:
        return operate_group(engine, one, undo);
    case OPERATION_MULTICAST:
    case OPERATION_CLONE:
        return operate_replicas(engine, one, undo);
    case OPERATION_COUNTER:
    case OPERATION_REGISTER:
        return operate_cells(engine, one, undo);
    case OPERATION_DIRECT:
        return operate_direct(engine, one, undo);
    case OPERATION_METER:
        return operate_meter(engine, one, undo);
    case OPERATION_DIRECT_METER:
        return operate_direct_meter(engine, one, undo);
    case OPERATION_SET:
        return operate_set(engine, one, undo);
    default:
        return FAIL(STATUS_INVALID, DETAIL_MALFORMED);
    }
}

static void abandon(struct outcome *outcomes, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (outcomes[i].status == STATUS_OK)
            outcomes[i] = (struct outcome){STATUS_ABORTED, DETAIL_NONE, -1};
}

static void sweep_tables(struct pipeline *pipeline)
{
    pipeline->far = false;
    for (uint32_t i = 0; i < pipeline->code->table_count; i++) {
        table_sweep(&pipeline->tables[i]);
        pipeline->far |= pipeline->tables[i].far && pipeline->tables[i].shape->foreseen;
    }
}

void batch_apply(struct engine *engine, const uint64_t *words, uint64_t count, struct outcome *outcomes,
                 uint32_t operations, bool all)
{
    struct undo *undos = all ? calloc(operations + 1, sizeof *undos) : NULL;
    bool failed = all && !undos;
    uint64_t at = 0;
    for (uint32_t i = 0; i < operations; i++) {
        struct result result = FAIL(STATUS_INVALID, DETAIL_MALFORMED);
        struct undo undo = {.kind = UNDO_NOTHING};
        if (all && !undos) {
            result = FAIL(STATUS_EXHAUSTED, DETAIL_MEMORY);
        } else if (at + 4 <= count && words[at + 3] <= count - at - 4) {
            struct operation one = {words[at], words[at + 1], words[at + 2], words[at + 3], words + at + 4};
            at += 4 + one.count;
            result = operate(engine, &one, &undo);
        }
        outcomes[i] = (struct outcome){(int32_t)result.status, result.detail, result.handle};
        failed |= result.status != STATUS_OK;
        if (all && undos)
            undos[i] = undo;
        else
            commit(&undo);
    }
    for (uint32_t i = operations; undos && i-- > 0 && failed;)
        roll_back(engine->pipeline, &undos[i]);
    for (uint32_t i = 0; undos && i < operations && !failed; i++)
        commit(&undos[i]);
    free(undos);
    if (all && failed)
        abandon(outcomes, operations);
    sweep_tables(engine->pipeline);
}
