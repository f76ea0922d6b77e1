/* The worker's loop: bursts while there is work, then sleep until there is some. */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "engine.h"
#include "sender.h"

enum { LOOKS = 256, LOOK_NS = 250000, RETRY_MS = 1000, SETTLE_NS = 1000000, LONGEST_TURN_NS = 1000000 };

uint64_t monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

uint64_t engine_time(const struct engine *engine)
{
    return engine->held ? __atomic_load_n(&engine->held_ns, __ATOMIC_RELAXED) : monotonic_ns();
}

void engine_clock(struct engine *engine)
{
    engine->now_ns = engine_time(engine);
}

void signal_fd(int fd)
{
    uint64_t one = 1;
    ssize_t written = write(fd, &one, sizeof one);
    (void)written; /* full: it is readable already */
}

void engine_park(struct engine *engine)
{
    pthread_mutex_lock(&engine->control);
    if (!engine->running)
        return;
    pthread_mutex_lock(&engine->lock);
    __atomic_store_n(&engine->park_wanted, true, __ATOMIC_RELEASE);
    signal_fd(engine->wake_fd);
    while (!engine->parked)
        pthread_cond_wait(&engine->parked_changed, &engine->lock);
    pthread_mutex_unlock(&engine->lock);
}

void engine_release(struct engine *engine)
{
    if (engine->running) {
        pthread_mutex_lock(&engine->lock);
        __atomic_store_n(&engine->park_wanted, false, __ATOMIC_RELEASE);
        engine->parked = false; /* it goes on, even if it is to park again before it has noticed */
        pthread_cond_signal(&engine->released);
        pthread_mutex_unlock(&engine->lock);
    }
    pthread_mutex_unlock(&engine->control);
}

/* Whether packets have had their turn since the worker was parked: all that came has been dealt with, or as long
 * as they were kept. However many changes come one after the other, packets get half of the time. */
static bool had_turn(const struct engine *engine, bool busy)
{
    return !busy || monotonic_ns() >= engine->turn_ns;
}

static void park_here(struct engine *engine)
{
    pthread_mutex_lock(&engine->lock);
    uint64_t begin_ns = monotonic_ns();
    engine->parked = engine->park_wanted;
    if (engine->parked)
        pthread_cond_signal(&engine->parked_changed);
    while (engine->parked)
        pthread_cond_wait(&engine->released, &engine->lock);
    pthread_mutex_unlock(&engine->lock);
    uint64_t now_ns = monotonic_ns(), kept_ns = now_ns - begin_ns;
    engine->turn_ns = now_ns + (kept_ns < LONGEST_TURN_NS ? kept_ns : LONGEST_TURN_NS);
}

/* Time that is held waits for whoever collects: what leaves is not lost because somebody reads it slowly. */
static bool crowded(const struct engine *engine)
{
    return engine->held && ring_used(&engine->collected) > engine->collected.size / 4;
}

static bool take_injected(struct engine *engine)
{
    uint32_t done = 0;
    if (crowded(engine))
        return false;
    const struct record *record;
    for (; done < BURST && (record = ring_peek(&engine->injected)); done++) {
        if (record->kind == INJECTED_TIME)
            break; /* what came before it happens first */
        struct port *port = record->number < PORTS ? engine->ports[record->number] : NULL;
        struct packet *packet = port || record->number == engine->cpu_port ? packet_new(engine->pipeline) : NULL;
        if (packet) {
            packet->length = record->length;
            memcpy(packet->data, record + 1, record->length);
            process_receive(engine, port, packet);
        } else {
            engine->drops[port ? DROP_NO_BUFFER : DROP_NO_PORT]++;
        }
        ring_next(&engine->injected);
        engine->handled_count++;
    }
    process_burst(engine);
    return done;
}

static void flush(struct engine *engine)
{
    for (uint32_t i = 0; i < engine->active_count; i++)
        port_flush(engine, engine->ports[engine->active[i]]);
    if (engine->events_new) {
        engine->events_new = false;
        signal_fd(engine->events_fd);
    }
    if (engine->collected_new) {
        engine->collected_new = false;
        signal_fd(engine->collected_fd);
    }
    if (engine->capture)
        capture_flush(engine->capture);
}

static void look(struct engine *engine, uint64_t wait_ns)
{
    engine->looked_ns = engine->now_ns;
    struct epoll_event events[32];
    struct timespec wait = {(time_t)(wait_ns / 1000000000), (long)(wait_ns % 1000000000)};
    int count = epoll_pwait2(engine->epoll_fd, events, 32, wait_ns == UINT64_MAX ? NULL : &wait, NULL);
    bool links = count == 0 && wait_ns >= (uint64_t)RETRY_MS * 1000000;
    for (int i = 0; i < count; i++) {
        uint64_t which = events[i].data.u64;
        if (which == PORTS) {
            uint64_t value;
            ssize_t got = read(engine->wake_fd, &value, sizeof value);
            (void)got;
        } else if (which == PORTS + 1) {
            char message[8192];
            while (recv(engine->netlink_fd, message, sizeof message, MSG_DONTWAIT) > 0)
                ;
            links = true;
        } else if (events[i].events & (EPOLLERR | EPOLLHUP)) {
            /* Reading the error clears it; otherwise epoll would report it for ever. */
            int error;
            socklen_t size = sizeof error;
            struct port *port = engine->ports[which];
            if (port && port_fd(port) >= 0)
                getsockopt(port_fd(port), SOL_SOCKET, SO_ERROR, &error, &size);
            links = true;
        }
    }
    if (links)
        ports_check(engine);
}

static bool some_port_lost(const struct engine *engine)
{
    for (uint32_t i = 0; i < engine->active_count; i++) {
        const struct port *port = engine->ports[engine->active[i]];
        if (!port->memory && !port->link)
            return true;
    }
    return false;
}

/* Let the held clock go on, as far as it was told to or until a queue has something to do: whether it did. All
 * that was injected before has been dealt with. */
static bool advance(struct engine *engine, uint64_t next_ns)
{
    const struct record *record = engine->held && !crowded(engine) ? ring_peek(&engine->injected) : NULL;
    if (!record || record->kind != INJECTED_TIME)
        return false;
    uint64_t to_ns;
    memcpy(&to_ns, record + 1, sizeof to_ns);
    bool reached = to_ns < next_ns;
    uint64_t stop_ns = reached ? to_ns : next_ns;
    if (stop_ns > engine->held_ns)
        __atomic_store_n(&engine->held_ns, stop_ns, __ATOMIC_RELAXED);
    if (reached) {
        ring_next(&engine->injected);
        engine->handled_count++;
    }
    return true;
}

/* Tell who waits for it that all injected frames have been dealt with; while the clock is held, as far as that can
 * be at this time. */
static void mark(struct engine *engine, uint64_t next_ns)
{
    __atomic_store_n(&engine->due_ns, next_ns, __ATOMIC_RELAXED);
    if ((engine->held || !engine->limited_count) &&
        __atomic_load_n(&engine->marked_count, __ATOMIC_RELAXED) != engine->handled_count) {
        __atomic_store_n(&engine->marked_count, engine->handled_count, __ATOMIC_RELEASE);
        signal_fd(engine->collected_fd);
    }
}

static void idle(struct engine *engine, uint64_t next_ns)
{
    engine->planned_ns = next_ns;
    uint64_t wait = UINT64_MAX;
    if (next_ns != UINT64_MAX && !engine->held) {
        engine_clock(engine);
        wait = next_ns > engine->now_ns ? next_ns - engine->now_ns : 0;
    }
    if (senders_busy(engine) && wait > SETTLE_NS)
        wait = SETTLE_NS;
    if (some_port_lost(engine) && wait > (uint64_t)RETRY_MS * 1000000)
        wait = (uint64_t)RETRY_MS * 1000000;
    look(engine, wait);
}

void *worker(void *argument)
{
    struct engine *engine = argument;
    prctl(PR_SET_TIMERSLACK, 1000UL, 0UL, 0UL, 0UL);
    uint64_t busy_ns = 0;
    bool busy = false;
    for (uint32_t rounds = 1;; rounds++) {
        if (__atomic_load_n(&engine->park_wanted, __ATOMIC_ACQUIRE) && had_turn(engine, busy))
            park_here(engine);
        if (__atomic_load_n(&engine->stopping, __ATOMIC_ACQUIRE))
            break;
        engine_clock(engine);
        if (engine->watched_count)
            watches_wake(engine);
        engine->planned_ns = engine->now_ns;
        busy = take_injected(engine);
        process_ready(engine);
        for (uint32_t i = 0; i < engine->active_count; i++)
            if (port_receive(engine, engine->ports[engine->active[i]])) {
                process_ready(engine);
                busy = true;
            }
        process_pending(engine, BURST);
        senders_settle(engine);
        uint64_t next_ns = queue_run(engine), due_ns = next_ns;
        process_ready(engine);
        if (engine->watched_count) {
            watches_run(engine);
            uint64_t bins_ns = watches_due_ns(engine);
            due_ns = bins_ns < due_ns ? bins_ns : due_ns;
        }
        flush(engine);
        if (engine->pending_first || engine->ready_first || (engine->held && next_ns <= engine->now_ns))
            busy = true;
        else if (!busy)
            busy = advance(engine, due_ns);
        if (busy)
            busy_ns = engine->now_ns;
        else
            mark(engine, next_ns);
        /* Whoever wants it parked may have woken it while packets had their turn: it does so once only. */
        bool wanted = __atomic_load_n(&engine->park_wanted, __ATOMIC_ACQUIRE);
        if (!busy && !wanted && (engine->held || engine->now_ns - busy_ns >= engine->poll_ns))
            idle(engine, due_ns);
        else if (rounds % LOOKS == 0 || engine->now_ns - engine->looked_ns >= LOOK_NS)
            look(engine, 0);
    }
    return NULL;
}
