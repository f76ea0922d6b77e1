/* The engine's life, its ports, and changes to its state. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "exports.h"
#include "sender.h"

enum { CROSSING_RING = 4 * 1024 * 1024, SLICE_NS = 500000 };

static bool watch(struct engine *engine, int fd, uint64_t as)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = as};
    return fd >= 0 && epoll_ctl(engine->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

EXPORT struct engine *engine_new(uint32_t cpu_port, uint32_t drop_port, uint32_t depth)
{
    struct engine *engine = calloc(1, sizeof *engine);
    if (!engine)
        return NULL;
    engine->cpu_port = (uint16_t)cpu_port;
    engine->drop_port = (uint16_t)drop_port;
    engine->default_depth = depth;
    engine->changed_fd = engine->reporter.fd = -1;
    engine->ready_last = &engine->ready_first;
    engine->pending_last = &engine->pending_first;
    pthread_mutex_init(&engine->control, NULL);
    pthread_mutex_init(&engine->lock, NULL);
    pthread_mutex_init(&engine->inject_lock, NULL);
    pthread_cond_init(&engine->parked_changed, NULL);
    pthread_cond_init(&engine->released, NULL);
    engine->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    engine->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    engine->events_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    engine->collected_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    engine->netlink_fd = netlink_open();
    bool made = ring_open(&engine->injected, CROSSING_RING) && ring_open(&engine->collected, CROSSING_RING) &&
                upward_open(&engine->upward);
    made = made && watch(engine, engine->wake_fd, PORTS) && watch(engine, engine->netlink_fd, PORTS + 1);
    if (!made || engine->events_fd < 0 || engine->collected_fd < 0) {
        engine_free(engine);
        return NULL;
    }
    engine_clock(engine);
    engine->start_ns = engine->now_ns;
    return engine;
}

static void close_fd(int fd)
{
    if (fd >= 0)
        close(fd);
}

EXPORT void engine_free(struct engine *engine)
{
    engine_stop(engine);
    engine->changed_fd = -1;
    while (engine->active_count)
        port_close(engine, engine->ports[engine->active[0]]);
    senders_close(engine);
    capture_close(engine->capture);
    forget_old(engine, true);
    pipeline_unload(engine->pipeline);
    if (engine->tracer)
        tracer_close(engine->tracer);
    free(engine->tracer);
    ring_close(&engine->injected);
    ring_close(&engine->collected);
    upward_close(&engine->upward);
    close_fd(engine->reporter.fd);
    close_fd(engine->wake_fd);
    close_fd(engine->events_fd);
    close_fd(engine->collected_fd);
    close_fd(engine->netlink_fd);
    close_fd(engine->epoll_fd);
    pthread_cond_destroy(&engine->released);
    pthread_cond_destroy(&engine->parked_changed);
    pthread_mutex_destroy(&engine->inject_lock);
    pthread_mutex_destroy(&engine->lock);
    pthread_mutex_destroy(&engine->control);
    free(engine);
}

EXPORT int engine_set_senders(struct engine *engine, uint32_t count)
{
    engine_park(engine);
    bool done = senders_open(engine, count);
    engine_release(engine);
    return done ? 0 : -1;
}

EXPORT int engine_capture(struct engine *engine, const char *folder)
{
    engine_park(engine);
    int error = engine->capture || engine->active_count ? EBUSY : 0;
    if (!error)
        engine->capture = capture_open(folder, engine->held, &error);
    engine_release(engine);
    return error;
}

EXPORT uint32_t engine_captures(struct engine *engine, struct capture_report *reports, uint32_t most)
{
    pthread_mutex_lock(&engine->control);
    uint32_t count = engine->capture ? capture_reports(engine->capture, reports, most) : 0;
    pthread_mutex_unlock(&engine->control);
    return count;
}

EXPORT void engine_set_poll(struct engine *engine, uint64_t ns)
{
    engine_park(engine);
    engine->poll_ns = ns;
    engine_release(engine);
}

/* Signal an eventfd at each change of a port, from now on; -1: none any more. It stays the caller's. */
EXPORT void engine_watch_ports(struct engine *engine, int changed_fd)
{
    engine_park(engine);
    engine->changed_fd = changed_fd;
    engine_release(engine);
}

EXPORT int engine_start(struct engine *engine, const char *name)
{
    pthread_mutex_lock(&engine->control);
    int error = 0;
    if (!engine->running) {
        engine->stopping = engine->parked = engine->park_wanted = false;
        /* Signals are for the threads of whoever uses the library. */
        sigset_t all, before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        error = pthread_create(&engine->thread, NULL, worker, engine);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        engine->running = !error;
        if (!error)
            pthread_setname_np(engine->thread, name);
    }
    pthread_mutex_unlock(&engine->control);
    return error;
}

EXPORT void engine_stop(struct engine *engine)
{
    pthread_mutex_lock(&engine->control);
    if (engine->running) {
        __atomic_store_n(&engine->stopping, true, __ATOMIC_RELEASE);
        signal_fd(engine->wake_fd);
        pthread_join(engine->thread, NULL);
        engine->running = false;
    }
    pthread_mutex_unlock(&engine->control);
}

/* From now on the clock stands still, but for engine_advance; it counts from 0. It never goes back. */
EXPORT void engine_hold(struct engine *engine, uint64_t now_ns)
{
    engine_park(engine);
    engine->start_ns = 0;
    if (engine->held && now_ns > engine->held_ns)
        watches_late(engine, engine->held_ns, now_ns); /* nobody has seen what came meanwhile */
    if (!engine->held || now_ns > engine->held_ns)
        engine->held_ns = now_ns;
    engine->held = true;
    engine_clock(engine);
    engine_release(engine);
}

EXPORT int engine_add_port(struct engine *engine, uint32_t number, const char *interface, int discard,
                           int kind)
{
    if (number >= PORTS || number == engine->drop_port)
        return ERANGE;
    engine_park(engine);
    int error = engine->ports[number] ? EEXIST : 0;
    struct port *port = error ? NULL : port_open(engine, (uint16_t)number, interface, (enum port_kind)kind, &error);
    if (port)
        port->discard = discard;
    engine_release(engine);
    return port ? 0 : error ? error : EIO;
}

EXPORT int engine_remove_port(struct engine *engine, uint32_t number)
{
    engine_park(engine);
    int error = number < PORTS && engine->ports[number] ? 0 : ENOENT;
    if (!error)
        port_close(engine, engine->ports[number]);
    engine_release(engine);
    return error;
}

EXPORT int engine_set_queue(struct engine *engine, uint32_t number, int64_t bps, int64_t pps, int64_t depth)
{
    engine_park(engine);
    int error = number < PORTS && engine->ports[number] ? 0 : ENOENT;
    if (!error) {
        engine_clock(engine);
        struct scheduler *scheduler = &engine->ports[number]->scheduler;
        if (bps >= 0)
            scheduler->rate_bps = (uint64_t)bps;
        if (pps >= 0)
            scheduler->rate_pps = (uint64_t)pps;
        if (depth >= 0)
            scheduler->limit = (uint32_t)depth;
        if (scheduler->next_ns > engine->now_ns)
            scheduler->next_ns = engine->now_ns;
        scheduler->line_ns = 0;
    }
    engine_release(engine);
    return error;
}

EXPORT uint32_t engine_ports(struct engine *engine, struct port_report *reports, uint32_t most)
{
    pthread_mutex_lock(&engine->control);
    uint32_t count = engine->active_count < most ? engine->active_count : most;
    for (uint32_t i = 0; i < count; i++) {
        const struct port *port = engine->ports[engine->active[i]];
        struct port_report *report = &reports[i];
        memset(report, 0, sizeof *report);
        report->number = port->number;
        report->up = port->up;
        report->memory = port->memory;
        report->waiting = port->scheduler.waiting;
        report->most = port->scheduler.most;
        memcpy(report->name, port->name, sizeof report->name);
        report->rx_packets = port->rx_packets;
        report->rx_bytes = port->rx_bytes;
        report->tx_packets = port->tx_packets;
        report->tx_bytes = port->tx_bytes;
        report->queue_drops = port->scheduler.drops;
        memcpy(report->drops, port->drops, sizeof report->drops);
    }
    pthread_mutex_unlock(&engine->control);
    return count;
}

EXPORT void engine_figures(struct engine *engine, struct engine_report *report)
{
    report->ingress = engine->ingress_packets;
    report->egress = engine->egress_packets;
    report->recirculated = engine->recirculated;
    report->events_lost = upward_lost(&engine->upward);
    memcpy(report->drops, engine->drops, sizeof report->drops);
}

/* Operations that belong together happen at once as packets see it. Others are carried out in slices, between
 * which packets have their turn; while the clock is held no time passes for packets that wait. */
EXPORT void engine_apply(struct engine *engine, const uint64_t *words, uint64_t count, struct outcome *outcomes,
                         uint32_t operations, int all)
{
    struct batch batch = {.words = words, .count = count, .outcomes = outcomes, .operations = operations};
    pthread_mutex_lock(&engine->control);
    batch_foresee(engine, &batch);
    pthread_mutex_unlock(&engine->control);
    do {
        engine_park(engine);
        engine_clock(engine);
        if (all)
            batch_apply_all(engine, &batch);
        else
            batch_apply_until(engine, &batch, engine->held ? UINT64_MAX : monotonic_ns() + SLICE_NS);
        forget_old(engine, false);
        engine_release(engine);
    } while (batch.done < operations);
}
