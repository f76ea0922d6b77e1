/* What an engine's queues hold, packet by packet, and each packet's fate, for tests to judge reports by.
 *
 * For an engine whose clock is held and that has settled: nothing moves while it is looked at. */
#include <stdlib.h>

#include "engine.h"

#define EXPORT __attribute__((visibility("default")))

enum { HEAD = 64 };

struct seen {
    uint64_t at_ns, enqueued_ns; /* since the engine's start */
    uint32_t what, reason, port, priority, length, kept;
    uint8_t head[HEAD];
};

struct oracle {
    struct witness witness;
    struct engine *engine;
    struct seen *record;
    uint64_t count, room, lost;
};

static struct seen look(const struct engine *engine, enum witnessed what, const struct packet *packet,
                        uint32_t reason)
{
    struct seen seen = {
        .at_ns = packet->at_ns - engine->start_ns,
        .enqueued_ns = packet->enqueued_ns - engine->start_ns,
        .what = what,
        .reason = reason,
        .port = packet->queue_port,
        .priority = packet->queue_priority,
        .length = packet->wire_length,
        .kept = packet->length < HEAD ? packet->length : HEAD,
    };
    memcpy(seen.head, packet->data, seen.kept);
    return seen;
}

static void saw(struct witness *witness, enum witnessed what, const struct packet *packet, uint32_t reason)
{
    struct oracle *oracle = (struct oracle *)witness;
    if (oracle->count == oracle->room)
        oracle->lost++;
    else
        oracle->record[oracle->count++] = look(oracle->engine, what, packet, reason);
}

EXPORT struct oracle *oracle_attach(struct engine *engine, uint64_t room)
{
    struct oracle *oracle = engine->witness ? NULL : calloc(1, sizeof *oracle);
    if (!oracle)
        return NULL;
    *oracle = (struct oracle){{saw}, engine, calloc(room, sizeof *oracle->record), 0, room, 0};
    if (!oracle->record) {
        free(oracle);
        return NULL;
    }
    engine->witness = &oracle->witness;
    return oracle;
}

EXPORT void oracle_detach(struct oracle *oracle)
{
    oracle->engine->witness = NULL;
    free(oracle->record);
    free(oracle);
}

/* The record so far; it begins anew. */
EXPORT uint64_t oracle_take(struct oracle *oracle, struct seen *to, uint64_t most, uint64_t *lost)
{
    uint64_t count = oracle->count < most ? oracle->count : most;
    if (count)
        memcpy(to, oracle->record, count * sizeof *to);
    *lost = oracle->lost;
    oracle->count = oracle->lost = 0;
    return count;
}

EXPORT uint64_t oracle_walk(struct oracle *oracle, uint32_t number, uint32_t priority, struct seen *to, uint64_t most)
{
    const struct port *port = number < PORTS ? oracle->engine->ports[number] : NULL;
    uint64_t count = 0;
    if (port && priority < PRIORITIES)
        for (const struct packet *packet = port->scheduler.queues[priority].first; packet && count < most;
             packet = packet->next)
            to[count++] = look(oracle->engine, WITNESS_QUEUED, packet, 0);
    return count;
}
