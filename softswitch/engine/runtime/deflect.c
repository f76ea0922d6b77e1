#include "deflect.h"

#include "engine.h"
#include "trace.h"

enum { NS = 1000000000 };

/* The bucket, kept as the time until which it is spent: whether it has a token. */
static bool allowed(const struct deflection *deflection, const struct queue_counts *counts, uint64_t ns)
{
    uint64_t each_ns = NS / deflection->rate;
    return counts->spent_ns <= ns + each_ns * (deflection->burst - 1);
}

static const struct replicas *session_of(const struct engine *engine, const struct packet *packet)
{
    return packet->pipeline->replication->sessions[engine->deflection.session];
}

/* Whether there was a buffer for it. */
static bool send_copy(struct engine *engine, struct packet *packet, const struct replicas *session,
                      const struct replica *to, uint32_t unreported)
{
    struct packet *copy = packet_copy(packet);
    if (!copy)
        return false;
    trace(packet, TRACE_CLONED, engine->deflection.session);
    trace_inherit(copy, packet);
    if (copy->length > DEFLECTED_BYTES)
        copy->length = copy->parsed > DEFLECTED_BYTES ? copy->parsed : DEFLECTED_BYTES;
    packet_guard(copy);
    copy->limit = session->limit ? session->limit : NO_TRUNCATION;
    struct standard_metadata *metadata = &copy->standard_metadata;
    metadata->instance_type = INSTANCE_DEFLECTED;
    metadata->egress_spec = packet->queue_port;
    metadata->egress_rid = to->instance;
    metadata->deq_timedelta = unreported;
    copy->deflected = true;
    queue_put(engine, copy, to->port, session->class_of_service);
    return true;
}

void deflect(struct engine *engine, struct port *port, struct packet *packet, uint64_t ns)
{
    struct queue_counts *counts = &port->counts[packet->queue_priority];
    const struct replicas *session = packet->deflected ? NULL : session_of(engine, packet);
    uint32_t before = counts->unreported;
    counts->unreported += before < UINT32_MAX;
    if (!session || !session->count || !allowed(&engine->deflection, counts, ns))
        return;
    /* First, as a copy that is sent may push others out of the same queue. */
    counts->spent_ns = (counts->spent_ns > ns ? counts->spent_ns : ns) + NS / engine->deflection.rate;
    counts->unreported = 0;
    counts->deflected++;
    bool sent = false;
    for (uint32_t i = 0; i < session->count; i++)
        sent |= send_copy(engine, packet, session, &session->list[i], before);
    if (!sent) {
        counts->deflected--;
        counts->unreported += before < UINT32_MAX ? before + 1 : before;
    }
}
