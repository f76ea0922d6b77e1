/* Frames to the worker, frames and events from it. */
#include "exports.h"

static uint64_t inject(struct engine *engine, enum injected kind, uint32_t port, const void *bytes, uint32_t length)
{
    uint64_t count = 0;
    pthread_mutex_lock(&engine->inject_lock);
    if (ring_write(&engine->injected, kind, port, bytes, length)) {
        count = ++engine->injected_count;
        signal_fd(engine->wake_fd);
    }
    pthread_mutex_unlock(&engine->inject_lock);
    return count;
}

/* How many frames were injected up to this one; 0: it was refused. */
EXPORT uint64_t engine_inject(struct engine *engine, uint32_t port, const uint8_t *frame, uint32_t length)
{
    if (length > LONGEST_FRAME || port >= PORTS)
        return 0;
    return inject(engine, INJECTED_FRAME, port, frame, length);
}

/* The held clock goes on to a time, behind the frames that were injected before; counts as one of them. */
EXPORT uint64_t engine_advance(struct engine *engine, uint64_t to_ns)
{
    return engine->held ? inject(engine, INJECTED_TIME, 0, &to_ns, sizeof to_ns) : 0;
}

/* The next record's bytes, or -1 when there is none. One reader at a time. A frame
 * that was collected stands behind the time at which it left, 8 bytes of nanoseconds since the engine's start. */
EXPORT int64_t engine_take(struct engine *engine, int events, uint8_t *to, uint32_t size, uint32_t *kind,
                           uint32_t *number)
{
    struct ring *ring = events == TAKE_EVENTS ? upward_next(&engine->upward) : &engine->collected;
    if (events == TAKE_TRACE) {
        if (!engine->tracer)
            return -1;
        ring = &engine->tracer->ring;
    }
    const struct record *record = ring ? ring_peek(ring) : NULL;
    if (!record)
        return -1;
    uint32_t length = record->length < size ? record->length : size;
    *kind = record->kind;
    *number = record->number;
    memcpy(to, record + 1, length);
    ring_next(ring);
    if (engine->held && ring == &engine->collected && ring_empty(ring))
        signal_fd(engine->wake_fd); /* it may have waited for room */
    return length;
}

/* When the next queue has something to do, by what `engine_marked` has marked; UINT64_MAX: never. */
EXPORT uint64_t engine_due(struct engine *engine)
{
    return __atomic_load_n(&engine->due_ns, __ATOMIC_RELAXED);
}

EXPORT uint64_t engine_marked(struct engine *engine)
{
    return __atomic_load_n(&engine->marked_count, __ATOMIC_ACQUIRE);
}

EXPORT int engine_fd(struct engine *engine, int events)
{
    return events ? engine->events_fd : engine->collected_fd;
}

/* Nanoseconds that `count` packets take from memory through the pipeline, without any socket: `frames` of
 * `length` bytes each, one behind the other, in turns. */
EXPORT uint64_t engine_measure(struct engine *engine, uint32_t number, const uint8_t *frames, uint32_t length,
                               uint32_t distinct, uint64_t count)
{
    if (number >= PORTS || length > LONGEST_FRAME || !distinct)
        return 0;
    engine_park(engine);
    engine_clock(engine);
    uint64_t begin = engine->now_ns;
    uint32_t turn = 0;
    for (uint64_t done = 0; done < count;) {
        engine_clock(engine);
        for (int i = 0; i < BURST && done < count; i++, done++) {
            struct packet *packet = packet_new(engine->pipeline);
            if (!packet)
                break;
            packet->length = length;
            memcpy(packet->data, frames + (size_t)turn * length, length);
            turn = turn + 1 == distinct ? 0 : turn + 1;
            process_receive(engine, engine->ports[number], packet);
        }
        process_burst(engine);
        process_ready(engine);
        process_pending(engine, BURST);
        queue_run(engine);
        if (engine->watched_count)
            watches_run(engine);
        for (uint32_t i = 0; i < engine->active_count; i++)
            port_flush(engine, engine->ports[engine->active[i]]);
    }
    engine_clock(engine);
    uint64_t taken = engine->now_ns - begin;
    engine_release(engine);
    return taken;
}
