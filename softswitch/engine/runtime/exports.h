/* What the library exports: the functions that softswitch/engine/native.py calls. Each may be called from any
 * thread; all but the rings' and the figures' take the control lock. */
#ifndef P4_EXPORTS_H
#define P4_EXPORTS_H

#include "batch.h"
#include "trace.h"

#define EXPORT __attribute__((visibility("default")))

struct port_report {
    uint32_t number, up, memory, waiting, most, pad;
    char name[16];
    uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes, queue_drops;
    uint64_t drops[DROP_REASONS];
};

struct queue_report {
    uint32_t waiting, most;
    uint64_t packets, bytes, deflected;
    uint64_t drops[DROP_REASONS];
};

struct reporter_report {
    uint64_t datagrams, refused, bytes, bins;
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

/* control.c */
EXPORT struct engine *engine_new(uint32_t cpu_port, uint32_t drop_port, uint32_t depth);
EXPORT void engine_free(struct engine *engine);
EXPORT int engine_set_senders(struct engine *engine, uint32_t count);
EXPORT void engine_set_poll(struct engine *engine, uint64_t ns);
EXPORT int engine_capture(struct engine *engine, const char *folder); /* errno; before there are ports */
EXPORT uint32_t engine_captures(struct engine *engine, struct capture_report *reports, uint32_t most);
EXPORT void engine_watch_ports(struct engine *engine, int changed_fd);
EXPORT int engine_start(struct engine *engine, const char *name);
EXPORT void engine_stop(struct engine *engine);
EXPORT void engine_hold(struct engine *engine, uint64_t now_ns);
EXPORT int engine_add_port(struct engine *engine, uint32_t number, const char *interface, int discard,
                           int kind); /* enum port_kind */
EXPORT int engine_remove_port(struct engine *engine, uint32_t number);
EXPORT int engine_set_queue(struct engine *engine, uint32_t number, int64_t bps, int64_t pps, int64_t depth);
EXPORT uint32_t engine_ports(struct engine *engine, struct port_report *reports, uint32_t most);
EXPORT void engine_figures(struct engine *engine, struct engine_report *report);
EXPORT void engine_apply(struct engine *engine, const uint64_t *words, uint64_t count, struct outcome *outcomes,
                         uint32_t operations, int all);

/* telemetry.c */
EXPORT uint64_t engine_now(struct engine *engine);
EXPORT int engine_watch(struct engine *engine, uint32_t number, int on, uint32_t report_depth, uint32_t report_wait_ns);
EXPORT uint32_t engine_queues(struct engine *engine, uint32_t number, struct queue_report *reports);
EXPORT int64_t engine_bins(struct engine *engine, uint32_t number, uint32_t priority, uint64_t from, struct bin *to,
                           uint64_t most, uint64_t *next);
EXPORT int engine_deflect(struct engine *engine, uint32_t session, uint32_t rate, uint32_t burst);
EXPORT void engine_report_to(struct engine *engine, int fd, uint32_t node);
EXPORT void engine_reports(struct engine *engine, struct reporter_report *report);

/* install.c */
EXPORT struct pipeline *pipeline_load(const char *path, uint32_t drop_port, char *error, size_t size);
EXPORT void pipeline_unload(struct pipeline *pipeline);
EXPORT void engine_swap(struct engine *engine, struct pipeline *pipeline, const uint64_t *words, uint64_t count,
                        struct outcome *outcomes, uint32_t operations);
EXPORT int engine_trace(struct engine *engine, const char *path, const struct trace_filter *filter, uint64_t most,
                        char *error, size_t size);
void forget_old(struct engine *engine, bool all); /* replaced pipelines live until their last packet is gone */

/* read.c */
EXPORT int64_t engine_read_direct(struct engine *engine, uint32_t table, const int64_t *handles, uint32_t count,
                                  int kind, uint64_t *words);
EXPORT uint32_t engine_idle(struct engine *engine, struct idle_entry *entries, uint32_t most);
EXPORT uint64_t engine_idle_due(struct engine *engine);
EXPORT int engine_read_array(struct engine *engine, int kind, uint32_t array, uint64_t start, uint64_t count,
                             uint64_t *words);

/* frames.c */
EXPORT uint64_t engine_inject(struct engine *engine, uint32_t port, const uint8_t *frame, uint32_t length);
EXPORT int64_t engine_take(struct engine *engine, int events, uint8_t *to, uint32_t size, uint32_t *kind,
                           uint32_t *number);
EXPORT uint64_t engine_advance(struct engine *engine, uint64_t to_ns);
EXPORT uint64_t engine_due(struct engine *engine);
EXPORT uint64_t engine_marked(struct engine *engine);
EXPORT int engine_fd(struct engine *engine, int events);
EXPORT uint64_t engine_measure(struct engine *engine, uint32_t port, const uint8_t *frames, uint32_t length,
                               uint32_t distinct, uint64_t count);

#endif
