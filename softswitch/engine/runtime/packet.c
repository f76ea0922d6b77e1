/* The pool of packet buffers of one pipeline: grows by chunks up to a limit, hands out the buffer that was
 * given back last, which is likely still in the cache. */
#include <stdlib.h>
#include <sys/mman.h>

#include "engine.h"
#include "trace.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#endif

enum { CHUNK = 64, MOST_CHUNKS = 512, KEPT_CHUNKS = 64, TAIL_ROOM = 64, TAG_ROOM = 4 };

static uint32_t round_up(uint32_t value, uint32_t to)
{
    return (value + to - 1) / to * to;
}

struct pool *pool_open(uint32_t phv_size, uint32_t header_room)
{
    struct pool *pool = calloc(1, sizeof *pool);
    if (!pool)
        return NULL;
    pool->frame_offset = round_up((uint32_t)sizeof(struct packet) + phv_size + header_room + TAG_ROOM, 64);
    pool->size = round_up(pool->frame_offset + LONGEST_FRAME + TAIL_ROOM, 64);
    pool->limit_chunks = MOST_CHUNKS;
    pool->chunks = calloc(MOST_CHUNKS, sizeof *pool->chunks);
    if (!pool->chunks) {
        free(pool);
        return NULL;
    }
    return pool;
}

void pool_close(struct pool *pool)
{
    for (uint32_t i = 0; i < pool->chunk_count; i++) {
        ASAN_UNPOISON_MEMORY_REGION(pool->chunks[i], (size_t)pool->size * CHUNK);
        munmap(pool->chunks[i], (size_t)pool->size * CHUNK);
    }
    free(pool->chunks);
    free(pool);
}

bool pool_scarce(const struct pool *pool)
{
    return pool->outstanding >= (uint64_t)(pool->limit_chunks - KEPT_CHUNKS) * CHUNK;
}

static bool add_chunk(struct pool *pool)
{
    if (pool->chunk_count == pool->limit_chunks)
        return false;
    void *chunk = mmap(NULL, (size_t)pool->size * CHUNK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (chunk == MAP_FAILED)
        return false;
    pool->chunks[pool->chunk_count++] = chunk;
    for (uint32_t i = CHUNK; i-- > 0;) {
        struct packet *packet = (struct packet *)((uint8_t *)chunk + (size_t)i * pool->size);
        packet->next = pool->free;
        pool->free = packet;
    }
    return true;
}

struct packet *packet_new(struct pipeline *pipeline)
{
    struct pool *pool = pipeline->pool;
    if (!pool->free && !add_chunk(pool))
        return NULL;
    struct packet *packet = pool->free;
    pool->free = packet->next;
    pool->outstanding++;
    ASAN_UNPOISON_MEMORY_REGION(packet, pool->size);
    packet->next = NULL;
    packet->pipeline = pipeline;
    packet->data = (uint8_t *)packet + pool->frame_offset;
    packet->parsed = 0;
    packet->trace = 0;
    packet->deflected = false;
    packet->limit = NO_TRUNCATION;
    packet->at_ns = *pipeline->now_ns;
    memset(&packet->requests, 0, sizeof packet->requests);
    packet->requests.truncate = NO_TRUNCATION;
    return packet;
}

void packet_free(struct packet *packet)
{
    struct pool *pool = packet->pipeline->pool;
    trace(packet, TRACE_END, 0);
    packet->next = pool->free;
    pool->free = packet;
    pool->outstanding--;
}

struct packet *packet_copy(struct packet *packet)
{
    struct packet *copy = packet_new(packet->pipeline);
    if (!copy)
        return NULL;
    copy->data = (uint8_t *)copy + (packet->data - (uint8_t *)packet);
    copy->length = packet->length;
    copy->parsed = packet->parsed;
    copy->ingress_length = packet->ingress_length;
    copy->wire_length = packet->wire_length;
    copy->limit = packet->limit;
    copy->at_ns = packet->at_ns;
    copy->standard_metadata = packet->standard_metadata;
    memcpy(copy->phv, packet->phv, packet->pipeline->code->phv_size);
    memcpy(copy->data, packet->data, packet->length);
    packet_guard(copy);
    return copy;
}

void packet_settle(struct packet *packet)
{
    struct pool *pool = packet->pipeline->pool;
    ASAN_UNPOISON_MEMORY_REGION(packet, pool->size);
    uint8_t *begin = (uint8_t *)packet + pool->frame_offset;
    memmove(begin, packet->data, packet->length);
    packet->data = begin;
    packet_guard(packet);
}

void packet_guard(struct packet *packet)
{
    uint8_t *end = packet->data + packet->length, *limit = (uint8_t *)packet + packet->pipeline->pool->size;
    ASAN_POISON_MEMORY_REGION(end, (size_t)(limit - end));
}
