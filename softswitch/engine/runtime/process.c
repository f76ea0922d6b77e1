/* A packet's way, as simple_switch has it: ingress, then clone, digest, resubmit, multicast, unicast or drop;
 * egress, then clone, drop, deparse, recirculate, send. */
#include "engine.h"
#include "trace.h"

void drop_packet(struct engine *engine, struct packet *packet, enum drop_reason reason)
{
    engine->drops[reason]++;
    witness(engine, WITNESS_DROPPED, packet, reason);
    trace(packet, TRACE_DROPPED, reason);
    packet_free(packet);
}

void drop_queued(struct engine *engine, struct packet *packet, enum drop_reason reason)
{
    struct port *port = packet->queue_port < PORTS ? engine->ports[packet->queue_port] : NULL;
    if (port)
        port->counts[packet->queue_priority].drops[reason]++;
    drop_packet(engine, packet, reason);
}

/* A truncation that was asked for before a copy is made cuts what the copy has behind its first bytes. */
static void cut(struct packet *copy, uint32_t truncate, uint32_t first)
{
    if (copy->length - first > truncate)
        copy->length = first + truncate;
}

/* Copies for all replicas; the packet itself goes to the last of them, or is dropped. */
static void replicate(struct engine *engine, struct packet *packet, const struct replicas *replicas,
                      uint32_t priority)
{
    uint32_t count = replicas ? replicas->count : 0;
    cut(packet, packet->requests.truncate, packet->parsed);
    memset(&packet->requests, 0, sizeof packet->requests);
    packet->requests.truncate = NO_TRUNCATION;
    for (uint32_t i = 0; i < count; i++) {
        struct packet *copy = i + 1 < count ? packet_copy(packet) : packet;
        if (!copy) {
            engine->drops[DROP_NO_BUFFER]++;
            continue;
        }
        if (copy != packet)
            trace_inherit(copy, packet);
        copy->standard_metadata.egress_rid = replicas->list[i].instance;
        queue_put(engine, copy, replicas->list[i].port, priority);
    }
    if (!count)
        drop_packet(engine, packet, DROP_NO_REPLICA);
}

static struct replicas *clone_session(const struct packet *packet)
{
    uint32_t session = packet->requests.clone_session;
    return session < CLONE_SESSIONS ? packet->pipeline->replication->sessions[session] : NULL;
}

static void clone_to(struct engine *engine, struct packet *clone, const struct replicas *session)
{
    clone->limit = session->limit ? session->limit : NO_TRUNCATION;
    replicate(engine, clone, session, session->class_of_service);
}

static void clone_from_ingress(struct engine *engine, struct packet *packet)
{
    const struct replicas *session = clone_session(packet);
    struct packet *clone = session ? packet_copy(packet) : NULL;
    if (!clone) {
        engine->drops[session ? DROP_NO_BUFFER : DROP_NO_REPLICA]++;
        return;
    }
    trace(packet, TRACE_CLONED, packet->requests.clone_session);
    trace_inherit(clone, packet);
    /* The clone is the packet as it came in, parsed again. */
    const struct pipeline_code *code = packet->pipeline->code;
    cut(clone, packet->requests.truncate, 0);
    clone->wire_length = clone->ingress_length;
    code->reset_metadata(clone);
    clone->standard_metadata.ingress_port = packet->standard_metadata.ingress_port;
    code->parse(clone->pipeline, clone);
    code->reset_metadata(clone);
    code->keep_fields(packet->requests.clone_list, clone, packet);
    clone->standard_metadata.instance_type = INSTANCE_INGRESS_CLONE;
    clone_to(engine, clone, session);
}

static void clone_from_egress(struct engine *engine, struct packet *packet)
{
    const struct replicas *session = clone_session(packet);
    struct packet *clone = session ? packet_copy(packet) : NULL;
    if (!clone) {
        engine->drops[session ? DROP_NO_BUFFER : DROP_NO_REPLICA]++;
        return;
    }
    trace(packet, TRACE_CLONED, packet->requests.clone_session);
    trace_inherit(clone, packet);
    const struct pipeline_code *code = packet->pipeline->code;
    cut(clone, packet->requests.truncate, clone->parsed);
    code->reset_metadata(clone);
    code->keep_fields(packet->requests.clone_list, clone, packet);
    clone->standard_metadata.instance_type = INSTANCE_EGRESS_CLONE;
    clone_to(engine, clone, session);
}

static void emit_digest(struct engine *engine, struct packet *packet)
{
    uint8_t message[LARGEST_DIGEST + 16];
    uint32_t length = packet->pipeline->code->digest(packet->requests.digest_list, packet, message);
    upward_digest(&engine->upward, packet->requests.digest_list, message, length);
    trace(packet, TRACE_DIGEST, packet->requests.digest_list);
    engine->events_new = true;
}

/* Through ingress again, later; `kind` is the new instance type. */
static void again(struct engine *engine, struct packet *packet, enum instance_type kind, uint32_t list)
{
    if (engine->pending >= MOST_PENDING) {
        drop_packet(engine, packet, DROP_PENDING_FULL);
        return;
    }
    const struct pipeline_code *code = packet->pipeline->code;
    /* The kept fields survive in place: everything else of the metadata is cleared around them. */
    struct packet *kept = packet_copy(packet);
    if (!kept) {
        drop_packet(engine, packet, DROP_NO_BUFFER);
        return;
    }
    code->reset_metadata(packet);
    code->keep_fields(list, packet, kept);
    packet_free(kept);
    cut(packet, packet->requests.truncate, 0);
    memset(&packet->requests, 0, sizeof packet->requests);
    packet->requests.truncate = NO_TRUNCATION;
    trace(packet, TRACE_AGAIN, kind);
    packet->standard_metadata.instance_type = kind;
    packet->wire_length = packet->length;
    if (kind == INSTANCE_RECIRCULATED) {
        packet->ingress_length = packet->length;
        packet_settle(packet);
    }
    packet->parsed = 0;
    packet->limit = NO_TRUNCATION;
    packet->deflected = false;
    packet->next = NULL;
    *engine->pending_last = packet;
    engine->pending_last = &packet->next;
    engine->pending++;
    engine->recirculated++;
}

/* What ingress has asked for. */
static void finish_ingress(struct engine *engine, struct packet *packet)
{
    struct pipeline *pipeline = packet->pipeline;
    struct standard_metadata *metadata = &packet->standard_metadata;
    struct requests *requests = &packet->requests;
    if (__builtin_expect(requests->clone, false)) {
        clone_from_ingress(engine, packet);
        requests->clone = false;
    }
    if (__builtin_expect(requests->digest, false)) {
        emit_digest(engine, packet);
        requests->digest = false;
    }
    requests->exited = false;
    if (__builtin_expect(requests->resubmit, false)) {
        again(engine, packet, INSTANCE_RESUBMITTED, requests->resubmit_list);
    } else if (metadata->mcast_grp) {
        metadata->instance_type = INSTANCE_REPLICATION;
        trace(packet, TRACE_MULTICAST, metadata->mcast_grp);
        replicate(engine, packet, pipeline->replication->groups[metadata->mcast_grp], metadata->priority);
    } else if (metadata->egress_spec == pipeline->drop_port) {
        drop_packet(engine, packet, DROP_INGRESS);
    } else {
        metadata->instance_type = INSTANCE_NORMAL;
        queue_put(engine, packet, metadata->egress_spec, metadata->priority);
    }
}

void process_ingress(struct engine *engine, struct packet *packet)
{
    engine->ingress_packets++;
    packet->standard_metadata.packet_length = packet->counted_length = packet->length;
    packet->pipeline->code->ingress(packet->pipeline, packet);
    finish_ingress(engine, packet);
}

void process_burst(struct engine *engine)
{
    uint32_t count = engine->burst_count;
    if (!count)
        return;
    struct pipeline *pipeline = engine->pipeline;
    engine->burst_count = 0;
    pipeline->code->foresee(pipeline, engine->burst, count);
    for (uint32_t i = 0; i < count; i++) {
        pipeline->code->control(pipeline, engine->burst[i]);
        finish_ingress(engine, engine->burst[i]);
    }
}

static void send_packet(struct engine *engine, struct packet *packet)
{
    uint16_t number = packet->queue_port;
    if (number == engine->cpu_port) {
        if (!engine->ports[number] || !engine->ports[number]->used) {
            trace(packet, TRACE_SENT, number);
            uint32_t priority = packet->queue_priority;
            if (!upward_packet(&engine->upward, priority, packet->data, packet->length))
                trace(packet, TRACE_DROPPED, DROP_RING_FULL);
            engine->events_new = true;
            packet_free(packet);
            return;
        }
    }
    struct port *port = number < PORTS ? engine->ports[number] : NULL;
    if (!port) {
        drop_packet(engine, packet, DROP_NO_PORT);
        return;
    }
    line_put(engine, port, packet);
}

void process_egress(struct engine *engine, struct packet *packet, uint32_t *sent_bytes)
{
    struct pipeline *pipeline = packet->pipeline;
    struct standard_metadata *metadata = &packet->standard_metadata;
    struct requests *requests = &packet->requests;
    engine->egress_packets++;
    metadata->egress_global_timestamp = sent_bytes ? since_start_at_us(engine, packet->at_ns) : since_start_us(engine);
    metadata->egress_port = packet->queue_port;
    metadata->packet_length = packet->wire_length;
    packet->counted_length = packet->ingress_length;
    if (__builtin_expect(!packet->deflected, true)) {
        metadata->deq_timedelta = (uint32_t)((packet->at_ns - packet->enqueued_ns) / 1000);
        metadata->egress_spec = pipeline->drop_port ? 0 : 1;
    }
    if (__builtin_expect(packet->trace, 0)) {
        trace_put(packet, TRACE_EGRESS, packet->queue_port,
                  (uint64_t[]){metadata->deq_qdepth, metadata->deq_timedelta}, 16);
        trace_fields(packet);
    }
    pipeline->code->egress(pipeline, packet);
    if (__builtin_expect(requests->clone, false)) {
        clone_from_egress(engine, packet);
        requests->clone = false;
    }
    if (metadata->egress_spec == pipeline->drop_port) {
        drop_queued(engine, packet, DROP_EGRESS);
        return;
    }
    pipeline->code->deparse(pipeline, packet);
    uint32_t longest = requests->truncate < packet->limit ? requests->truncate : packet->limit;
    if (packet->length > longest)
        packet->length = longest;
    if (__builtin_expect(packet->trace, 0))
        trace_put(packet, TRACE_DEPARSED, 0, packet->data, packet->length);
    if (__builtin_expect(requests->recirculate, false)) {
        if (packet->length > LONGEST_FRAME)
            drop_packet(engine, packet, DROP_TOO_LONG);
        else
            again(engine, packet, INSTANCE_RECIRCULATED, requests->recirculate_list);
        return;
    }
    if (sent_bytes)
        *sent_bytes = packet->length;
    send_packet(engine, packet);
}

void process_ready(struct engine *engine)
{
    /* Clones made on the way are appended; what is more than a round's work waits for the next. */
    for (int i = 0; engine->ready_first && i < ROUND; i++) {
        struct packet *packet = engine->ready_first;
        engine->ready_first = packet->next;
        if (!engine->ready_first)
            engine->ready_last = &engine->ready_first;
        process_egress(engine, packet, NULL);
    }
}

void process_pending(struct engine *engine, uint32_t most)
{
    for (uint32_t i = 0; engine->pending_first && i < most; i++) {
        struct packet *packet = engine->pending_first;
        engine->pending_first = packet->next;
        if (!engine->pending_first)
            engine->pending_last = &engine->pending_first;
        engine->pending--;
        packet->standard_metadata.ingress_global_timestamp = since_start_at_us(engine, packet->at_ns);
        process_ingress(engine, packet);
    }
}

void process_receive(struct engine *engine, struct port *port, struct packet *packet)
{
    if (port) {
        port->rx_packets++;
        port->rx_bytes += packet->length;
    }
    if (__builtin_expect(engine->capture && port, false))
        capture_frame(engine->capture, port->number, CAPTURE_IN, packet->at_ns, packet->data, packet->length);
    packet_guard(packet);
    packet->ingress_length = packet->wire_length = packet->length;
    packet->pipeline->code->reset_metadata(packet);
    packet->standard_metadata.ingress_port = port ? port->number : engine->cpu_port;
    packet->standard_metadata.ingress_global_timestamp = since_start_at_us(engine, packet->at_ns);
    if (__builtin_expect(engine->tracing, false))
        trace_begin(engine->tracer, packet, packet->standard_metadata.ingress_port);
    if (!packet->pipeline->far) {
        process_ingress(engine, packet);
        return;
    }
    /* Parsed now, so that what their lookups need can be fetched for all packets of a burst at once. */
    engine->ingress_packets++;
    packet->standard_metadata.packet_length = packet->counted_length = packet->length;
    packet->pipeline->code->parse(packet->pipeline, packet);
    engine->burst[engine->burst_count++] = packet;
    if (engine->burst_count == BURST)
        process_burst(engine);
}
