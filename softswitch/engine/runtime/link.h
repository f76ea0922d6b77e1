/* What a port has of its interface: sockets, rings, and frames that are under way. port.c opens and closes it;
 * receive.c and transmit.c each know their half. All of it is the worker's, but for `send_fd` (sender.h). */
#ifndef P4_LINK_H
#define P4_LINK_H

#include <linux/virtio_net.h>

#include "engine.h"
#include "segment.h"
#include "xdp.h"

struct link {
    struct xdp *xdp; /* NULL: the sockets and the ring are used */
    int receive_fd, send_fd;
    unsigned index;
    bool checksums_unsaid; /* AF_XDP: frames come with checksums that the sender has left to a card */

    /* receive.c */
    uint8_t *ring;
    size_t ring_size;
    uint32_t slot, slots, next; /* bytes of a slot, how many there are, which one is looked at next */
    uint64_t empty_ns; /* when nothing was left in the ring, so that what is there now came later */
    uint64_t until_ns; /* what came until then has been taken */
    struct segments segments; /* of `offloaded`, which came at `offloaded_ns` */
    uint8_t *offloaded;       /* NULL: none has come yet */
    uint64_t offloaded_ns;

    /* transmit.c */
    struct packet *sending[SEND_BURST];
    uint32_t sending_count;
};

/* A socket with its ring (`small`: for one of many ports), bound to `index`; or an errno. */
bool receive_open(struct link *link, int mtu, bool small);
void receive_close(struct link *link);
bool transmit_open(struct link *link);
void transmit_close(struct engine *engine, struct port *port, struct link *link); /* what waits is dropped */

#endif
