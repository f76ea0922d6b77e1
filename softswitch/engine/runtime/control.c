/* What the library exports: the functions that softswitch/engine/native.py calls. Each may be called from any
 * thread; all but the rings' and the figures' take the control lock. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "batch.h"
#include "meter.h"
#include "sender.h"
#include "trace.h"
#include "profile.h"
#include "table.h"

#define EXPORT __attribute__((visibility("default")))

enum { CROSSING_RING = 4 * 1024 * 1024, LARGEST_DIGEST = 4096, LAST_ROUNDS = 16 };

struct port_report {
    uint32_t number, up, memory, waiting, most, pad;
    char name[16];
    uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes, queue_drops;
    uint64_t drops[DROP_REASONS];
};

struct engine_report {
    uint64_t ingress, egress, recirculated, events_lost;
    uint64_t drops[DROP_REASONS];
};

struct idle_entry {
    uint64_t table;
    int64_t handle;
};

enum direct_kind { DIRECT_COUNTER, DIRECT_METER, DIRECT_IDLE };
enum take { TAKE_COLLECTED, TAKE_EVENTS, TAKE_TRACE };
enum array_kind { ARRAY_REGISTER, ARRAY_COUNTER, ARRAY_METER };

EXPORT struct engine *engine_new(uint32_t cpu_port, uint32_t drop_port, uint32_t depth);
EXPORT void engine_free(struct engine *engine);
EXPORT struct pipeline *pipeline_load(const char *path, uint32_t drop_port, char *error, size_t size);
EXPORT void pipeline_unload(struct pipeline *pipeline);
EXPORT void engine_swap(struct engine *engine, struct pipeline *pipeline, const uint64_t *words, uint64_t count,
                        struct outcome *outcomes, uint32_t operations);
EXPORT int engine_set_senders(struct engine *engine, uint32_t count);
EXPORT void engine_set_poll(struct engine *engine, uint64_t ns);
EXPORT int engine_start(struct engine *engine, const char *name);
EXPORT void engine_stop(struct engine *engine);
EXPORT int engine_add_port(struct engine *engine, uint32_t number, const char *interface, int discard,
                           int xdp);
EXPORT int engine_remove_port(struct engine *engine, uint32_t number);
EXPORT int engine_set_queue(struct engine *engine, uint32_t number, int64_t bps, int64_t pps, int64_t depth);
EXPORT uint32_t engine_ports(struct engine *engine, struct port_report *reports, uint32_t most);
EXPORT void engine_figures(struct engine *engine, struct engine_report *report);
EXPORT void engine_apply(struct engine *engine, const uint64_t *words, uint64_t count, struct outcome *outcomes,
                         uint32_t operations, int all);
EXPORT int64_t engine_read_direct(struct engine *engine, uint32_t table, const int64_t *handles, uint32_t count,
                                  int kind, uint64_t *words);
EXPORT uint32_t engine_idle(struct engine *engine, struct idle_entry *entries, uint32_t most);
EXPORT int engine_read_array(struct engine *engine, int kind, uint32_t array, uint64_t start, uint64_t count,
                             uint64_t *words);
EXPORT uint64_t engine_inject(struct engine *engine, uint32_t port, const uint8_t *frame, uint32_t length);
EXPORT int64_t engine_take(struct engine *engine, int events, uint8_t *to, uint32_t size, uint32_t *kind,
                           uint32_t *number);
EXPORT int engine_trace(struct engine *engine, const char *path, const struct trace_filter *filter, uint64_t most,
                        char *error, size_t size);
EXPORT uint64_t engine_marked(struct engine *engine);
EXPORT int engine_fd(struct engine *engine, int events);
EXPORT uint64_t engine_measure(struct engine *engine, uint32_t port, const uint8_t *frames, uint32_t length,
                               uint32_t distinct, uint64_t count);

/* --- pipelines --- */

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

/* Replaced pipelines live until their last packet is gone. */
static void forget_old(struct engine *engine, bool all)
{
    for (size_t i = 0; i < sizeof engine->old / sizeof *engine->old; i++)
        if (engine->old[i] && (all || !engine->old[i]->pool->outstanding)) {
            pipeline_unload(engine->old[i]);
            engine->old[i] = NULL;
        }
}

static void drop_packets_of(struct engine *engine, const struct pipeline *pipeline)
{
    for (uint32_t i = 0; i < engine->active_count; i++) {
        struct scheduler *scheduler = &engine->ports[engine->active[i]]->scheduler;
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
                drop_packet(engine, packet, DROP_QUEUE_FULL);
            }
            queue->last = link;
        }
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
    drop_packets_of(engine, engine->old[0]);
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
    engine_clock(engine);
    batch_apply(engine, words, count, outcomes, operations, false);
    retire(engine, before);
    engine_release(engine);
}

/* --- life --- */

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
                ring_open(&engine->events, CROSSING_RING);
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
    while (engine->active_count)
        port_close(engine, engine->ports[engine->active[0]]);
    senders_close(engine);
    forget_old(engine, true);
    pipeline_unload(engine->pipeline);
    if (engine->tracer)
        tracer_close(engine->tracer);
    free(engine->tracer);
    ring_close(&engine->injected);
    ring_close(&engine->collected);
    ring_close(&engine->events);
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

EXPORT void engine_set_poll(struct engine *engine, uint64_t ns)
{
    engine_park(engine);
    engine->poll_ns = ns;
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
        uint64_t one = 1;
        __atomic_store_n(&engine->stopping, true, __ATOMIC_RELEASE);
        ssize_t written = write(engine->wake_fd, &one, sizeof one);
        (void)written;
        pthread_join(engine->thread, NULL);
        engine->running = false;
    }
    pthread_mutex_unlock(&engine->control);
}

/* --- ports --- */

EXPORT int engine_add_port(struct engine *engine, uint32_t number, const char *interface, int discard,
                           int xdp)
{
    if (number >= PORTS || number == engine->drop_port)
        return ERANGE;
    engine_park(engine);
    int error = engine->ports[number] ? EEXIST : 0;
    struct port *port = error ? NULL : port_open(engine, (uint16_t)number, interface, xdp, &error);
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
        struct scheduler *scheduler = &engine->ports[number]->scheduler;
        if (bps >= 0)
            scheduler->rate_bps = (uint64_t)bps;
        if (pps >= 0)
            scheduler->rate_pps = (uint64_t)pps;
        if (depth >= 0)
            scheduler->limit = (uint32_t)depth;
        scheduler->next_ns = 0;
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
    report->events_lost = __atomic_load_n(&engine->events.lost, __ATOMIC_RELAXED);
    memcpy(report->drops, engine->drops, sizeof report->drops);
}

/* --- state --- */

EXPORT void engine_apply(struct engine *engine, const uint64_t *words, uint64_t count, struct outcome *outcomes,
                         uint32_t operations, int all)
{
    engine_park(engine);
    engine_clock(engine);
    batch_apply(engine, words, count, outcomes, operations, all);
    forget_old(engine, false);
    engine_release(engine);
}

enum { DEFAULT_HANDLE = -1 }; /* the default entry */

static bool place_of(struct table *table, int64_t handle, uint32_t *place)
{
    *place = handle == DEFAULT_HANDLE ? DEFAULT_PLACE : (uint32_t)handle;
    if (handle == DEFAULT_HANDLE)
        return true;
    if (*place >= table->high)
        return false;
    const struct entry *entry = table_entry(table, *place);
    return entry->used && (entry->generation & 0x3fffffff) == (uint32_t)(handle >> 32);
}

/* Words of each entry: packets and bytes; a meter's configuration (METER_CONFIG words); nanoseconds without a hit.
 * Returns the index of the first handle that is stale, or -1. */
EXPORT int64_t engine_read_direct(struct engine *engine, uint32_t number, const int64_t *handles, uint32_t count,
                                  int kind, uint64_t *words)
{
    int64_t bad = -1;
    pthread_mutex_lock(&engine->control);
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    uint64_t now_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
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

/* Entries whose timeout is over since they were hit, written or named. */
EXPORT uint32_t engine_idle(struct engine *engine, struct idle_entry *entries, uint32_t most)
{
    uint32_t count = 0;
    pthread_mutex_lock(&engine->control);
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    uint64_t now_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
    const struct pipeline *pipeline = engine->pipeline;
    for (uint32_t t = 0; t < pipeline->code->table_count; t++) {
        const struct table *table = &pipeline->tables[t];
        for (uint32_t place = 0; table->shape->timed && place < table->high && count < most; place++) {
            struct entry *entry = table_entry(table, place);
            uint64_t *idle = entry_state(table, entry), last = __atomic_load_n(&idle[1], __ATOMIC_RELAXED);
            uint64_t since = last > idle[2] ? last : idle[2];
            if (!entry->used || !idle[0] || now_ns < since || now_ns - since < idle[0])
                continue;
            idle[2] = now_ns;
            entries[count++] = (struct idle_entry){
                t, (int64_t)((uint64_t)(entry->generation & 0x3fffffff) << 32 | place)};
        }
    }
    pthread_mutex_unlock(&engine->control);
    return count;
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

/* --- frames and events --- */

/* How many frames were injected up to this one; 0: it was refused. */
EXPORT uint64_t engine_inject(struct engine *engine, uint32_t port, const uint8_t *frame, uint32_t length)
{
    if (length > LONGEST_FRAME || port >= PORTS)
        return 0;
    uint64_t count = 0, one = 1;
    pthread_mutex_lock(&engine->inject_lock);
    if (ring_write(&engine->injected, 0, port, frame, length)) {
        count = ++engine->injected_count;
        ssize_t written = write(engine->wake_fd, &one, sizeof one);
        (void)written;
    }
    pthread_mutex_unlock(&engine->inject_lock);
    return count;
}

/* The next record's bytes, or -1 when there is none. One reader at a time. */
EXPORT int64_t engine_take(struct engine *engine, int events, uint8_t *to, uint32_t size, uint32_t *kind,
                           uint32_t *number)
{
    struct ring *ring = events == TAKE_EVENTS ? &engine->events : &engine->collected;
    if (events == TAKE_TRACE) {
        if (!engine->tracer)
            return -1;
        ring = &engine->tracer->ring;
    }
    const struct record *record = ring_peek(ring);
    if (!record)
        return -1;
    uint32_t length = record->length < size ? record->length : size;
    *kind = record->kind;
    *number = record->number;
    memcpy(to, record + 1, length);
    ring_next(ring);
    return length;
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
        for (uint32_t i = 0; i < engine->active_count; i++)
            port_flush(engine, engine->ports[engine->active[i]]);
    }
    engine_clock(engine);
    uint64_t taken = engine->now_ns - begin;
    engine_release(engine);
    return taken;
}
