/* Changing action profiles. The worker is parked, or not yet started, while these run. */
#ifndef P4_PROFILE_H
#define P4_PROFILE_H

#include "pipeline.h"

bool profile_open(struct profile *profile, const struct profile_shape *shape);
void profile_close(struct profile *profile);

/* Control-plane ids to places. `put` needs memory only when the map has never held so many. */
bool id_map_find(const struct id_map *map, uint32_t id, uint32_t *place);
bool id_map_put(struct id_map *map, uint32_t id, uint32_t place);
void id_map_remove(struct id_map *map, uint32_t id);

bool profile_take_member(struct profile *profile, uint32_t *place);
bool profile_take_group(struct profile *profile, uint32_t *place);

/* Fill a group's slots from its shares, leaving out members whose port is not `up`; false: no memory. */
bool group_fill(struct group *group, const bool *up, uint32_t ports);

static inline struct member *member_at(const struct profile *profile, uint32_t place)
{
    return (struct member *)(profile->members + (size_t)place * profile->member_stride);
}

#endif
