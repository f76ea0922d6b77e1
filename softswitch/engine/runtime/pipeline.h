/* A pipeline: the generated code's description of itself, and the state that entries, counters and
 * registers make up. Generated code reads this; only table.c, profile.c and the operations of a batch change it,
 * while the worker is parked (counters and registers: the worker itself). */
#ifndef P4_PIPELINE_H
#define P4_PIPELINE_H

#include "bits.h"

enum { PIPELINE_ABI = 6, NO_ACTION = 0xffffffff, MOST_KEY_WORDS = 128, METER_WORDS = 10, IDLE_WORDS = 3 };

enum match_kind { MATCH_EXACT, MATCH_LPM, MATCH_TERNARY };
enum target_kind { TARGET_ACTION, TARGET_MEMBER, TARGET_GROUP };

struct table_shape {
    const char *name;
    uint32_t key_words, range_words, data_words, max_size;
    uint32_t default_action;
    const uint64_t *default_data;
    int32_t profile; /* -1: none */
    uint8_t kind;
    bool counted, timed, metered, foreseen;
    const uint64_t *guide; /* the mask of what a longest-prefix table's guide is asked by; NULL: it has none */
    uint8_t guide_shift;   /* this many prefix lengths (a power of 2) share a bit in the guide */
};

struct profile_shape {
    const char *name;
    uint32_t data_words, max_size;
};

struct array_shape {
    const char *name;
    uint32_t size, words; /* words of 64 bits a cell */
};

struct set_shape {
    const char *name;
    uint32_t words, max_size; /* words of 64 bits that a member's values take */
};

struct pipeline_code {
    uint32_t abi, packet_size; /* sizes that generated code and runtime must agree on */
    uint32_t phv_size, header_room, table_count, profile_count, register_count, counter_count, digest_room;
    uint32_t meter_count, set_count;
    const struct table_shape *tables;
    const struct profile_shape *profiles;
    const struct array_shape *registers, *counters, *meters;
    const struct set_shape *sets;
    void (*parse)(struct pipeline *, struct packet *);
    void (*ingress)(struct pipeline *, struct packet *);
    void (*control)(struct pipeline *, struct packet *); /* ingress of what is parsed already */
    void (*foresee)(struct pipeline *, struct packet *const *, uint32_t count); /* NULL: nothing to gain */
    void (*egress)(struct pipeline *, struct packet *);
    void (*deparse)(struct pipeline *, struct packet *);
    void (*reset_metadata)(struct packet *);
    void (*keep_fields)(uint32_t list, struct packet *to, struct packet *from);
    uint32_t (*digest)(uint32_t list, struct packet *, uint8_t *to);
};

/* --- tables --- */

struct target {
    uint32_t kind;   /* enum target_kind */
    uint32_t action; /* the pipeline's action, of TARGET_ACTION */
    uint32_t ref;    /* the profile's member or group, by its place */
};

struct entry {
    uint32_t next; /* the entry behind it with the same masked key, or in the free list; place + 1 */
    int32_t priority;
    struct target target;
    uint32_t generation;
    bool used;
    uint64_t packets, bytes;
    uint64_t words[]; /* key, low and high ends of ranges, mask, action data, idle state, meter */
};

struct slot {
    uint32_t hash, entry; /* entry's place + 1; 0: empty */
};

struct tuple { /* all entries with one mask */
    uint64_t *mask;
    struct slot *slots;
    uint32_t slot_mask, count;
    int32_t order; /* the longest prefix or highest priority in it: tuples stand in falling order */
    uint32_t id;   /* longest prefix: its bit in the guide; ternary: its column in the filter */
};

struct guide_slot { /* of all prefixes that begin alike; those with the same hash share one */
    uint32_t hash, count; /* count: of entries; 0: empty */
    uint64_t lengths;     /* which prefix lengths there may be among them */
};

struct guide { /* guide.c */
    struct guide_slot *slots;
    uint32_t mask, count, stale; /* stale: entries removed whose bits may have stayed */
    uint32_t deep;               /* so many tuples, the first, are found through the guide */
    uint32_t first[64];          /* for each bit, the first tuple of its lengths */
};

enum { BYTE_VALUES = 256 };

struct filter { /* filter.c */
    uint64_t *rows; /* for each byte of the key and value of it, a bit for each tuple that may match; NULL: off */
    uint64_t *live; /* the tuples that there are */
    uint32_t *where; /* by their id, where they stand */
    uint16_t *bytes; /* of the key, those that any tuple looks at */
    uint32_t words, byte_count, stale;
};

struct table {
    const struct table_shape *shape;
    struct tuple *tuples;
    uint32_t tuple_count, tuple_room;
    uint8_t *entries;
    uint32_t stride, room, used, high; /* used: linked entries; high: places ever taken */
    uint32_t free;
    uint64_t seed;
    bool far; /* too large for the nearest caches: lookups are worth foreseeing */
    struct target miss;
    uint64_t *miss_data;
    struct missed { /* what the default entry counts and meters */
        uint64_t packets, bytes, meter[METER_WORDS];
    } missed;
    struct guide guide;
    struct filter filter;
    void *reserved; /* where the entries lie, if that is address space of `reserved_size`; NULL: they lie in an array */
    size_t reserved_size;
};

/* --- action profiles --- */

struct member {
    uint32_t id, refs, action;
    bool used;
    uint64_t data[];
};

struct share {
    uint32_t member, weight;
    int32_t watch_port; /* -1: none */
};

struct group {
    uint32_t id, refs, max_size, share_count, slot_count;
    bool used;
    struct share *shares;
    uint32_t *slots; /* members by their place, as often as they weigh, without those whose port is down */
};

struct id_map { /* control-plane ids to places */
    struct slot *slots;
    uint32_t mask, count;
};

struct profile {
    const struct profile_shape *shape;
    uint8_t *members;
    uint32_t member_stride, member_room, member_high, member_count;
    struct group *groups;
    uint32_t group_room, group_high, group_count;
    struct id_map member_ids, group_ids;
};

struct counter {
    uint64_t packets, bytes;
};

struct value_set { /* of the parser */
    uint32_t count;
    uint64_t *members; /* of each its values, then their masks */
};

struct pipeline {
    const struct pipeline_code *code;
    struct table *tables;
    struct profile *profiles;
    uint64_t **registers;
    struct counter **counters;
    uint64_t **meters; /* cells of METER_WORDS */
    struct value_set *sets;
    const uint64_t *now_ns; /* the engine's clock */
    uint16_t drop_port;
    uint64_t random;
    bool far; /* a table that is worth foreseeing is large */
    /* what the runtime keeps with it */
    void *library;
    struct pool *pool;
    struct replication *replication;
    struct tracer *tracer; /* of packets whose `trace` is not 0 */
    const struct pipeline_code *plain_code; /* `code` while nobody traces */
    void *traced_library;
};

static inline uint64_t mix(uint64_t value)
{
    u128 product = (u128)value * 0x9e3779b97f4a7c15u;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline __attribute__((always_inline)) struct entry *entry_at(const struct table *table, uint32_t place,
                                                                    size_t stride)
{
    return (struct entry *)(table->entries + place * stride);
}

static inline __attribute__((always_inline)) bool words_equal(const uint64_t *a, const uint64_t *b, unsigned count)
{
    uint64_t difference = 0;
    for (unsigned i = 0; i < count; i++)
        difference |= a[i] ^ b[i];
    return !difference;
}

static inline __attribute__((always_inline)) uint32_t hash_words(const uint64_t *key, unsigned count, uint64_t seed)
{
    uint64_t hash = seed;
    for (unsigned i = 0; i < count; i++)
        hash = mix(hash ^ key[i]);
    return (uint32_t)(hash >> 32 ^ hash);
}

static inline const struct member *profile_member(const struct profile *profile, uint32_t place)
{
    return (const struct member *)(profile->members + (size_t)place * profile->member_stride);
}

/* NULL: the group is empty. */
static inline const struct member *profile_choose(const struct profile *profile, uint32_t place, uint64_t hash)
{
    const struct group *group = &profile->groups[place];
    return group->slot_count ? profile_member(profile, group->slots[hash % group->slot_count]) : NULL;
}

static inline void count_packet(uint64_t *packets, uint64_t *bytes, const struct packet *packet)
{
    __atomic_store_n(packets, *packets + 1, __ATOMIC_RELAXED);
    __atomic_store_n(bytes, *bytes + packet->counted_length, __ATOMIC_RELAXED);
}

/* An entry's idle state: its timeout (0: none), when it was hit last, and when it was reported last. */
static inline void touch_entry(const struct pipeline *pipeline, uint64_t *idle)
{
    __atomic_store_n(&idle[1], *pipeline->now_ns, __ATOMIC_RELAXED);
}

static inline bool value_set_has(const struct value_set *set, const uint64_t *key, const uint64_t *mask,
                                 uint32_t words)
{
    const uint64_t *member = set->members;
    for (uint32_t i = 0; i < set->count; i++, member += 2 * words) {
        uint64_t difference = 0;
        for (uint32_t w = 0; w < words; w++)
            difference |= (key[w] ^ member[w]) & member[words + w] & mask[w];
        if (!difference)
            return true;
    }
    return false;
}

/* low <= high */
static inline uint64_t random_between(struct pipeline *pipeline, uint64_t low, uint64_t high)
{
    pipeline->random += 0x632be59bd9b4e019u;
    uint64_t value = mix(pipeline->random);
    return high - low == UINT64_MAX ? value : low + value % (high - low + 1);
}

#endif
