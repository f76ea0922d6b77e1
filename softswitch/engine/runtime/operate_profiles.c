/* Operations on the members and groups of action profiles. */
#include <stdlib.h>

#include "operation.h"

enum { LARGEST_GROUP = 1 << 20 };

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

struct result operate_member(struct engine *engine, const struct operation *one, struct undo *undo)
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

void refer_shares(struct profile *profile, const struct group *group, int by)
{
    for (uint32_t i = 0; i < group->share_count; i++)
        member_at(profile, group->shares[i].member)->refs += (uint32_t)by;
}

struct result operate_group(struct engine *engine, const struct operation *one, struct undo *undo)
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
