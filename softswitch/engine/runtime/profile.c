/* Members and groups of action profiles. Places of deleted members and groups are used again. */
#include "profile.h"

#include <stdlib.h>

bool profile_open(struct profile *profile, const struct profile_shape *shape)
{
    memset(profile, 0, sizeof *profile);
    profile->shape = shape;
    profile->member_stride = (uint32_t)(sizeof(struct member) + 8 * shape->data_words);
    return true;
}

void profile_close(struct profile *profile)
{
    for (uint32_t i = 0; i < profile->group_high; i++) {
        free(profile->groups[i].shares);
        free(profile->groups[i].slots);
    }
    free(profile->groups);
    free(profile->members);
    free(profile->member_ids.slots);
    free(profile->group_ids.slots);
    memset(profile, 0, sizeof *profile);
}

static uint32_t hash_id(uint32_t id)
{
    return (uint32_t)(mix((uint64_t)id + 1) >> 32);
}

bool id_map_find(const struct id_map *map, uint32_t id, uint32_t *place)
{
    if (!map->slots)
        return false;
    for (uint32_t at = hash_id(id) & map->mask; map->slots[at].entry; at = (at + 1) & map->mask)
        if (map->slots[at].hash == id) {
            *place = map->slots[at].entry - 1;
            return true;
        }
    return false;
}

static void id_map_store(struct id_map *map, uint32_t id, uint32_t entry)
{
    uint32_t at = hash_id(id) & map->mask;
    while (map->slots[at].entry)
        at = (at + 1) & map->mask;
    map->slots[at] = (struct slot){id, entry};
}

bool id_map_put(struct id_map *map, uint32_t id, uint32_t place)
{
    uint32_t old = map->slots ? map->mask + 1 : 0;
    if ((map->count + 1) * 2 > old) {
        uint32_t size = old ? old * 2 : 16;
        struct slot *slots = calloc(size, sizeof *slots), *before = map->slots;
        if (!slots)
            return false;
        map->slots = slots;
        map->mask = size - 1;
        for (uint32_t i = 0; i < old; i++)
            if (before[i].entry)
                id_map_store(map, before[i].hash, before[i].entry);
        free(before);
    }
    id_map_store(map, id, place + 1);
    map->count++;
    return true;
}

void id_map_remove(struct id_map *map, uint32_t id)
{
    if (!map->slots)
        return;
    uint32_t hole = hash_id(id) & map->mask;
    while (map->slots[hole].entry && map->slots[hole].hash != id)
        hole = (hole + 1) & map->mask;
    if (!map->slots[hole].entry)
        return;
    for (uint32_t at = (hole + 1) & map->mask; map->slots[at].entry; at = (at + 1) & map->mask) {
        uint32_t home = hash_id(map->slots[at].hash) & map->mask;
        if (((at - home) & map->mask) >= ((at - hole) & map->mask)) {
            map->slots[hole] = map->slots[at];
            hole = at;
        }
    }
    map->slots[hole].entry = 0;
    map->count--;
}

bool profile_take_member(struct profile *profile, uint32_t *place)
{
    for (uint32_t i = 0; profile->member_high > profile->member_count && i < profile->member_high; i++)
        if (!member_at(profile, i)->used) {
            *place = i;
            return true;
        }
    if (profile->member_high == profile->member_room) {
        uint32_t room = profile->member_room ? profile->member_room * 2 : 16;
        uint8_t *members = realloc(profile->members, (size_t)room * profile->member_stride);
        if (!members)
            return false;
        memset(members + (size_t)profile->member_room * profile->member_stride, 0,
               (size_t)(room - profile->member_room) * profile->member_stride);
        profile->members = members;
        profile->member_room = room;
    }
    *place = profile->member_high++;
    return true;
}

bool profile_take_group(struct profile *profile, uint32_t *place)
{
    for (uint32_t i = 0; profile->group_high > profile->group_count && i < profile->group_high; i++)
        if (!profile->groups[i].used) {
            *place = i;
            return true;
        }
    if (profile->group_high == profile->group_room) {
        uint32_t room = profile->group_room ? profile->group_room * 2 : 16;
        struct group *groups = realloc(profile->groups, room * sizeof *groups);
        if (!groups)
            return false;
        memset(groups + profile->group_room, 0, (room - profile->group_room) * sizeof *groups);
        profile->groups = groups;
        profile->group_room = room;
    }
    *place = profile->group_high++;
    return true;
}

bool group_fill(struct group *group, const bool *up, uint32_t ports)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < group->share_count; i++)
        total += group->shares[i].weight;
    /* Room for all shares whatever is up, so that a port's change needs no memory. */
    if (!group->slots) {
        group->slots = calloc(total + 1, sizeof *group->slots);
        if (!group->slots)
            return false;
    }
    group->slot_count = 0;
    for (uint32_t i = 0; i < group->share_count; i++) {
        const struct share *share = &group->shares[i];
        if (share->watch_port >= 0 && ((uint32_t)share->watch_port >= ports || !up[share->watch_port]))
            continue;
        for (uint32_t w = 0; w < share->weight; w++)
            group->slots[group->slot_count++] = share->member;
    }
    return true;
}
