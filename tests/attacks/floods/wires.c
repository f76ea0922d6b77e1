/* Tools of the floods, one process each.
 *
 * `flood IF FRAMES RATE SECONDS` sends the frames of a file in turns, RATE a second, and prints how many it sent and in
 * how many seconds. The file holds each frame behind its length (2 bytes, big endian). On a machine that lets it run
 * less, it goes on until a quarter of RATE * SECONDS is sent, for ten times as long at most.
 *
 * `measure RATE SECONDS [IF-OUT IF-IN FRAME-HEX]...` sends a numbered copy of each frame RATE times a second until its
 * input ends, for SECONDS at most, and prints for each a line: sent, received, median and 99th percentile of the
 * nanoseconds from before a copy is given to the kernel until the kernel has it again. What comes late has come: it ends
 * when all have, or when none has for some seconds. The last 16 bytes of a frame are the number's. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { LONGEST = 2048, BURST = 64, MOST_FLOWS = 16, MOST_LATE = 250, FEWEST = 4, LONGEST_RUN = 10 };
#define SECOND UINT64_C(1000000000)
#define STRAGGLERS_NS (3 * SECOND)

static uint64_t now(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * SECOND + (uint64_t)time.tv_nsec;
}

static void wait_until(uint64_t ns)
{
    struct timespec time = {(time_t)(ns / SECOND), (long)(ns % SECOND)};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL);
}

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void *room(size_t count, size_t size)
{
    void *made = calloc(count, size);
    if (!made)
        fail("memory");
    return made;
}

static int open_wire(const char *name, uint16_t protocol)
{
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), one = 1, buffer = 8 << 20;
    setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof one);
    setsockopt(fd, SOL_PACKET, 23, &one, sizeof one); /* PACKET_IGNORE_OUTGOING */
    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof one);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof buffer);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer);
    struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(protocol)};
    address.sll_ifindex = (int)if_nametoindex(name);
    if (fd < 0 || !address.sll_ifindex || bind(fd, (struct sockaddr *)&address, sizeof address))
        fail(name);
    return fd;
}

/* --- flood --- */

static struct iovec *read_frames(const char *path, size_t *count)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        fail(path);
    struct iovec *frames = NULL;
    uint8_t size[2];
    for (*count = 0; fread(size, 1, 2, file) == 2; (*count)++) {
        size_t length = (size_t)size[0] << 8 | size[1];
        frames = realloc(frames, (*count + 1) * sizeof *frames);
        if (!frames)
            fail("memory");
        frames[*count] = (struct iovec){room(1, length), length};
        if (fread(frames[*count].iov_base, 1, length, file) != length)
            fail(path);
    }
    fclose(file);
    return frames;
}

static int flood(char **words)
{
    size_t count, next = 0;
    struct iovec *frames = read_frames(words[1], &count);
    uint64_t rate = (uint64_t)atoll(words[2]), total = 0, owed = 0;
    uint64_t length = (uint64_t)(atof(words[3]) * (double)SECOND);
    int fd = open_wire(words[0], 0);
    uint64_t begin = now(CLOCK_MONOTONIC), at;
    if (!count || !rate)
        return 2;
    uint64_t fewest = length / FEWEST * rate / SECOND;
    while ((at = now(CLOCK_MONOTONIC)) - begin < (total < fewest ? LONGEST_RUN : 1) * length) {
        uint64_t due = (at - begin) * rate / SECOND - owed;
        if (due > MOST_LATE) { /* whoever was not let run does not send it all at once */
            owed += due - MOST_LATE;
            due = MOST_LATE;
        }
        for (uint64_t left = due; left;) {
            struct mmsghdr messages[BURST] = {0};
            unsigned some = left < BURST ? (unsigned)left : BURST;
            for (unsigned i = 0; i < some; i++, next = (next + 1) % count) {
                messages[i].msg_hdr.msg_iov = &frames[next];
                messages[i].msg_hdr.msg_iovlen = 1;
            }
            for (unsigned done = 0; done < some;) {
                int sent = sendmmsg(fd, messages + done, some - done, 0);
                if (sent < 0 && errno != EINTR && errno != ENOBUFS)
                    fail("send");
                total += sent > 0 ? (unsigned)sent : 0;
                done += sent > 0 ? (unsigned)sent : errno == ENOBUFS;
            }
            left -= some;
        }
        owed += due;
        wait_until(at + SECOND / 2000);
    }
    printf("%llu %.6f\n", (unsigned long long)total, (double)(now(CLOCK_MONOTONIC) - begin) / (double)SECOND);
    return 0;
}

/* --- measure --- */

struct mark {
    uint32_t magic, flow;
    uint64_t number;
};

enum { MAGIC = 0x464c4f44 };

struct flow {
    uint8_t frame[LONGEST];
    size_t size;
    int out, in;
    uint64_t sent, received;
    uint64_t *sent_at; /* by number; 0 once it has come */
    uint64_t *took;    /* in the order of coming */
};

/* How many of the datagrams have come. */
static uint64_t receive(int fd, struct flow *flows, uint32_t flow_count)
{
    for (uint64_t count = 0;;) {
        uint8_t frame[LONGEST], control[256];
        struct iovec vector = {frame, sizeof frame};
        struct msghdr message = {
            .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
        ssize_t size = recvmsg(fd, &message, MSG_DONTWAIT);
        if (size < 0)
            return count;
        struct mark mark;
        if (size < (ssize_t)sizeof mark)
            continue;
        memcpy(&mark, frame + size - sizeof mark, sizeof mark);
        if (mark.magic != MAGIC || mark.flow >= flow_count || flows[mark.flow].in != fd)
            continue;
        struct flow *flow = &flows[mark.flow];
        if (mark.number >= flow->sent || !flow->sent_at[mark.number])
            continue;
        uint64_t came = now(CLOCK_REALTIME);
        for (struct cmsghdr *at = CMSG_FIRSTHDR(&message); at; at = CMSG_NXTHDR(&message, at))
            if (at->cmsg_level == SOL_SOCKET && at->cmsg_type == SCM_TIMESTAMPNS) {
                struct timespec time;
                memcpy(&time, CMSG_DATA(at), sizeof time);
                came = (uint64_t)time.tv_sec * SECOND + (uint64_t)time.tv_nsec;
            }
        uint64_t sent_at = flow->sent_at[mark.number];
        flow->took[flow->received++] = came > sent_at ? came - sent_at : 0;
        flow->sent_at[mark.number] = 0;
        count++;
    }
}

static int by_value(const void *one, const void *other)
{
    uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)other;
    return a < b ? -1 : a > b;
}

static int socket_of(char **names, int *fds, uint32_t *count, char *name)
{
    for (uint32_t i = 0; i < *count; i++)
        if (!strcmp(names[i], name))
            return fds[i];
    names[*count] = name;
    fds[*count] = open_wire(name, ETH_P_ALL);
    return fds[(*count)++];
}

static int measure(int count, char **words)
{
    static struct flow flows[MOST_FLOWS];
    char *names[2 * MOST_FLOWS];
    int fds[2 * MOST_FLOWS];
    uint32_t wires = 0, flow_count = 0;
    uint64_t pause = SECOND / (uint64_t)atoll(words[0]), rounds = (uint64_t)(atof(words[1]) * atof(words[0]));
    for (char **at = words + 2; at + 3 <= words + count && flow_count < MOST_FLOWS; at += 3) {
        struct flow *flow = &flows[flow_count++];
        flow->out = socket_of(names, fds, &wires, at[0]);
        flow->in = socket_of(names, fds, &wires, at[1]);
        flow->sent_at = room(rounds, sizeof *flow->sent_at);
        flow->took = room(rounds, sizeof *flow->took);
        unsigned byte;
        for (const char *hex = at[2]; sscanf(hex, "%2x", &byte) == 1 && flow->size < LONGEST; hex += 2)
            flow->frame[flow->size++] = (uint8_t)byte;
        if (flow->size < sizeof(struct mark))
            return 2;
    }
    struct sched_param soon = {.sched_priority = 1}; /* late stamps would be taken for a slow switch */
    sched_setscheduler(0, SCHED_RR, &soon);
    struct pollfd polled[2 * MOST_FLOWS + 1];
    for (uint32_t i = 0; i < wires; i++)
        polled[i] = (struct pollfd){fds[i], POLLIN, 0};
    polled[wires] = (struct pollfd){STDIN_FILENO, POLLIN, 0};
    uint64_t next = now(CLOCK_MONOTONIC), end = 0, under_way = 0;
    for (uint64_t round = 0; !end || (under_way && now(CLOCK_MONOTONIC) < end);) {
        uint64_t at = now(CLOCK_MONOTONIC);
        if (round < rounds && at >= next) {
            for (uint32_t i = 0; i < flow_count; i++) {
                struct flow *flow = &flows[i];
                struct mark mark = {MAGIC, i, round};
                memcpy(flow->frame + flow->size - sizeof mark, &mark, sizeof mark);
                flow->sent_at[round] = now(CLOCK_REALTIME);
                flow->sent++;
                under_way++;
                if (send(flow->out, flow->frame, flow->size, 0) != (ssize_t)flow->size)
                    fail("send");
            }
            round++;
            next += pause;
            if (at >= next + SECOND / 10) /* whoever was not let run does not send it all at once */
                next = at;
            continue;
        }
        if (round == rounds && !end)
            end = at + STRAGGLERS_NS;
        uint64_t wait = round < rounds ? next - at : SECOND / 100;
        struct timespec time = {(time_t)(wait / SECOND), (long)(wait % SECOND)};
        ppoll(polled, wires + 1, &time, NULL);
        if (polled[wires].revents) { /* it is enough */
            rounds = round;
            polled[wires].fd = -1;
            polled[wires].revents = 0;
        }
        for (uint32_t i = 0; i < wires; i++) {
            uint64_t came = polled[i].revents ? receive(fds[i], flows, flow_count) : 0;
            under_way -= came;
            if (came && end)
                end = now(CLOCK_MONOTONIC) + STRAGGLERS_NS;
        }
    }
    for (uint32_t i = 0; i < flow_count; i++) {
        struct flow *flow = &flows[i];
        qsort(flow->took, flow->received, sizeof *flow->took, by_value);
        uint64_t none = 0, *took = flow->received ? flow->took : &none;
        printf("%llu %llu %llu %llu\n", (unsigned long long)flow->sent, (unsigned long long)flow->received,
               (unsigned long long)took[flow->received / 2], (unsigned long long)took[flow->received * 99 / 100]);
    }
    return 0;
}

int main(int count, char **words)
{
    if (count == 6 && !strcmp(words[1], "flood"))
        return flood(words + 2);
    if (count >= 7 && !strcmp(words[1], "measure"))
        return measure(count - 2, words + 2);
    fprintf(stderr, "flood IF FRAMES RATE SECONDS | measure RATE SECONDS [IF-OUT IF-IN FRAME-HEX]...\n");
    return 2;
}
