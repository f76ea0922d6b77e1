/* Pipelines: loaded from their libraries, put in place of each other, and of code that traces. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "exports.h"
#include "profile.h"
#include "table.h"

enum { LAST_ROUNDS = 16 };

EXPORT void pipeline_unload(struct pipeline *pipeline)
{
    if (!pipeline)
        return;
    const struct pipeline_code *code = pipeline->code;
    for (uint32_t i = 0; pipeline->tables && i < code->table_count; i++)
        table_close(&pipeline->tables[i]);
    for (uint32_t i = 0; pipeline->profiles && i < code->profile_count; i++)
        profile_close(&pipeline->profiles[i]);
    for (uint32_t i = 0; pipeline->registers && i < code->register_count; i++)
        free(pipeline->registers[i]);
    for (uint32_t i = 0; pipeline->counters && i < code->counter_count; i++)
        free(pipeline->counters[i]);
    for (uint32_t i = 0; pipeline->meters && i < code->meter_count; i++)
        free(pipeline->meters[i]);
    for (uint32_t i = 0; pipeline->sets && i < code->set_count; i++)
        free(pipeline->sets[i].members);
    for (uint32_t i = 0; pipeline->replication && i < MULTICAST_GROUPS; i++)
        free(pipeline->replication->groups[i]);
    for (uint32_t i = 0; pipeline->replication && i < CLONE_SESSIONS; i++)
        free(pipeline->replication->sessions[i]);
    free(pipeline->tables);
    free(pipeline->profiles);
    free(pipeline->registers);
    free(pipeline->counters);
    free(pipeline->meters);
    free(pipeline->sets);
    free(pipeline->replication);
    if (pipeline->pool)
        pool_close(pipeline->pool);
    if (pipeline->traced_library)
        dlclose(pipeline->traced_library);
    if (pipeline->library)
        dlclose(pipeline->library);
    free(pipeline);
}

static bool make_state(struct pipeline *pipeline)
{
    const struct pipeline_code *code = pipeline->code;
    uint64_t seed = 0;
    if (getrandom(&seed, sizeof seed, 0) < 0)
        return false;
    pipeline->random = seed;
    pipeline->tables = calloc(code->table_count + 1, sizeof *pipeline->tables);
    pipeline->profiles = calloc(code->profile_count + 1, sizeof *pipeline->profiles);
    pipeline->registers = calloc(code->register_count + 1, sizeof *pipeline->registers);
    pipeline->counters = calloc(code->counter_count + 1, sizeof *pipeline->counters);
    pipeline->meters = calloc(code->meter_count + 1, sizeof *pipeline->meters);
    pipeline->sets = calloc(code->set_count + 1, sizeof *pipeline->sets);
    pipeline->replication = calloc(1, sizeof *pipeline->replication);
    pipeline->pool = pool_open(code->phv_size, code->header_room);
    if (!pipeline->tables || !pipeline->profiles || !pipeline->registers || !pipeline->counters ||
        !pipeline->meters || !pipeline->sets || !pipeline->replication || !pipeline->pool)
        return false;
    bool made = true;
    for (uint32_t i = 0; i < code->table_count; i++)
        made &= table_open(&pipeline->tables[i], &code->tables[i], mix(seed ^ i));
    for (uint32_t i = 0; i < code->profile_count; i++)
        made &= profile_open(&pipeline->profiles[i], &code->profiles[i]);
    for (uint32_t i = 0; i < code->register_count; i++)
        made &= !!(pipeline->registers[i] = calloc(code->registers[i].size, 8 * code->registers[i].words));
    for (uint32_t i = 0; i < code->counter_count; i++)
        made &= !!(pipeline->counters[i] = calloc(code->counters[i].size, sizeof(struct counter)));
    for (uint32_t i = 0; i < code->meter_count; i++)
        made &= !!(pipeline->meters[i] = calloc(code->meters[i].size, 8 * METER_WORDS));
    return made;
}

EXPORT struct pipeline *pipeline_load(const char *path, uint32_t drop_port, char *error, size_t size)
{
    struct pipeline *pipeline = calloc(1, sizeof *pipeline);
    if (!pipeline) {
        snprintf(error, size, "out of memory");
        return NULL;
    }
    pipeline->drop_port = (uint16_t)drop_port;
    pipeline->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (pipeline->library)
        pipeline->code = dlsym(pipeline->library, "p4_pipeline");
    if (!pipeline->code) {
        snprintf(error, size, "%s", dlerror());
    } else if (pipeline->code->abi != PIPELINE_ABI || pipeline->code->packet_size != sizeof(struct packet) ||
               pipeline->code->digest_room > LARGEST_DIGEST) {
        snprintf(error, size, "the library was made for another runtime");
    } else if (!make_state(pipeline)) {
        snprintf(error, size, "out of memory");
    } else {
        return pipeline;
    }
    if (pipeline->code) {
        pipeline_unload(pipeline);
    } else {
        if (pipeline->library)
            dlclose(pipeline->library);
        free(pipeline);
    }
    return NULL;
}

/* Have a pipeline run code that traces, which is made of the same program. */
static bool load_traced(struct pipeline *pipeline, const char *path, char *error, size_t size)
{
    if (!pipeline->traced_library)
        pipeline->traced_library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    const struct pipeline_code *code =
        pipeline->traced_library ? dlsym(pipeline->traced_library, "p4_pipeline") : NULL;
    if (!code) {
        snprintf(error, size, "%s", dlerror());
        return false;
    }
    const struct pipeline_code *plain = pipeline->plain_code ? pipeline->plain_code : pipeline->code;
    if (code->abi != PIPELINE_ABI || code->packet_size != sizeof(struct packet) ||
        code->phv_size != plain->phv_size || code->header_room != plain->header_room ||
        code->table_count != plain->table_count || code->profile_count != plain->profile_count ||
        code->register_count != plain->register_count || code->counter_count != plain->counter_count ||
        code->meter_count != plain->meter_count || code->set_count != plain->set_count ||
        code->digest_room != plain->digest_room) {
        snprintf(error, size, "the library was made of another program");
        return false;
    }
    pipeline->plain_code = plain;
    pipeline->code = code;
    return true;
}

static bool make_tracer(struct engine *engine)
{
    struct tracer *tracer = engine->tracer ? engine->tracer : calloc(1, sizeof *tracer);
    if (!tracer)
        return false;
    engine->tracer = tracer;
    free(tracer->record);
    free(tracer->fields);
    return tracer_open(tracer, engine->pipeline->code->phv_size);
}

/* Trace the next `most` packets that match; `path` NULL: no more. */
EXPORT int engine_trace(struct engine *engine, const char *path, const struct trace_filter *filter, uint64_t most,
                        char *error, size_t size)
{
    engine_park(engine);
    struct pipeline *pipeline = engine->pipeline;
    engine->tracing = false;
    bool done = true;
    if (path) {
        done = make_tracer(engine);
        if (!done)
            snprintf(error, size, "out of memory");
        done = done && load_traced(pipeline, path, error, size);
    }
    if (path && done) {
        engine->tracer->filter = *filter;
        engine->tracer->left = most;
        pipeline->tracer = engine->tracer;
        engine->tracing = true;
    } else if (pipeline->plain_code) {
        pipeline->code = pipeline->plain_code;
    }
    engine_release(engine);
    return done ? 0 : -1;
}

void forget_old(struct engine *engine, bool all)
{
    for (size_t i = 0; i < sizeof engine->old / sizeof *engine->old; i++)
        if (engine->old[i] && (all || !engine->old[i]->pool->outstanding)) {
            pipeline_unload(engine->old[i]);
            engine->old[i] = NULL;
        }
}

static void retire(struct engine *engine, struct pipeline *pipeline)
{
    size_t room = sizeof engine->old / sizeof *engine->old;
    forget_old(engine, false);
    if (!pipeline)
        return;
    for (size_t i = 0; i < room; i++)
        if (!engine->old[i]) {
            engine->old[i] = pipeline;
            forget_old(engine, false);
            return;
        }
    /* So many in a row that queues still hold packets of each: give up the oldest's. */
    for (uint32_t i = 0; i < engine->active_count; i++)
        queue_give_up(engine, engine->ports[engine->active[i]], engine->old[0]);
    pipeline_unload(engine->old[0]);
    engine->old[0] = pipeline;
}

static void drop_list(struct engine *engine, struct packet **first, struct packet ***last)
{
    while (*first) {
        struct packet *packet = *first;
        *first = packet->next;
        drop_packet(engine, packet, DROP_PENDING_FULL);
    }
    *last = first;
}

EXPORT void engine_swap(struct engine *engine, struct pipeline *pipeline, const uint64_t *words, uint64_t count,
                        struct outcome *outcomes, uint32_t operations)
{
    engine_park(engine);
    struct pipeline *before = engine->pipeline;
    /* What is between two passes leaves with the old pipeline before it is out of sight. */
    for (int round = 0; round < LAST_ROUNDS; round++) {
        process_pending(engine, MOST_PENDING);
        process_ready(engine);
    }
    /* A program that recirculates or clones for ever has to stop here. */
    drop_list(engine, &engine->ready_first, &engine->ready_last);
    drop_list(engine, &engine->pending_first, &engine->pending_last);
    engine->pending = 0;
    engine->pipeline = pipeline;
    engine->tracing = false;
    pipeline->now_ns = &engine->now_ns;
    if (engine->held)
        pipeline->random = 0; /* what runs by a held clock runs alike each time */
    engine_clock(engine);
    struct batch batch = {.words = words, .count = count, .outcomes = outcomes, .operations = operations};
    batch_apply_until(engine, &batch, UINT64_MAX);
    retire(engine, before);
    engine_release(engine);
}
