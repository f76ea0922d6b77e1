/* Egress queues: per port eight of strict priority, emptied at the port's rate. A port without a rate has
 * nothing to wait for: its packets go straight on. */
#include "engine.h"
#include "trace.h"

enum { NS = 1000000000 };

void queue_open(struct scheduler *scheduler, uint32_t limit)
{
    memset(scheduler, 0, sizeof *scheduler);
    scheduler->limit = limit;
    for (int i = 0; i < PRIORITIES; i++)
        scheduler->queues[i].last = &scheduler->queues[i].first;
}

static bool rated(const struct scheduler *scheduler)
{
    return scheduler->rate_bps || scheduler->rate_pps;
}

/* The time that a sent frame occupies the port. */
static uint64_t cost_ns(const struct scheduler *scheduler, uint32_t bytes)
{
    uint64_t cost = 0;
    if (scheduler->rate_bps)
        cost = (uint64_t)((u128)bytes * 8 * NS / scheduler->rate_bps);
    if (scheduler->rate_pps && bytes) {
        uint64_t spacing = NS / scheduler->rate_pps;
        cost = spacing > cost ? spacing : cost;
    }
    return cost;
}

static void ready(struct engine *engine, struct packet *packet)
{
    packet->next = NULL;
    *engine->ready_last = packet;
    engine->ready_last = &packet->next;
}

static inline void trace_queued(struct packet *packet)
{
    const struct standard_metadata *metadata = &packet->standard_metadata;
    if (__builtin_expect(packet->trace, 0))
        trace_put(packet, TRACE_QUEUED, packet->queue_port, (uint64_t[]){metadata->priority, metadata->enq_qdepth}, 16);
}

void queue_put(struct engine *engine, struct packet *packet, uint16_t number, uint32_t priority)
{
    struct port *port = number < PORTS ? engine->ports[number] : NULL;
    struct standard_metadata *metadata = &packet->standard_metadata;
    packet->queue_port = number;
    packet->enqueued_us = since_start_us(engine);
    metadata->enq_timestamp = (uint32_t)packet->enqueued_us;
    metadata->enq_qdepth = 0;
    metadata->priority = packet->queue_priority = (uint8_t)(priority & (PRIORITIES - 1));
    if (!port || (!rated(&port->scheduler) && !port->scheduler.waiting)) {
        /* Also where there is no port: a program may recirculate from egress. */
        trace_queued(packet);
        ready(engine, packet);
        return;
    }
    struct scheduler *scheduler = &port->scheduler;
    struct queue *queue = &scheduler->queues[metadata->priority];
    metadata->enq_qdepth = queue->depth;
    /* Deep queues of many ports could hold all buffers; the highest priority would find none. */
    bool scarce = metadata->priority < PRIORITIES - 1 && pool_scarce(packet->pipeline->pool);
    if (queue->depth >= scheduler->limit || scarce) {
        scheduler->drops++;
        port->drops[DROP_QUEUE_FULL]++;
        drop_packet(engine, packet, DROP_QUEUE_FULL);
        return;
    }
    trace_queued(packet);
    packet->next = NULL;
    *queue->last = packet;
    queue->last = &packet->next;
    queue->depth++;
    if (!scheduler->waiting++)
        engine->limited[engine->limited_count++] = number;
    if (scheduler->waiting > scheduler->most)
        scheduler->most = scheduler->waiting;
}

static struct packet *take(struct scheduler *scheduler)
{
    for (int i = PRIORITIES; i-- > 0;) {
        struct queue *queue = &scheduler->queues[i];
        if (!queue->first)
            continue;
        struct packet *packet = queue->first;
        queue->first = packet->next;
        if (!queue->first)
            queue->last = &queue->first;
        queue->depth--;
        scheduler->waiting--;
        packet->standard_metadata.deq_qdepth = queue->depth;
        return packet;
    }
    return NULL;
}

uint64_t queue_run(struct engine *engine)
{
    uint64_t soonest = UINT64_MAX;
    for (uint32_t i = 0; i < engine->limited_count;) {
        struct port *port = engine->ports[engine->limited[i]];
        struct scheduler *scheduler = &port->scheduler;
        for (int sent = 0; scheduler->waiting && sent < BURST; sent++) {
            if (rated(scheduler) && scheduler->next_ns > engine->now_ns)
                break;
            uint32_t bytes = 0;
            struct packet *packet = take(scheduler);
            /* A port that was idle does not save up; one that was busy does not pay for a late wake-up. */
            uint64_t since = packet->enqueued_us * 1000 + engine->start_ns;
            uint64_t begin = scheduler->next_ns > since ? scheduler->next_ns : since;
            process_egress(engine, packet, &bytes);
            scheduler->next_ns = begin + cost_ns(scheduler, bytes);
        }
        if (!scheduler->waiting) {
            engine->limited[i] = engine->limited[--engine->limited_count];
            continue;
        }
        if (scheduler->next_ns < soonest)
            soonest = scheduler->next_ns;
        i++;
    }
    return soonest;
}

void queue_clear(struct engine *engine, struct port *port)
{
    struct packet *packet;
    while ((packet = take(&port->scheduler)))
        drop_packet(engine, packet, DROP_NO_PORT);
    for (uint32_t i = 0; i < engine->limited_count; i++)
        if (engine->limited[i] == port->number)
            engine->limited[i] = engine->limited[--engine->limited_count];
}
