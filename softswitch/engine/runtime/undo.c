/* The end of an operation: for good, or undone. */
#include <stdlib.h>

#include "operation.h"

static void free_group(struct group *group)
{
    free(group->shares);
    free(group->slots);
}

void undo_forget(struct undo *undo)
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

void undo_perform(struct pipeline *pipeline, struct undo *undo)
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
