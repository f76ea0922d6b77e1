/* Half of the memory that is shared with the kernel is for receiving, half for sending. All indices of rings only
 * grow; the kernel owns one of each ring's two. */
#define _GNU_SOURCE
#include "xdp.h"

#include <dirent.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <linux/if_xdp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef AF_XDP
#define AF_XDP 44
#endif
#ifndef SOL_XDP
#define SOL_XDP 283
#endif

enum { RING = 2048, FRAMES = 2 * RING, MOST_KICKS = 64 };

struct xdp_ring {
    uint32_t *producer, *consumer;
    void *entries; /* addresses, or descriptors */
    void *map;
    size_t size;
};

struct xdp {
    int fd, map_fd, program_fd, link_fd;
    uint8_t *memory;
    struct xdp_ring receive, send, fill, completion;
    uint32_t peeked, taken; /* of the receive ring: the next to look at, and what the kernel has back */
    uint32_t free_count;
    uint64_t free[RING]; /* addresses of frames to send from */
    bool pending;        /* frames in the send ring that the kernel has not taken */
};

static int bpf(int command, union bpf_attr *attributes)
{
    return (int)syscall(SYS_bpf, command, attributes, sizeof *attributes);
}

static int make_map(void)
{
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.map_type = BPF_MAP_TYPE_XSKMAP;
    attributes.key_size = attributes.value_size = 4;
    attributes.max_entries = 1;
    return bpf(BPF_MAP_CREATE, &attributes);
}

/* return bpf_redirect_map(map, ctx->rx_queue_index, XDP_PASS) */
static int make_program(int map_fd)
{
    struct bpf_insn code[] = {
        {.code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = 2, .src_reg = 1, .off = offsetof(struct xdp_md, rx_queue_index)},
        {.code = BPF_LD | BPF_IMM | BPF_DW, .dst_reg = 1, .src_reg = BPF_PSEUDO_MAP_FD, .imm = map_fd},
        {.imm = 0},
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 3, .imm = XDP_PASS},
        {.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_redirect_map},
        {.code = BPF_JMP | BPF_EXIT},
    };
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.prog_type = BPF_PROG_TYPE_XDP;
    attributes.insns = (uintptr_t)code;
    attributes.insn_cnt = sizeof code / sizeof *code;
    attributes.license = (uintptr_t) "Apache-2.0";
    return bpf(BPF_PROG_LOAD, &attributes);
}

/* In the driver where it can, else before the kernel's stack. */
static int attach(int program_fd, unsigned index)
{
    const uint32_t modes[] = {XDP_FLAGS_DRV_MODE, XDP_FLAGS_SKB_MODE};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        union bpf_attr attributes;
        memset(&attributes, 0, sizeof attributes);
        attributes.link_create.prog_fd = (uint32_t)program_fd;
        attributes.link_create.target_ifindex = index;
        attributes.link_create.attach_type = BPF_XDP;
        attributes.link_create.flags = modes[i];
        int fd = bpf(BPF_LINK_CREATE, &attributes);
        if (fd >= 0 || errno == EBUSY || errno == EPERM)
            return fd;
    }
    return -1;
}

static bool map_ring(struct xdp *xdp, struct xdp_ring *ring, int option, uint64_t at,
                     const struct xdp_ring_offset *offsets, size_t entry)
{
    int entries = RING;
    if (setsockopt(xdp->fd, SOL_XDP, option, &entries, sizeof entries))
        return false;
    ring->size = offsets->desc + RING * entry;
    void *map = mmap(NULL, ring->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, xdp->fd, (off_t)at);
    if (map == MAP_FAILED)
        return false;
    ring->map = map;
    ring->producer = (uint32_t *)((uint8_t *)map + offsets->producer);
    ring->consumer = (uint32_t *)((uint8_t *)map + offsets->consumer);
    ring->entries = (uint8_t *)map + offsets->desc;
    return true;
}

static bool offsets_of(int fd, struct xdp_mmap_offsets *offsets)
{
    socklen_t size = sizeof *offsets;
    return getsockopt(fd, SOL_XDP, XDP_MMAP_OFFSETS, offsets, &size) == 0;
}

static bool make_rings(struct xdp *xdp)
{
    size_t size = (size_t)FRAMES * XDP_FRAME;
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return false;
    xdp->memory = memory;
    struct xdp_umem_reg area = {
        .addr = (uintptr_t)memory, .len = size, .chunk_size = XDP_FRAME, .headroom = 0};
    if (setsockopt(xdp->fd, SOL_XDP, XDP_UMEM_REG, &area, sizeof area))
        return false;
    struct xdp_mmap_offsets offsets;
    /* The offsets are there before the rings are. */
    if (!offsets_of(xdp->fd, &offsets))
        return false;
    return map_ring(xdp, &xdp->fill, XDP_UMEM_FILL_RING, XDP_UMEM_PGOFF_FILL_RING, &offsets.fr, 8) &&
           map_ring(xdp, &xdp->completion, XDP_UMEM_COMPLETION_RING, XDP_UMEM_PGOFF_COMPLETION_RING, &offsets.cr, 8) &&
           map_ring(xdp, &xdp->receive, XDP_RX_RING, XDP_PGOFF_RX_RING, &offsets.rx, sizeof(struct xdp_desc)) &&
           map_ring(xdp, &xdp->send, XDP_TX_RING, XDP_PGOFF_TX_RING, &offsets.tx, sizeof(struct xdp_desc));
}

static void share_frames(struct xdp *xdp)
{
    for (uint32_t i = 0; i < RING; i++) {
        ((uint64_t *)xdp->fill.entries)[i] = (uint64_t)i * XDP_FRAME;
        xdp->free[xdp->free_count++] = (uint64_t)(RING + i) * XDP_FRAME;
    }
    __atomic_store_n(xdp->fill.producer, RING, __ATOMIC_RELEASE);
}

static bool connect_socket(struct xdp *xdp, unsigned index)
{
    struct sockaddr_xdp address = {.sxdp_family = AF_XDP, .sxdp_ifindex = index, .sxdp_flags = XDP_COPY};
    if (bind(xdp->fd, (struct sockaddr *)&address, sizeof address))
        return false;
    if ((xdp->map_fd = make_map()) < 0 || (xdp->program_fd = make_program(xdp->map_fd)) < 0)
        return false;
    uint32_t queue = 0, fd = (uint32_t)xdp->fd;
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.map_fd = (uint32_t)xdp->map_fd;
    attributes.key = (uintptr_t)&queue;
    attributes.value = (uintptr_t)&fd;
    if (bpf(BPF_MAP_UPDATE_ELEM, &attributes))
        return false;
    xdp->link_fd = attach(xdp->program_fd, index);
    return xdp->link_fd >= 0;
}

/* Frames of other receive queues would pass by. */
static bool one_queue(const char *interface)
{
    char path[64];
    snprintf(path, sizeof path, "/sys/class/net/%.16s/queues", interface);
    DIR *directory = opendir(path);
    if (!directory)
        return true;
    int queues = 0;
    for (const struct dirent *entry; (entry = readdir(directory));)
        queues += !strncmp(entry->d_name, "rx-", 3);
    closedir(directory);
    return queues <= 1;
}

struct xdp *xdp_open(const char *interface, unsigned index, int mtu, int *error)
{
    if (mtu + 18 > XDP_LONGEST || !one_queue(interface)) {
        *error = mtu + 18 > XDP_LONGEST ? EMSGSIZE : EOPNOTSUPP;
        return NULL;
    }
    struct xdp *xdp = calloc(1, sizeof *xdp);
    if (!xdp) {
        *error = ENOMEM;
        return NULL;
    }
    xdp->map_fd = xdp->program_fd = xdp->link_fd = -1;
    xdp->fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (xdp->fd < 0 || !make_rings(xdp) || (share_frames(xdp), !connect_socket(xdp, index))) {
        *error = errno;
        xdp_close(xdp);
        return NULL;
    }
    return xdp;
}

static void close_fd(int fd)
{
    if (fd >= 0)
        close(fd);
}

void xdp_close(struct xdp *xdp)
{
    close_fd(xdp->link_fd); /* detaches the program */
    close_fd(xdp->program_fd);
    close_fd(xdp->map_fd);
    struct xdp_ring *rings[] = {&xdp->receive, &xdp->send, &xdp->fill, &xdp->completion};
    for (size_t i = 0; i < sizeof rings / sizeof *rings; i++)
        if (rings[i]->map)
            munmap(rings[i]->map, rings[i]->size);
    close_fd(xdp->fd);
    if (xdp->memory)
        munmap(xdp->memory, (size_t)FRAMES * XDP_FRAME);
    free(xdp);
}

int xdp_fd(const struct xdp *xdp)
{
    return xdp->fd;
}

/* --- receiving --- */

const uint8_t *xdp_peek(struct xdp *xdp, uint32_t *length)
{
    if (xdp->peeked == __atomic_load_n(xdp->receive.producer, __ATOMIC_ACQUIRE))
        return NULL;
    const struct xdp_desc *found = (const struct xdp_desc *)xdp->receive.entries + xdp->peeked % RING;
    *length = found->len;
    return xdp->memory + found->addr;
}

void xdp_done(struct xdp *xdp)
{
    xdp->peeked++;
}

void xdp_refill(struct xdp *xdp)
{
    uint32_t produced = __atomic_load_n(xdp->fill.producer, __ATOMIC_RELAXED);
    for (; xdp->taken != xdp->peeked; xdp->taken++, produced++) {
        const struct xdp_desc *used = (const struct xdp_desc *)xdp->receive.entries + xdp->taken % RING;
        ((uint64_t *)xdp->fill.entries)[produced % RING] = used->addr / XDP_FRAME * XDP_FRAME;
    }
    __atomic_store_n(xdp->fill.producer, produced, __ATOMIC_RELEASE);
    __atomic_store_n(xdp->receive.consumer, xdp->peeked, __ATOMIC_RELEASE);
}

/* --- sending --- */

static void reclaim(struct xdp *xdp)
{
    uint32_t consumed = __atomic_load_n(xdp->completion.consumer, __ATOMIC_RELAXED);
    uint32_t produced = __atomic_load_n(xdp->completion.producer, __ATOMIC_ACQUIRE);
    for (; consumed != produced && xdp->free_count < RING; consumed++)
        xdp->free[xdp->free_count++] = ((const uint64_t *)xdp->completion.entries)[consumed % RING];
    __atomic_store_n(xdp->completion.consumer, consumed, __ATOMIC_RELEASE);
}

bool xdp_send(struct xdp *xdp, const uint8_t *frame, uint32_t length)
{
    if (!xdp->free_count)
        reclaim(xdp);
    if (!xdp->free_count || length > XDP_LONGEST)
        return false;
    uint64_t address = xdp->free[--xdp->free_count];
    memcpy(xdp->memory + address, frame, length);
    uint32_t produced = __atomic_load_n(xdp->send.producer, __ATOMIC_RELAXED);
    ((struct xdp_desc *)xdp->send.entries)[produced % RING] = (struct xdp_desc){address, length, 0};
    __atomic_store_n(xdp->send.producer, produced + 1, __ATOMIC_RELEASE);
    xdp->pending = true;
    return true;
}

/* The kernel sends some each time that it is asked; what it has no room for now waits for the next time. */
void xdp_kick(struct xdp *xdp)
{
    for (int i = 0; xdp->pending && i < MOST_KICKS; i++) {
        if (sendto(xdp->fd, NULL, 0, MSG_DONTWAIT, NULL, 0) < 0 && errno != EAGAIN && errno != EBUSY && errno != ENOBUFS)
            break;
        uint32_t consumed = __atomic_load_n(xdp->send.consumer, __ATOMIC_ACQUIRE);
        xdp->pending = consumed != __atomic_load_n(xdp->send.producer, __ATOMIC_RELAXED);
    }
    reclaim(xdp);
}
