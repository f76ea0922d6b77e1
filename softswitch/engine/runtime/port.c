/* Ports: which there are, on which interfaces, and whether those are there and up. What moves frames is in receive.c
 * and transmit.c. Memory ports have no interface. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "link.h"
#include "profile.h"

int port_fd(const struct port *port)
{
    return !port->link ? -1 : port->link->xdp ? xdp_fd(port->link->xdp) : port->link->receive_fd;
}

static void link_close(struct engine *engine, struct port *port, struct link *link)
{
    transmit_close(engine, port, link);
    if (link->xdp)
        xdp_close(link->xdp);
    receive_close(link);
    free(link);
}

static bool interface_ioctl(unsigned long what, struct ifreq *request)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    bool done = ioctl(fd, what, request) == 0;
    close(fd);
    return done;
}

static bool interface_request(const char *name, unsigned long what, struct ifreq *request)
{
    memset(request, 0, sizeof *request);
    snprintf(request->ifr_name, sizeof request->ifr_name, "%s", name);
    return interface_ioctl(what, request);
}

static bool interface_up(const char *name)
{
    struct ifreq request;
    return interface_request(name, SIOCGIFFLAGS, &request) && (request.ifr_flags & IFF_UP) &&
           (request.ifr_flags & IFF_RUNNING);
}

/* Between veth interfaces nothing is damaged, nor is a checksum finished that nobody on a wire would look at. */
static bool is_veth(const char *name)
{
    struct ethtool_drvinfo driver = {.cmd = ETHTOOL_GDRVINFO};
    struct ifreq request;
    memset(&request, 0, sizeof request);
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
    request.ifr_data = (char *)&driver;
    return interface_ioctl(SIOCETHTOOL, &request) && !strcmp(driver.driver, "veth");
}

static bool open_xdp(struct link *link, const char *name)
{
    struct ifreq request;
    int error = ENODEV;
    if (interface_request(name, SIOCGIFMTU, &request))
        link->xdp = xdp_open(name, link->index, request.ifr_mtu, &error);
    if (!link->xdp) {
        errno = error;
        return false;
    }
    link->checksums_unsaid = is_veth(name);
    /* Frames for anybody arrive, as long as this socket is open. */
    link->receive_fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    struct packet_mreq everything = {.mr_ifindex = (int)link->index, .mr_type = PACKET_MR_PROMISC};
    return link->receive_fd >= 0 &&
           !setsockopt(link->receive_fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &everything, sizeof everything);
}

static bool open_sockets(struct link *link, const struct port *port)
{
    struct ifreq request;
    return interface_request(port->name, SIOCGIFMTU, &request) && transmit_open(link) &&
           receive_open(link, request.ifr_mtu, port->plugged);
}

static struct link *link_open(struct engine *engine, struct port *port, int *error)
{
    struct link *link = calloc(1, sizeof *link);
    if (!link) {
        *error = ENOMEM;
        return NULL;
    }
    link->receive_fd = link->send_fd = -1;
    link->index = if_nametoindex(port->name);
    link->empty_ns = link->until_ns = engine->now_ns;
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = port->number};
    if (!link->index)
        errno = ENODEV;
    bool open = link->index && (port->xdp ? open_xdp(link, port->name) : open_sockets(link, port));
    int fd = link->xdp ? xdp_fd(link->xdp) : link->receive_fd;
    if (!open || epoll_ctl(engine->epoll_fd, EPOLL_CTL_ADD, fd, &event)) {
        *error = errno;
        link_close(engine, port, link);
        return NULL;
    }
    return link;
}

/* Whether its frames do not say when they came. */
static bool untimed(const struct port *port)
{
    return port->memory || port->xdp;
}

/* Groups leave out the members whose port is down; whoever watches the ports is told. */
static void ports_changed(struct engine *engine)
{
    refill_groups(engine);
    if (engine->changed_fd >= 0)
        signal_fd(engine->changed_fd);
}

struct port *port_open(struct engine *engine, uint16_t number, const char *interface, enum port_kind kind, int *error)
{
    struct port *port = calloc(1, sizeof *port);
    if (!port) {
        *error = ENOMEM;
        return NULL;
    }
    port->number = number;
    port->xdp = kind == PORT_XDP;
    port->plugged = kind == PORT_PLUGGED;
    port->used = port->up = true;
    queue_open(&port->scheduler, engine->default_depth);
    if (interface) {
        snprintf(port->name, sizeof port->name, "%s", interface);
        port->link = link_open(engine, port, error);
        if (!port->link && !(port->plugged && *error == ENODEV)) {
            free(port);
            return NULL;
        }
        port->up = port->link && interface_up(port->name);
    } else {
        port->memory = true;
    }
    if (engine->capture && (*error = capture_add(engine->capture, number, port->name))) {
        if (port->link)
            link_close(engine, port, port->link);
        free(port);
        return NULL;
    }
    engine->ports[number] = port;
    engine->up[number] = port->up;
    engine->active[engine->active_count++] = number;
    engine->untimed_count += untimed(port);
    ports_changed(engine);
    return port;
}

bool port_watch(struct engine *engine, struct port *port)
{
    if (port->watch)
        return true;
    port->watch = watch_open(engine->now_ns - engine->start_ns);
    if (!port->watch)
        return false;
    for (uint32_t i = 0; i < PRIORITIES; i++)
        port->watch->films[i].depth = port->watch->films[i].open.depth = port->scheduler.queues[i].depth;
    port->watch->stirred = true;
    engine->watched[engine->watched_count++] = port->number;
    engine->planned_ns = engine->now_ns;
    return true;
}

void port_unwatch(struct engine *engine, struct port *port)
{
    watch_close(port->watch);
    port->watch = NULL;
    for (uint32_t i = 0; i < engine->watched_count; i++)
        if (engine->watched[i] == port->number)
            engine->watched[i] = engine->watched[--engine->watched_count];
}

void port_close(struct engine *engine, struct port *port)
{
    port_unwatch(engine, port);
    queue_clear(engine, port);
    if (port->link)
        link_close(engine, port, port->link);
    engine->untimed_count -= untimed(port);
    engine->ports[port->number] = NULL;
    engine->up[port->number] = false;
    for (uint32_t i = 0; i < engine->active_count; i++)
        if (engine->active[i] == port->number)
            engine->active[i] = engine->active[--engine->active_count];
    free(port);
    ports_changed(engine);
}

int netlink_open(void)
{
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
    struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};
    if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address)) {
        close(fd);
        return -1;
    }
    return fd;
}

void ports_check(struct engine *engine)
{
    bool changed = false;
    for (uint32_t i = 0; i < engine->active_count; i++) {
        struct port *port = engine->ports[engine->active[i]];
        if (port->memory)
            continue;
        unsigned index = if_nametoindex(port->name);
        if (port->link && port->link->index != index) {
            link_close(engine, port, port->link);
            port->link = NULL;
            changed = true;
        }
        int error = 0;
        if (!port->link && index && (port->link = link_open(engine, port, &error)))
            changed = true;
        bool up = port->link && interface_up(port->name);
        changed |= up != port->up;
        port->up = engine->up[port->number] = up;
    }
    if (changed)
        ports_changed(engine);
}

void refill_groups(struct engine *engine)
{
    struct pipeline *pipeline = engine->pipeline;
    for (uint32_t i = 0; pipeline && i < pipeline->code->profile_count; i++)
        for (uint32_t g = 0; g < pipeline->profiles[i].group_high; g++)
            if (pipeline->profiles[i].groups[g].used)
                group_fill(&pipeline->profiles[i].groups[g], engine->up, PORTS);
}
