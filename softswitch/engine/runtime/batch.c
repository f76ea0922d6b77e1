/* Applies operations one after the other and keeps for each how to undo it; at the batch's end all of that is
 * either done away with or carried out backwards. */
#include <stdlib.h>

#include "operation.h"

enum { OPERATIONS_A_LOOK = 8 }; /* at the clock */
enum { FEW_INSERTS = 16 };      /* whose memory is not worth a look beforehand */

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

/* The next operation. */
static struct outcome apply_next(struct engine *engine, struct batch *batch, struct undo *undo)
{
    struct result result = FAIL(STATUS_INVALID, DETAIL_MALFORMED);
    uint64_t left = batch->count - batch->at;
    const uint64_t *words = batch->words + batch->at;
    if (left >= 4 && words[3] <= left - 4) {
        struct operation one = {words[0], words[1], words[2], words[3], words + 4};
        batch->at += 4 + one.count;
        result = perform(engine, &one, undo);
    }
    struct outcome outcome = {(int32_t)result.status, result.detail, result.handle};
    batch->outcomes[batch->done++] = outcome;
    return outcome;
}

void batch_foresee(const struct engine *engine, const struct batch *batch)
{
    const struct pipeline *pipeline = engine->pipeline;
    uint32_t tables = pipeline->code->table_count, *inserts = calloc(tables + 1, sizeof *inserts);
    if (!inserts)
        return;
    uint64_t at = 0;
    for (uint32_t i = 0; i < batch->operations && batch->count - at >= 4; i++) {
        const uint64_t *words = batch->words + at;
        if (words[3] > batch->count - at - 4)
            break;
        if (words[0] == OPERATION_ENTRY && words[1] < tables && words[2] == CHANGE_INSERT)
            inserts[words[1]]++;
        at += 4 + words[3];
    }
    for (uint32_t i = 0; i < tables; i++)
        if (inserts[i] > FEW_INSERTS)
            table_foresee(&pipeline->tables[i], inserts[i]);
    free(inserts);
}

void batch_apply_all(struct engine *engine, struct batch *batch)
{
    struct undo *undos = calloc(batch->operations + 1, sizeof *undos);
    bool failed = !undos;
    if (!undos)
        for (; batch->done < batch->operations; batch->done++)
            batch->outcomes[batch->done] = (struct outcome){STATUS_EXHAUSTED, DETAIL_MEMORY, -1};
    while (batch->done < batch->operations) {
        struct undo *undo = &undos[batch->done];
        failed |= apply_next(engine, batch, undo).status != STATUS_OK;
    }
    for (uint32_t i = batch->operations; undos && i-- > 0 && failed;)
        undo_perform(engine->pipeline, &undos[i]);
    for (uint32_t i = 0; undos && i < batch->operations && !failed; i++)
        undo_forget(&undos[i]);
    free(undos);
    if (failed)
        abandon(batch->outcomes, batch->operations);
    sweep_tables(engine->pipeline);
}

void batch_apply_until(struct engine *engine, struct batch *batch, uint64_t until_ns)
{
    for (bool late = false; batch->done < batch->operations && !late;) {
        struct undo undo = {.kind = UNDO_NOTHING};
        apply_next(engine, batch, &undo);
        undo_forget(&undo);
        late = batch->done % OPERATIONS_A_LOOK == 0 && monotonic_ns() >= until_ns;
    }
    if (batch->done == batch->operations)
        sweep_tables(engine->pipeline);
}
