/* What entries and arrays hold, read beside the worker. */
#include "exports.h"
#include "meter.h"
#include "table.h"

enum { DEFAULT_HANDLE = -1 }; /* the default entry */

static bool place_of(struct table *table, int64_t handle, uint32_t *place)
{
    *place = handle == DEFAULT_HANDLE ? DEFAULT_PLACE : (uint32_t)handle;
    if (handle == DEFAULT_HANDLE)
        return true;
    if (*place >= table->high)
        return false;
    return table_entry(table, *place)->used && entry_handle(table, *place) == handle;
}

/* Words of each entry: packets and bytes; a meter's configuration (METER_CONFIG words); nanoseconds without a hit.
 * Returns the index of the first handle that is stale, or -1. */
EXPORT int64_t engine_read_direct(struct engine *engine, uint32_t number, const int64_t *handles, uint32_t count,
                                  int kind, uint64_t *words)
{
    int64_t bad = -1;
    pthread_mutex_lock(&engine->control);
    uint64_t now_ns = engine_time(engine);
    struct table *table = number < engine->pipeline->code->table_count ? &engine->pipeline->tables[number] : NULL;
    for (uint32_t i = 0; i < count && bad < 0; i++) {
        uint32_t place;
        if (!table || !place_of(table, handles[i], &place)) {
            bad = i;
            break;
        }
        struct direct_place direct = direct_of(table, place);
        if (kind == DIRECT_COUNTER) {
            words[2 * i] = __atomic_load_n(direct.packets, __ATOMIC_RELAXED);
            words[2 * i + 1] = __atomic_load_n(direct.bytes, __ATOMIC_RELAXED);
        } else if (kind == DIRECT_METER && direct.meter) {
            meter_config(direct.meter, words + METER_CONFIG * i);
        } else if (kind == DIRECT_IDLE && table->shape->timed && place != DEFAULT_PLACE) {
            const uint64_t *idle = entry_state(table, table_entry(table, place));
            uint64_t last = __atomic_load_n(&idle[1], __ATOMIC_RELAXED);
            words[i] = now_ns > last ? now_ns - last : 0;
        }
    }
    pthread_mutex_unlock(&engine->control);
    return bad;
}

/* Since when an entry that may time out has been idle: it was hit, written or named. */
static uint64_t idle_since(const uint64_t *idle)
{
    uint64_t last = __atomic_load_n(&idle[1], __ATOMIC_RELAXED);
    return last > idle[2] ? last : idle[2];
}

/* Entries whose timeout is over since they were hit, written or named. */
EXPORT uint32_t engine_idle(struct engine *engine, struct idle_entry *entries, uint32_t most)
{
    uint32_t count = 0;
    pthread_mutex_lock(&engine->control);
    uint64_t now_ns = engine_time(engine);
    const struct pipeline *pipeline = engine->pipeline;
    for (uint32_t t = 0; t < pipeline->code->table_count; t++) {
        const struct table *table = &pipeline->tables[t];
        for (uint32_t place = 0; table->shape->timed && place < table->high && count < most; place++) {
            struct entry *entry = table_entry(table, place);
            uint64_t *idle = entry_state(table, entry), since = idle_since(idle);
            if (!entry->used || !idle[0] || now_ns < since || now_ns - since < idle[0])
                continue;
            idle[2] = now_ns;
            entries[count++] = (struct idle_entry){t, entry_handle(table, place)};
        }
    }
    pthread_mutex_unlock(&engine->control);
    return count;
}

/* When the next entry's timeout is over, if no packet hits it; UINT64_MAX: never. */
EXPORT uint64_t engine_idle_due(struct engine *engine)
{
    uint64_t due_ns = UINT64_MAX;
    pthread_mutex_lock(&engine->control);
    const struct pipeline *pipeline = engine->pipeline;
    for (uint32_t t = 0; t < pipeline->code->table_count; t++) {
        const struct table *table = &pipeline->tables[t];
        for (uint32_t place = 0; table->shape->timed && place < table->high; place++) {
            const uint64_t *idle = entry_state(table, table_entry(table, place));
            bool times_out = table_entry(table, place)->used && idle[0];
            if (times_out && idle_since(idle) + idle[0] < due_ns)
                due_ns = idle_since(idle) + idle[0];
        }
    }
    pthread_mutex_unlock(&engine->control);
    return due_ns;
}

static const struct array_shape *array_of(const struct pipeline *pipeline, int kind, uint32_t array,
                                          const uint64_t **cells)
{
    const struct pipeline_code *code = pipeline->code;
    if (kind == ARRAY_REGISTER && array < code->register_count) {
        *cells = pipeline->registers[array];
        return &code->registers[array];
    }
    if (kind == ARRAY_COUNTER && array < code->counter_count) {
        *cells = &pipeline->counters[array]->packets;
        return &code->counters[array];
    }
    if (kind == ARRAY_METER && array < code->meter_count) {
        *cells = pipeline->meters[array];
        return &code->meters[array];
    }
    return NULL;
}

/* Of a meter array, METER_CONFIG words for each cell. */
EXPORT int engine_read_array(struct engine *engine, int kind, uint32_t array, uint64_t start, uint64_t count,
                             uint64_t *words)
{
    pthread_mutex_lock(&engine->control);
    const uint64_t *cells = NULL;
    const struct array_shape *shape = array_of(engine->pipeline, kind, array, &cells);
    bool inside = shape && start <= shape->size && count <= shape->size - start;
    for (uint64_t i = 0; inside && kind == ARRAY_METER && i < count; i++)
        meter_config((const struct meter *)(cells + (start + i) * METER_WORDS), words + METER_CONFIG * i);
    for (uint64_t i = 0; inside && kind != ARRAY_METER && i < count * shape->words; i++)
        words[i] = __atomic_load_n(&cells[start * shape->words + i], __ATOMIC_RELAXED);
    pthread_mutex_unlock(&engine->control);
    return inside ? 0 : -1;
}
