/* One operation of a batch: who performs it, and what it leaves behind so that it can be undone. Undoing needs no
 * memory, so it cannot fail. */
#ifndef P4_OPERATION_H
#define P4_OPERATION_H

#include "batch.h"
#include "meter.h"
#include "profile.h"
#include "table.h"

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

/* What an undo may keep in `before`. */
struct payload { /* what an entry or a default action does */
    struct target target;
    uint64_t idle[IDLE_WORDS];
    uint64_t data[];
};

struct direct { /* what an entry counts and meters */
    uint64_t packets, bytes;
    struct meter meter;
};

typedef struct result operate(struct engine *engine, const struct operation *one, struct undo *undo);

operate operate_entry, operate_default;
operate operate_member, operate_group;
operate operate_replicas, operate_cells, operate_meter, operate_direct, operate_direct_meter, operate_set;

/* Either is the end of an undo. */
void undo_forget(struct undo *undo); /* what was done stays */
void undo_perform(struct pipeline *pipeline, struct undo *undo);

struct payload *save_payload(struct target target, const uint64_t *data, uint32_t words); /* NULL: no memory */

/* Count `by` more that use an entry's member or group, or a group's members. */
void refer(const struct pipeline *pipeline, const struct table_shape *shape, struct target target, int by);
void refer_shares(struct profile *profile, const struct group *group, int by);

#endif
