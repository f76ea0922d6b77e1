/* Tools of forwarding.py, one process each: `send IF FRAME-HEX SECONDS` sends as fast as it can, `sink IF SECONDS`
 * counts what arrives and prints packets/s, `forward IF-IN IF-OUT SECONDS` is a bare AF_PACKET forwarder. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { FRAME = 2048, FRAMES = 4096, LARGEST = 9216, BURST = 64 };

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static int open_socket(const char *name, int protocol, uint8_t **ring)
{
    int fd = socket(AF_PACKET, SOCK_RAW, 0), one = 1, version = TPACKET_V2, room = 4 << 20;
    if (ring) {
        struct tpacket_req request = {FRAME * 16, FRAMES / 16, FRAME, FRAMES};
        setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof version);
        if (setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &request, sizeof request))
            return perror("ring"), exit(1), -1;
        *ring = mmap(NULL, FRAME * FRAMES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        setsockopt(fd, SOL_PACKET, 23, &one, sizeof one);
    } else {
        setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof one);
        setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room);
    }
    struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(name)};
    address.sll_protocol = htons((uint16_t)protocol);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address))
        return perror(name), exit(1), -1;
    return fd;
}

static void send_all(int fd, struct iovec *vectors, int count)
{
    struct mmsghdr messages[BURST] = {0};
    for (int i = 0; i < count; i++) {
        messages[i].msg_hdr.msg_iov = &vectors[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    for (int at = 0; at < count;) {
        int sent = sendmmsg(fd, messages + at, (unsigned)(count - at), 0);
        at += sent > 0 ? sent : 1;
    }
}

/* Calls with up to BURST frames at a time; a frame lives until the call returns. */
static uint64_t receive(int fd, uint8_t *ring, double until, int out)
{
    uint64_t total = 0;
    for (uint32_t next = 0; now() < until;) {
        struct iovec vectors[BURST];
        struct tpacket2_hdr *headers[BURST];
        int count = 0;
        while (count < BURST) {
            struct tpacket2_hdr *header = (struct tpacket2_hdr *)(ring + (size_t)next * FRAME);
            if (!(__atomic_load_n(&header->tp_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER))
                break;
            vectors[count] = (struct iovec){(uint8_t *)header + header->tp_mac, header->tp_snaplen};
            headers[count++] = header;
            next = (next + 1) % FRAMES;
        }
        if (out >= 0 && count)
            send_all(out, vectors, count);
        for (int i = 0; i < count; i++)
            __atomic_store_n(&headers[i]->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
        total += (uint64_t)count;
        if (!count) {
            struct pollfd waiting = {fd, POLLIN, 0};
            poll(&waiting, 1, 100);
        }
    }
    return total;
}

int main(int count, char **words)
{
    uint8_t *ring;
    if (count == 5 && !strcmp(words[1], "send")) {
        uint8_t frame[LARGEST];
        int size = 0, fd = open_socket(words[2], 0, NULL);
        for (const char *at = words[3]; at[0] && at[1] && size < LARGEST; at += 2) {
            unsigned byte;
            sscanf(at, "%2x", &byte);
            frame[size++] = (uint8_t)byte;
        }
        struct iovec vectors[BURST];
        for (int i = 0; i < BURST; i++)
            vectors[i] = (struct iovec){frame, (size_t)size};
        uint64_t total = 0;
        double begin = now();
        while (now() - begin < atof(words[4])) {
            send_all(fd, vectors, BURST);
            total += BURST;
        }
        printf("%.0f\n", (double)total / (now() - begin));
    } else if (count == 4 && !strcmp(words[1], "sink")) {
        /* Counts by the interface's own statistics, which cost nothing. */
        char path[128], text[32];
        unsigned long long before = 0, after = 0;
        snprintf(path, sizeof path, "/sys/class/net/%s/statistics/rx_packets", words[2]);
        for (int i = 0; i < 2; i++) {
            FILE *file = fopen(path, "r");
            if (!file || !fgets(text, sizeof text, file))
                return perror(path), 1;
            fclose(file);
            before = after;
            after = strtoull(text, NULL, 10);
            if (!i)
                usleep((useconds_t)(atof(words[3]) * 1e6));
        }
        printf("%.0f\n", (double)(after - before) / atof(words[3]));
    } else if (count == 5 && !strcmp(words[1], "forward")) {
        int out = open_socket(words[3], 0, NULL), in = open_socket(words[2], ETH_P_ALL, &ring);
        receive(in, ring, now() + atof(words[4]), out);
    } else {
        return 2;
    }
    return 0;
}
