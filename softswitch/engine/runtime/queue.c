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
        trace_put(packet, TRACE_QUEUED, packet->queue_port,
                  (uint64_t[]){packet->queue_priority, metadata->enq_qdepth}, 16);
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
        if (__builtin_expect(!packet->deflected, true))
            packet->standard_metadata.deq_qdepth = queue->depth;
        return packet;
    }
    return NULL;
}

/* At most so many of those that may have left by a time. */
static void serve(struct engine *engine, struct port *port, uint64_t until_ns, uint32_t most)
{
    struct scheduler *scheduler = &port->scheduler;
    scheduler->serving = true; /* a copy that egress makes may come to the same port's queue */
    for (; most && scheduler->waiting && scheduler->line_count < LINE_LIMIT; most--) {
        if (rated(scheduler) && scheduler->next_ns > until_ns)
            break;
        uint32_t bytes = 0;
        struct packet *packet = take(scheduler);
        /* A port that was idle does not save up; one that was busy does not pay for a late wake-up. */
        packet->at_ns = later(scheduler->next_ns, packet->enqueued_ns);
        uint64_t begin = packet->at_ns;
        if (__builtin_expect(port->watch != NULL, false))
            watch_take(port->watch, packet->queue_priority, begin - engine->start_ns,
                       scheduler->queues[packet->queue_priority].depth, begin - packet->enqueued_ns);
        witness(engine, WITNESS_LEFT, packet, 0);
        process_egress(engine, packet, &bytes);
        scheduler->next_ns = begin + cost_ns(scheduler, bytes);
    }
    scheduler->serving = false;
}

/* How many wait, now that a packet has come: not one that leaves at once. */
static uint32_t standing(const struct scheduler *scheduler, const struct queue *queue)
{
    bool at_once = scheduler->waiting == 1 && !scheduler->serving && scheduler->line_count < LINE_LIMIT &&
                   (!rated(scheduler) || scheduler->next_ns <= scheduler->latest_ns);
    return at_once ? 0 : queue->depth;
}

static void refuse(struct engine *engine, struct port *port, struct packet *packet)
{
    uint64_t latest_ns = port->scheduler.latest_ns;
    port->scheduler.drops++;
    port->drops[DROP_QUEUE_FULL]++;
    if (__builtin_expect(port->watch != NULL, false))
        watch_drop(port->watch, packet->queue_priority, latest_ns - engine->start_ns);
    if (engine->deflection.session)
        deflect(engine, port, packet, latest_ns);
    drop_queued(engine, packet, DROP_QUEUE_FULL);
}

void queue_put(struct engine *engine, struct packet *packet, uint16_t number, uint32_t priority)
{
    struct port *port = number < PORTS ? engine->ports[number] : NULL;
    struct standard_metadata *metadata = &packet->standard_metadata;
    packet->queue_port = number;
    packet->queue_priority = (uint8_t)(priority & (PRIORITIES - 1));
    packet->enqueued_ns = packet->at_ns;
    if (__builtin_expect(!packet->deflected, true)) {
        metadata->enq_timestamp = (uint32_t)since_start_at_us(engine, packet->at_ns);
        metadata->enq_qdepth = 0;
        metadata->priority = packet->queue_priority;
    }
    if (!port || (!rated(&port->scheduler) && !port->scheduler.waiting)) {
        /* Also where there is no port: a program may recirculate from egress. */
        if (__builtin_expect(port && port->watch, false))
            watch_put(port->watch, packet->queue_priority, packet->at_ns - engine->start_ns, 0, packet->wire_length);
        trace_queued(packet);
        ready(engine, packet);
        return;
    }
    struct scheduler *scheduler = &port->scheduler;
    struct queue *queue = &scheduler->queues[packet->queue_priority];
    scheduler->latest_ns = later(scheduler->latest_ns, packet->at_ns);
    if (scheduler->waiting && !scheduler->serving)
        serve(engine, port, scheduler->latest_ns, UINT32_MAX);
    if (__builtin_expect(!packet->deflected, true))
        metadata->enq_qdepth = queue->depth;
    /* Deep queues of many ports could hold all buffers; the highest priority would find none. */
    bool scarce = packet->queue_priority < PRIORITIES - 1 && pool_scarce(packet->pipeline->pool);
    if (queue->depth >= scheduler->limit || scarce) {
        refuse(engine, port, packet);
        return;
    }
    trace_queued(packet);
    packet->next = NULL;
    *queue->last = packet;
    queue->last = &packet->next;
    queue->depth++;
    scheduler->waiting++;
    list(engine, port);
    witness(engine, WITNESS_QUEUED, packet, 0);
    if (scheduler->waiting > scheduler->most)
        scheduler->most = scheduler->waiting;
    struct queue_counts *counts = &port->counts[packet->queue_priority];
    if (queue->depth > counts->most)
        counts->most = queue->depth;
    if (__builtin_expect(port->watch != NULL, false))
        watch_put(port->watch, packet->queue_priority, scheduler->latest_ns - engine->start_ns,
                  standing(scheduler, queue), packet->wire_length);
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
    if (engine->limited_count || engine->watched_count)
        engine->arrived_ns = arrivals_until(engine);
    for (uint32_t i = 0; i < engine->limited_count;) {
        struct port *port = engine->ports[engine->limited[i]];
        struct scheduler *scheduler = &port->scheduler;
        while (scheduler->line_first && line_due_ns(scheduler, scheduler->line_first) <= engine->now_ns)
            line_send(engine, port, line_take(scheduler));
        serve(engine, port, engine->arrived_ns, BURST);
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

void queue_give_up(struct engine *engine, struct port *port, const struct pipeline *pipeline)
{
    struct scheduler *scheduler = &port->scheduler;
    for (int q = 0; q < PRIORITIES; q++) {
        struct queue *queue = &scheduler->queues[q];
        struct packet **link = &queue->first;
        while (*link) {
            struct packet *packet = *link;
            if (packet->pipeline != pipeline) {
                link = &packet->next;
                continue;
            }
            *link = packet->next;
            queue->depth--;
            scheduler->waiting--;
            scheduler->drops++;
            port->drops[DROP_QUEUE_FULL]++;
            drop_queued(engine, packet, DROP_QUEUE_FULL);
        }
        queue->last = link;
        if (port->watch)
            port->watch->films[q].depth = queue->depth;
    }
}
