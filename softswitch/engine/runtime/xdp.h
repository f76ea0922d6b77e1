/* An AF_XDP socket on an interface: frames to and from the driver by shared rings, past the kernel's stack.
 *
 * A program of five instructions is attached to the interface and leads its frames here; it goes with the
 * socket, however the process ends. Only the worker calls xdp_peek, xdp_done and xdp_send. */
#ifndef P4_XDP_H
#define P4_XDP_H

#include "packet.h"

enum { XDP_FRAME = 4096, XDP_HEADROOM = 256, XDP_LONGEST = XDP_FRAME - XDP_HEADROOM };

struct xdp;

/* NULL, and an errno: EMSGSIZE, an MTU that frames do not fit in; EOPNOTSUPP, more than one receive queue. */
struct xdp *xdp_open(const char *interface, unsigned index, int mtu, int *error);
void xdp_close(struct xdp *xdp);
int xdp_fd(const struct xdp *xdp);

/* The oldest frame that has come, or NULL; it stays until xdp_done. */
const uint8_t *xdp_peek(struct xdp *xdp, uint32_t *length);
void xdp_done(struct xdp *xdp);
void xdp_refill(struct xdp *xdp); /* after a burst: the kernel may have the frames again */

/* Whether there was room for it; it is on its way after xdp_kick. */
bool xdp_send(struct xdp *xdp, const uint8_t *frame, uint32_t length);
void xdp_kick(struct xdp *xdp);

#endif
