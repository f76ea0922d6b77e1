/* Tool of latency.py: `latency IF-OUT IF-IN FRAME-HEX COUNT PAUSE-US` sends a frame at a time and prints of each, on a
 * line, the nanoseconds until it had come: from before it is given to the kernel until the kernel has it again. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { LONGEST = 2048, MARK = 8 };

static uint64_t ns_of(const struct timespec *time)
{
    return (uint64_t)time->tv_sec * 1000000000 + (uint64_t)time->tv_nsec;
}

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time); /* as the kernel stamps packets */
    return ns_of(&time);
}

static int open_socket(const char *name, int protocol)
{
    int fd = socket(AF_PACKET, SOCK_RAW, 0), one = 1;
    struct timeval patience = {1, 0};
    setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof one);
    setsockopt(fd, SOL_PACKET, 23, &one, sizeof one); /* PACKET_IGNORE_OUTGOING */
    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof one);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(name)};
    address.sll_protocol = htons((uint16_t)protocol);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address))
        return perror(name), exit(1), -1;
    return fd;
}

/* When the kernel had the frame that ends with this mark; 0: it was lost. */
static uint64_t arrival(int fd, uint64_t mark)
{
    for (;;) {
        uint8_t frame[LONGEST], control[256];
        struct iovec vector = {frame, sizeof frame};
        struct msghdr message = {
            .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
        ssize_t size = recvmsg(fd, &message, 0);
        if (size < 0)
            return 0;
        if (size < MARK || memcmp(frame + size - MARK, &mark, MARK))
            continue;
        for (struct cmsghdr *at = CMSG_FIRSTHDR(&message); at; at = CMSG_NXTHDR(&message, at))
            if (at->cmsg_level == SOL_SOCKET && at->cmsg_type == SCM_TIMESTAMPNS) {
                struct timespec time;
                memcpy(&time, CMSG_DATA(at), sizeof time);
                return ns_of(&time);
            }
    }
}

int main(int count, char **words)
{
    if (count != 6)
        return 2;
    uint8_t frame[LONGEST];
    int size = 0, out = open_socket(words[1], 0), in = open_socket(words[2], ETH_P_ALL);
    for (const char *at = words[3]; at[0] && at[1] && size < LONGEST; at += 2) {
        unsigned byte;
        sscanf(at, "%2x", &byte);
        frame[size++] = (uint8_t)byte;
    }
    struct timespec pause = {0, atol(words[5]) * 1000};
    for (long left = atol(words[4]); left > 0 && size > MARK; left--) {
        uint64_t begin = now();
        memcpy(frame + size - MARK, &begin, MARK);
        if (send(out, frame, (size_t)size, 0) != size)
            return perror("send"), 1;
        uint64_t end = arrival(in, begin);
        printf("%lld\n", end ? (long long)(end - begin) : -1);
        nanosleep(&pause, NULL);
    }
    return 0;
}
