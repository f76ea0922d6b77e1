/* The engine: one worker thread that moves packets from ports through the pipeline to ports, on request with others
 * that send for it (sender.h).
 *
 * Threads. The worker owns everything while it runs. Whoever wants to change something parks it first
 * (engine_park, engine_release: at a burst boundary, by a flag that the worker looks at once a burst); callers
 * of that are serialised by `control`, and between two of them packets have their turn. Rings cross threads without parking: frames injected, frames sent to memory
 * ports, what goes up to the control plane. */
#ifndef P4_ENGINE_H
#define P4_ENGINE_H

#include <pthread.h>

#include "capture.h"
#include "deflect.h"
#include "pipeline.h"
#include "report.h"
#include "ring.h"
#include "upward.h"
#include "watch.h"

enum {
    PORTS = 512,
    BURST = 32,
    SEND_BURST = 64,
    MOST_SENDERS = 15,
    MOST_PENDING = 1024, /* recirculated and resubmitted packets that wait for their turn */
    ROUND = 256,         /* egress passes for one burst before the worker looks around again */
    LARGEST_DIGEST = 4096,
};

/* By which socket a port takes its interface; a plugged one may be absent, and is one of many. */
enum port_kind { PORT_PACKET, PORT_XDP, PORT_PLUGGED };

enum drop_reason {
    DROP_INGRESS, /* the program's decision */
    DROP_EGRESS,
    DROP_NO_PORT,
    DROP_NO_BUFFER,
    DROP_QUEUE_FULL,
    DROP_TOO_LONG, /* received */
    DROP_PORT_DOWN,
    DROP_SEND_FAILED,
    DROP_RING_FULL,
    DROP_PENDING_FULL,
    DROP_NO_REPLICA,
    DROP_BEYOND_MTU, /* to be sent */
    DROP_OFFLOAD,    /* received, to be cut up in a way that segment.c does not know */
    DROP_REASONS,
};

/* --- packet buffers (packet.c) --- */

struct pool {
    struct packet *free;
    void **chunks;
    uint32_t chunk_count, limit_chunks;
    uint32_t size, frame_offset; /* bytes of a buffer; where a frame begins in it */
    uint64_t outstanding;
};

struct pool *pool_open(uint32_t phv_size, uint32_t header_room);
void pool_close(struct pool *pool);
struct packet *packet_new(struct pipeline *pipeline); /* NULL: the pool is used up */
void packet_free(struct packet *packet);
bool pool_scarce(const struct pool *pool); /* the rest is for what must not wait */
struct packet *packet_copy(struct packet *packet); /* with its headers and metadata */
void packet_settle(struct packet *packet); /* the room in front as large again as for a new packet */
void packet_guard(struct packet *packet); /* sanitised builds: whoever reads behind the frame is caught */

/* --- packet replication (replicate.c) --- */

struct replica {
    uint16_t port, instance;
};

struct replicas {
    uint32_t count, limit;
    uint8_t class_of_service;
    struct replica list[];
};

enum { MULTICAST_GROUPS = 65536, CLONE_SESSIONS = 32768 };

struct replication {
    struct replicas *groups[MULTICAST_GROUPS];
    struct replicas *sessions[CLONE_SESSIONS];
};

/* --- egress queues (queue.c) --- */

struct queue {
    struct packet *first, **last;
    uint32_t depth;
};

struct queue_counts { /* of one queue, beside it so that those that are looked at in turn lie together */
    uint64_t packets, bytes; /* sent */
    uint64_t drops[DROP_REASONS];
    uint64_t deflected, spent_ns; /* deflect.c: copies made, and until when the bucket is spent */
    uint32_t unreported;          /* drops since the last copy */
    uint32_t most;                /* packets that ever waited */
};

struct scheduler { /* of one port */
    struct queue queues[PRIORITIES];
    uint64_t rate_bps, rate_pps; /* 0: unlimited */
    uint64_t next_ns;            /* when the next packet may leave */
    uint64_t latest_ns;          /* when the last packet came */
    uint32_t limit;              /* packets that may wait in each queue */
    uint32_t waiting, most;
    uint64_t drops;
    bool listed, serving;
    struct packet *line_first, **line_last; /* have left their queue later than they should have */
    uint32_t line_count;
    uint64_t line_ns; /* when the line is free */
};

enum injected { INJECTED_FRAME, INJECTED_TIME }; /* records of the ring; a time is where the held clock goes */

/* --- ports (port.c) --- */

/* Whoever wants to know each packet's fate: tests, to judge what is reported by. */
enum witnessed { WITNESS_QUEUED, WITNESS_LEFT, WITNESS_DROPPED };

struct witness {
    void (*saw)(struct witness *witness, enum witnessed what, const struct packet *packet, uint32_t reason);
};

struct link; /* an interface's sockets and rings (link.h) */

struct port {
    bool used, memory, discard, up, xdp;
    bool plugged; /* its interface comes and goes, and is one of many: it may be absent, its ring is small */
    uint16_t number;
    char name[16];
    struct link *link;
    struct scheduler scheduler;
    struct watch *watch; /* NULL: nobody watches */
    struct queue_counts counts[PRIORITIES];
    uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes;
    uint64_t drops[DROP_REASONS];
};

struct engine {
    struct pipeline *pipeline;
    struct pipeline *old[8]; /* replaced; some of their packets are still in queues */
    struct port *ports[PORTS];
    uint16_t active[PORTS]; /* numbers of the ports in use */
    uint32_t active_count;
    bool up[PORTS];
    uint16_t cpu_port, drop_port;
    uint32_t default_depth;

    /* the worker's */
    struct packet *burst[BURST]; /* parsed, to go through ingress */
    uint32_t burst_count;
    struct packet *ready_first, **ready_last; /* replicated, to go through egress now */
    struct packet *pending_first, **pending_last; /* to go through ingress again */
    uint32_t pending;
    uint64_t now_ns, start_ns;
    uint64_t arrived_ns; /* what came until then has been dealt with */
    bool held;                 /* the clock stands still but for engine_advance */
    uint64_t held_ns, due_ns;  /* where it stands; when a queue sends next, once all has settled */
    uint64_t poll_ns; /* how long to look for more before it sleeps */
    uint64_t turn_ns; /* until when packets have their turn before it parks again */
    uint64_t looked_ns; /* when the descriptors were looked at last */
    uint16_t limited[PORTS]; /* ports with packets that wait, in a queue or for the line */
    uint32_t limited_count;
    uint16_t watched[PORTS]; /* ports with a watch */
    uint32_t watched_count, untimed_count; /* untimed: ports whose frames do not say when they came */
    uint64_t bins_due_ns;    /* when the next bins are over */
    uint64_t planned_ns;     /* when the worker meant to look at its ports next */
    struct reporter reporter;
    struct deflection deflection;
    struct witness *witness; /* NULL: nobody */
    bool events_new, collected_new;
    uint64_t ingress_packets, egress_packets, recirculated;
    uint64_t drops[DROP_REASONS];
    struct sender *senders[MOST_SENDERS];
    uint32_t sender_count; /* 0: the worker sends */
    struct tracer *tracer; /* NULL: nobody has traced yet */
    bool tracing;
    struct capture *capture; /* NULL: nothing is captured */

    /* crossing threads */
    struct ring injected, collected;
    struct upward upward;
    int wake_fd, events_fd, collected_fd, epoll_fd, netlink_fd;
    int changed_fd; /* the owner's; signalled when a port comes, goes, or is up or down; -1: none */
    uint64_t injected_count, handled_count, marked_count; /* injected frames dealt with; the same when nothing was left to do */

    pthread_t thread;
    bool running, stopping;
    pthread_mutex_t control, lock, inject_lock;
    pthread_cond_t parked_changed, released;
    bool park_wanted, parked;
};

static inline uint64_t since_start_us(const struct engine *engine)
{
    return (engine->now_ns - engine->start_ns) / 1000;
}

static inline uint64_t since_start_at_us(const struct engine *engine, uint64_t ns)
{
    return (ns - engine->start_ns) / 1000;
}

static inline void witness(struct engine *engine, enum witnessed what, const struct packet *packet, uint32_t reason)
{
    if (__builtin_expect(engine->witness != NULL, false))
        engine->witness->saw(engine->witness, what, packet, reason);
}

uint64_t monotonic_ns(void);
uint64_t engine_time(const struct engine *engine); /* the machine's monotonic clock, or the held one */
void engine_clock(struct engine *engine);
void signal_fd(int fd); /* an eventfd becomes readable */
void engine_park(struct engine *engine); /* takes `control` */
void engine_release(struct engine *engine);

/* process.c: what happens to a packet */
void process_ingress(struct engine *engine, struct packet *packet);
void process_ready(struct engine *engine);
void process_pending(struct engine *engine, uint32_t most);
void process_receive(struct engine *engine, struct port *port, struct packet *packet); /* may wait for its burst */
void process_burst(struct engine *engine); /* the end of a burst of received packets */
void drop_packet(struct engine *engine, struct packet *packet, enum drop_reason reason);
void drop_queued(struct engine *engine, struct packet *packet, enum drop_reason reason); /* one with a queue */

/* queue.c */
void queue_put(struct engine *engine, struct packet *packet, uint16_t port, uint32_t priority);
uint64_t queue_run(struct engine *engine); /* sends what is due; when the next one is, UINT64_MAX: never */
void queue_open(struct scheduler *scheduler, uint32_t limit);
void queue_clear(struct engine *engine, struct port *port);
void queue_give_up(struct engine *engine, struct port *port, const struct pipeline *pipeline); /* its packets */
void line_put(struct engine *engine, struct port *port, struct packet *packet); /* sends it, at once if that is in time */
/* `sent_bytes`, of a packet that a queue has let go; NULL: it has come straight on. */
void process_egress(struct engine *engine, struct packet *packet, uint32_t *sent_bytes);

/* port.c */
struct port *port_open(struct engine *engine, uint16_t number, const char *interface, enum port_kind kind, int *error);
void port_close(struct engine *engine, struct port *port);
bool port_watch(struct engine *engine, struct port *port); /* false: out of memory */
void port_unwatch(struct engine *engine, struct port *port);
void ports_check(struct engine *engine); /* links came or went */
int port_fd(const struct port *port);
int netlink_open(void);
void refill_groups(struct engine *engine);

/* receive.c */
bool port_receive(struct engine *engine, struct port *port); /* one burst; whether there was anything */
uint64_t arrivals_until(const struct engine *engine); /* until when all that came to any port has been taken */

/* transmit.c */
void port_send(struct engine *engine, struct port *port, struct packet *packet);
void port_flush(struct engine *engine, struct port *port);
/* Of the thread that sends for the port: what becomes of each frame, for port_settle, which is the worker's. */
void port_transmit(const struct port *port, struct packet *const *packets, uint32_t count, uint8_t *outcomes);
void port_settle(struct engine *engine, struct port *port, struct packet *packet, uint8_t outcome);

/* worker.c */
void *worker(void *engine);

#endif
