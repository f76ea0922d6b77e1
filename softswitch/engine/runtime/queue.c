/* Egress queues: per port eight of strict priority, emptied at the port's rate. A port without a rate has
 * nothing to wait for: its packets go straight on.
 *
 * On a busy machine the worker may be kept waiting for tens of milliseconds. What came meanwhile is in the ports'
 * rings, each frame with the time at which it came, and the queues are filled and emptied by that time: a packet
 * finds those in its queue that a worker which was never late would have left there. So a late worker neither
 * drops packets nor reports congestion. It does send late, and would send all of it at once; the line behind
 * the queues lets it go at little more than the port's rate, which the queues of the next switch can bear. */
#include "engine.h"
#include "trace.h"

enum {
    NS = 1000000000,
    LINE_BURST = 16,   /* packets that may be sent at once, to make up for a late wake-up */
    LINE_HASTE = 16,   /* beyond that the line is faster than the rate by one in so many */
    LINE_LIMIT = 2048, /* packets; when so many wait for their line, no more leave the queues */
};

void queue_open(struct scheduler *scheduler, uint32_t limit)
{
    memset(scheduler, 0, sizeof *scheduler);
    scheduler->limit = limit;
    scheduler->line_last = &scheduler->line_first;
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

static uint64_t later(uint64_t one, uint64_t other)
{
    return one > other ? one : other;
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

/* Have it looked at each round. */
static void list(struct engine *engine, struct port *port)
{
    if (!port->scheduler.listed)
        engine->limited[engine->limited_count++] = port->number;
    port->scheduler.listed = true;
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

/* At most so many of those that may have left by a time. */
static void serve(struct engine *engine, struct scheduler *scheduler, uint64_t until_ns, uint32_t most)
{
    scheduler->serving = true; /* a copy that egress makes may come to the same port's queue */
    for (; most && scheduler->waiting && scheduler->line_count < LINE_LIMIT; most--) {
        if (rated(scheduler) && scheduler->next_ns > until_ns)
            break;
        uint32_t bytes = 0;
        struct packet *packet = take(scheduler);
        /* A port that was idle does not save up; one that was busy does not pay for a late wake-up. */
        packet->at_ns = later(scheduler->next_ns, packet->enqueued_ns);
        uint64_t begin = packet->at_ns;
        process_egress(engine, packet, &bytes);
        scheduler->next_ns = begin + cost_ns(scheduler, bytes);
    }
    scheduler->serving = false;
}

void queue_put(struct engine *engine, struct packet *packet, uint16_t number, uint32_t priority)
{
    struct port *port = number < PORTS ? engine->ports[number] : NULL;
    struct standard_metadata *metadata = &packet->standard_metadata;
    packet->queue_port = number;
    packet->enqueued_ns = packet->at_ns;
    metadata->enq_timestamp = (uint32_t)since_start_at_us(engine, packet->at_ns);
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
    scheduler->latest_ns = later(scheduler->latest_ns, packet->at_ns);
    if (scheduler->waiting && !scheduler->serving)
        serve(engine, scheduler, scheduler->latest_ns, UINT32_MAX);
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
    scheduler->waiting++;
    list(engine, port);
    if (scheduler->waiting > scheduler->most)
        scheduler->most = scheduler->waiting;
}

/* --- the line --- */

/* When a packet may be sent. */
static uint64_t line_due_ns(const struct scheduler *scheduler, const struct packet *packet)
{
    uint64_t credit = LINE_BURST * cost_ns(scheduler, packet->length);
    return scheduler->line_ns > credit ? scheduler->line_ns - credit : 0;
}

static void line_send(struct engine *engine, struct port *port, struct packet *packet)
{
    struct scheduler *scheduler = &port->scheduler;
    uint64_t cost = cost_ns(scheduler, packet->length);
    scheduler->line_ns = later(scheduler->line_ns, engine->now_ns) + cost - cost / LINE_HASTE;
    port_send(engine, port, packet);
}

void line_put(struct engine *engine, struct port *port, struct packet *packet)
{
    struct scheduler *scheduler = &port->scheduler;
    if (!rated(scheduler) && !scheduler->line_first) {
        port_send(engine, port, packet);
        return;
    }
    if (!scheduler->line_first && line_due_ns(scheduler, packet) <= engine->now_ns) {
        line_send(engine, port, packet);
        return;
    }
    packet->next = NULL;
    *scheduler->line_last = packet;
    scheduler->line_last = &packet->next;
    scheduler->line_count++;
    list(engine, port);
}

static struct packet *line_take(struct scheduler *scheduler)
{
    struct packet *packet = scheduler->line_first;
    if (!packet)
        return NULL;
    scheduler->line_first = packet->next;
    if (!scheduler->line_first)
        scheduler->line_last = &scheduler->line_first;
    scheduler->line_count--;
    return packet;
}

uint64_t queue_run(struct engine *engine)
{
    uint64_t soonest = UINT64_MAX;
    for (uint32_t i = 0; i < engine->limited_count;) {
        struct port *port = engine->ports[engine->limited[i]];
        struct scheduler *scheduler = &port->scheduler;
        while (scheduler->line_first && line_due_ns(scheduler, scheduler->line_first) <= engine->now_ns)
            line_send(engine, port, line_take(scheduler));
        serve(engine, scheduler, engine->now_ns, BURST);
        if (!scheduler->waiting && !scheduler->line_first) {
            scheduler->listed = false;
            engine->limited[i] = engine->limited[--engine->limited_count];
            continue;
        }
        if (scheduler->line_first && line_due_ns(scheduler, scheduler->line_first) < soonest)
            soonest = line_due_ns(scheduler, scheduler->line_first);
        if (scheduler->waiting && scheduler->line_count < LINE_LIMIT && scheduler->next_ns < soonest)
            soonest = scheduler->next_ns;
        i++;
    }
    return soonest;
}

void queue_clear(struct engine *engine, struct port *port)
{
    struct packet *packet;
    while ((packet = line_take(&port->scheduler)) || (packet = take(&port->scheduler)))
        drop_packet(engine, packet, DROP_NO_PORT);
    port->scheduler.listed = false;
    for (uint32_t i = 0; i < engine->limited_count; i++)
        if (engine->limited[i] == port->number)
            engine->limited[i] = engine->limited[--engine->limited_count];
}
