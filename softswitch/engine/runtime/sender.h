/* Threads that send for the worker, one for a share of the ports: what the kernel does to send a frame is half of the
 * work. Everything else about packets, and with it all state of the program, stays the worker's.
 *
 * A sender and the worker share a ring: the worker writes frames into it, the sender sends them, the worker takes
 * back what was sent. Neither waits for a lock. */
#ifndef P4_SENDER_H
#define P4_SENDER_H

#include "engine.h"

bool senders_open(struct engine *engine, uint32_t count); /* before there are ports */
void senders_close(struct engine *engine);

/* The worker's, or of whoever has parked it. */
void sender_give(struct engine *engine, struct port *port, struct packet *const *packets, uint32_t count);
void senders_settle(struct engine *engine); /* take back what was sent */
bool senders_busy(const struct engine *engine); /* something is to be taken back, or will be */
void senders_wait(struct engine *engine); /* until nothing is */

#endif
