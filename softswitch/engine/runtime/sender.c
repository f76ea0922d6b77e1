/* The three indices of a ring only grow: `given` by the worker, `sent` by the sender, `settled` by the worker again. */
#define _GNU_SOURCE
#include "sender.h"

#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { RING = 4096, LOOKS = 200 };

struct frame {
    struct port *port;
    struct packet *packet;
    uint8_t outcome;
};

struct sender {
    pthread_t thread;
    int wake_fd;
    bool running, stopping, asleep;
    _Alignas(64) uint32_t given;
    _Alignas(64) uint32_t sent;
    _Alignas(64) uint32_t settled;
    struct frame frames[RING];
};

/* How many frames wait; 0 only when it is time to end. */
static uint32_t wait_for_frames(struct sender *sender)
{
    for (int look = 0;; look++) {
        uint32_t waiting = __atomic_load_n(&sender->given, __ATOMIC_SEQ_CST) - sender->sent;
        if (waiting)
            return waiting;
        if (__atomic_load_n(&sender->stopping, __ATOMIC_ACQUIRE))
            return 0;
        if (look < LOOKS)
            continue;
        /* Whoever gives a frame looks at `asleep` behind it, and this looks at `given` behind that. */
        __atomic_store_n(&sender->asleep, true, __ATOMIC_SEQ_CST);
        if (__atomic_load_n(&sender->given, __ATOMIC_SEQ_CST) == sender->sent) {
            uint64_t value;
            ssize_t got = read(sender->wake_fd, &value, sizeof value);
            (void)got;
        }
        __atomic_store_n(&sender->asleep, false, __ATOMIC_SEQ_CST);
        look = 0;
    }
}

static void *send_frames(void *argument)
{
    struct sender *sender = argument;
    for (uint32_t waiting; (waiting = wait_for_frames(sender));) {
        struct packet *packets[SEND_BURST];
        uint8_t outcomes[SEND_BURST];
        struct port *port = sender->frames[sender->sent % RING].port;
        uint32_t count = 0;
        for (; count < waiting && count < SEND_BURST; count++) {
            const struct frame *next = &sender->frames[(sender->sent + count) % RING];
            if (next->port != port)
                break;
            packets[count] = next->packet;
        }
        port_transmit(port, packets, count, outcomes);
        for (uint32_t i = 0; i < count; i++)
            sender->frames[(sender->sent + i) % RING].outcome = outcomes[i];
        __atomic_store_n(&sender->sent, sender->sent + count, __ATOMIC_RELEASE);
    }
    return NULL;
}

bool senders_open(struct engine *engine, uint32_t count)
{
    if (count > MOST_SENDERS || engine->sender_count || engine->active_count)
        return false;
    sigset_t all, before;
    sigfillset(&all);
    for (uint32_t i = 0; i < count; i++) {
        struct sender *sender = aligned_alloc(64, sizeof *sender);
        if (!sender)
            return false;
        memset(sender, 0, sizeof *sender);
        engine->senders[engine->sender_count++] = sender;
        sender->wake_fd = eventfd(0, EFD_CLOEXEC);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        sender->running = sender->wake_fd >= 0 && !pthread_create(&sender->thread, NULL, send_frames, sender);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (!sender->running)
            return false;
        pthread_setname_np(sender->thread, "p4fabric-sender");
    }
    return true;
}

void senders_close(struct engine *engine)
{
    for (uint32_t i = 0; i < engine->sender_count; i++) {
        struct sender *sender = engine->senders[i];
        if (sender->running) {
            __atomic_store_n(&sender->stopping, true, __ATOMIC_RELEASE);
            signal_fd(sender->wake_fd);
            pthread_join(sender->thread, NULL);
        }
        if (sender->wake_fd >= 0)
            close(sender->wake_fd);
        free(sender);
    }
    engine->sender_count = 0;
}

static void settle(struct engine *engine, struct sender *sender)
{
    uint32_t sent = __atomic_load_n(&sender->sent, __ATOMIC_ACQUIRE);
    for (; sender->settled != sent; sender->settled++) {
        const struct frame *frame = &sender->frames[sender->settled % RING];
        port_settle(engine, frame->port, frame->packet, frame->outcome);
    }
}

void sender_give(struct engine *engine, struct port *port, struct packet *const *packets, uint32_t count)
{
    struct sender *sender = engine->senders[port->number % engine->sender_count];
    for (uint32_t i = 0; i < count; i++) {
        /* The kernel takes no more: wait, as for a send of one's own. */
        while (sender->given - sender->settled == RING) {
            settle(engine, sender);
            sched_yield();
        }
        sender->frames[sender->given % RING] = (struct frame){port, packets[i], 0};
        __atomic_store_n(&sender->given, sender->given + 1, __ATOMIC_SEQ_CST);
        if (__atomic_load_n(&sender->asleep, __ATOMIC_SEQ_CST))
            signal_fd(sender->wake_fd);
    }
}

void senders_settle(struct engine *engine)
{
    for (uint32_t i = 0; i < engine->sender_count; i++)
        settle(engine, engine->senders[i]);
}

bool senders_busy(const struct engine *engine)
{
    for (uint32_t i = 0; i < engine->sender_count; i++)
        if (engine->senders[i]->settled != engine->senders[i]->given)
            return true;
    return false;
}

void senders_wait(struct engine *engine)
{
    while (senders_busy(engine)) {
        senders_settle(engine);
        sched_yield();
    }
}
