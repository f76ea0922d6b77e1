/* Batches of changes from the control plane, encoded as 64-bit words (softswitch/engine/encode.py writes them).
 *
 * One operation: a header of four words (kind, object, change, count of further words) and these words. */
#ifndef P4_BATCH_H
#define P4_BATCH_H

#include "engine.h"

enum operation_kind {
    OPERATION_ENTRY,     /* priority, target kind, action, ref id, idle timeout, key.., range ends.., mask.., data.. */
    OPERATION_DEFAULT,   /* target kind, action, ref id, data.. */
    OPERATION_MEMBER,    /* id, action, data.. */
    OPERATION_GROUP,     /* id, largest size, then (member id, weight, watched port + 1).. */
    OPERATION_MULTICAST, /* id, then (port, instance).. */
    OPERATION_CLONE,     /* id, class of service, length limit, then (port, instance).. */
    OPERATION_COUNTER,   /* index or all ones, packets, bytes */
    OPERATION_DIRECT,    /* priority, packets, bytes, then key.., range ends.., mask.. or nothing: the default entry */
    OPERATION_REGISTER,  /* index or all ones, words of the value (at least two), the lowest first */
    OPERATION_METER,     /* index or all ones, configuration.. */
    OPERATION_DIRECT_METER, /* priority, configuration.., then as OPERATION_DIRECT */
    OPERATION_SET,       /* of each member values.., masks.. */
};

enum change { CHANGE_INSERT, CHANGE_MODIFY, CHANGE_DELETE };

enum status { /* gRPC's numbers */
    STATUS_OK = 0,
    STATUS_INVALID = 3,
    STATUS_NOT_FOUND = 5,
    STATUS_EXISTS = 6,
    STATUS_EXHAUSTED = 8,
    STATUS_PRECONDITION = 9,
    STATUS_ABORTED = 10,
};

enum detail {
    DETAIL_NONE,
    DETAIL_MALFORMED,
    DETAIL_FULL,
    DETAIL_MEMORY,
    DETAIL_NO_MEMBER,
    DETAIL_NO_GROUP,
    DETAIL_REFERENCED,
    DETAIL_GROUP_FULL,
    DETAIL_INDEX,
};

struct outcome {
    int32_t status;
    uint32_t detail;
    int64_t handle;
};

struct batch {
    const uint64_t *words;
    uint64_t count, at; /* words; how many are done with */
    struct outcome *outcomes;
    uint32_t operations, done;
};

void batch_foresee(const struct engine *engine, const struct batch *batch); /* have memory at hand; beside the worker */

/* Both want the worker parked. */
void batch_apply_all(struct engine *engine, struct batch *batch); /* undoes everything when one operation fails */
void batch_apply_until(struct engine *engine, struct batch *batch, uint64_t until_ns); /* as many as there is time for */

#endif
