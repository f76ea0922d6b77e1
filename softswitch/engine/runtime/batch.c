/* Applies operations one after the other and keeps for each how to undo it; at the batch's end all of that is
 * either done away with or carried out backwards. */
#include <stdlib.h>

#include "operation.h"

static struct result perform(struct engine *engine, const struct operation *one, struct undo *undo)
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
            result = perform(engine, &one, &undo);
        }
        outcomes[i] = (struct outcome){(int32_t)result.status, result.detail, result.handle};
        failed |= result.status != STATUS_OK;
        if (all && undos)
            undos[i] = undo;
        else
            undo_forget(&undo);
    }
    for (uint32_t i = operations; undos && i-- > 0 && failed;)
        undo_perform(engine->pipeline, &undos[i]);
    for (uint32_t i = 0; undos && i < operations && !failed; i++)
        undo_forget(&undos[i]);
    free(undos);
    if (all && failed)
        abandon(outcomes, operations);
    sweep_tables(engine->pipeline);
}
