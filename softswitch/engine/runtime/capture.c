#define _GNU_SOURCE
#include "capture.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "engine.h"
#include "ring.h"

enum {
    CAPTURE_RING = 32 * 1024 * 1024,
    TOUCHED = 64, /* files written to before they are flushed */
    BUFFER = 64 * 1024, /* of a file: what is written at once */
};

/* The file format: https://ietf-opsawg-wg.github.io/draft-ietf-opsawg-pcap/draft-ietf-opsawg-pcap.html */
struct file_head {
    uint32_t magic;
    uint16_t major, minor;
    uint32_t reserved[2], longest, link_type;
};
struct frame_head {
    uint32_t seconds, nanoseconds, captured, length;
};
enum { NANOSECONDS = 0xa1b23c4d, ETHERNET = 1 };

struct file {
    FILE *stream; /* the writer's, from when it is there */
    char *buffer;
    int error;
    bool touched;
    uint64_t frames, unwritten; /* the writer's */
    uint64_t lost;              /* the worker's */
};

struct pair {
    char name[16];
    struct file files[CAPTURE_DIRECTIONS];
};

struct capture {
    char *folder;
    struct pair *pairs[PORTS];
    struct ring ring;
    int64_t real_ns; /* what the engine's clock lacks to the time of day */
    bool fresh;      /* the worker's: the writer is to be told */
    int wake_fd;
    pthread_t thread;
    bool running, stopping;
};

static void count(uint64_t *counter)
{
    __atomic_store_n(counter, *counter + 1, __ATOMIC_RELAXED);
}

/* --- the writer --- */

static void fail(struct file *file)
{
    __atomic_store_n(&file->error, errno ? errno : EIO, __ATOMIC_RELAXED);
    fclose(file->stream);
    file->stream = NULL;
}

static void write_record(struct capture *capture, const struct record *record, struct file **touched,
                         uint32_t *touched_count)
{
    struct file *file = &capture->pairs[record->number]->files[record->kind];
    if (!file->stream) {
        count(&file->unwritten);
        return;
    }
    uint64_t at_ns;
    memcpy(&at_ns, record + 1, sizeof at_ns);
    uint64_t real_ns = at_ns + (uint64_t)capture->real_ns;
    uint32_t length = record->length - (uint32_t)sizeof at_ns;
    struct frame_head head = {(uint32_t)(real_ns / 1000000000), (uint32_t)(real_ns % 1000000000), length, length};
    errno = 0;
    if (fwrite(&head, sizeof head, 1, file->stream) != 1 ||
        (length && fwrite((const uint8_t *)(record + 1) + sizeof at_ns, length, 1, file->stream) != 1)) {
        count(&file->unwritten);
        fail(file);
        return;
    }
    count(&file->frames);
    if (!file->touched) {
        file->touched = true;
        touched[(*touched_count)++] = file;
    }
}

/* Whoever looks at the files sees whole frames, soon after they came. */
static void flush_files(struct file **touched, uint32_t *touched_count)
{
    for (uint32_t i = 0; i < *touched_count; i++) {
        struct file *file = touched[i];
        file->touched = false;
        errno = 0;
        if (file->stream && fflush(file->stream))
            fail(file);
    }
    *touched_count = 0;
}

static void *write_frames(void *argument)
{
    struct capture *capture = argument;
    struct file *touched[TOUCHED];
    uint32_t touched_count = 0;
    for (;;) {
        bool last = __atomic_load_n(&capture->stopping, __ATOMIC_ACQUIRE);
        for (const struct record *record; (record = ring_peek(&capture->ring)); ring_next(&capture->ring)) {
            write_record(capture, record, touched, &touched_count);
            if (touched_count == TOUCHED)
                flush_files(touched, &touched_count);
        }
        flush_files(touched, &touched_count);
        if (last)
            return NULL;
        uint64_t value;
        ssize_t got = read(capture->wake_fd, &value, sizeof value);
        (void)got;
    }
}

/* --- life --- */

static int64_t real_offset_ns(void)
{
    struct timespec real;
    clock_gettime(CLOCK_REALTIME, &real);
    return (int64_t)real.tv_sec * 1000000000 + real.tv_nsec - (int64_t)monotonic_ns();
}

struct capture *capture_open(const char *folder, bool held, int *error)
{
    struct capture *capture = aligned_alloc(64, (sizeof *capture + 63) / 64 * 64);
    if (!capture) {
        *error = ENOMEM;
        return NULL;
    }
    memset(capture, 0, sizeof *capture);
    capture->real_ns = held ? 0 : real_offset_ns();
    capture->folder = strdup(folder);
    capture->wake_fd = eventfd(0, EFD_CLOEXEC);
    *error = capture->wake_fd < 0 ? errno : 0;
    if (!capture->folder || !ring_open(&capture->ring, CAPTURE_RING))
        *error = ENOMEM;
    if (!*error) {
        /* Signals are for the threads of whoever uses the library. */
        sigset_t all, before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        *error = pthread_create(&capture->thread, NULL, write_frames, capture);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        capture->running = !*error;
    }
    if (*error) {
        capture_close(capture);
        return NULL;
    }
    pthread_setname_np(capture->thread, "p4fabric-pcap");
    return capture;
}

static void free_pair(struct pair *pair)
{
    for (uint32_t i = 0; i < CAPTURE_DIRECTIONS; i++) {
        if (pair->files[i].stream)
            fclose(pair->files[i].stream);
        free(pair->files[i].buffer);
    }
    free(pair);
}

void capture_close(struct capture *capture)
{
    if (!capture)
        return;
    if (capture->running) {
        __atomic_store_n(&capture->stopping, true, __ATOMIC_RELEASE);
        signal_fd(capture->wake_fd);
        pthread_join(capture->thread, NULL);
    }
    for (uint32_t i = 0; i < PORTS; i++) {
        if (capture->pairs[i])
            free_pair(capture->pairs[i]);
    }
    if (capture->wake_fd >= 0)
        close(capture->wake_fd);
    ring_close(&capture->ring);
    free(capture->folder);
    free(capture);
}

/* A file that begins anew, with its head written. */
static bool begin_file(struct file *file, const char *folder, const char *name, const char *direction)
{
    static const struct file_head head = {NANOSECONDS, 2, 4, {0}, LONGEST_FRAME, ETHERNET};
    char *path;
    file->buffer = malloc(BUFFER);
    if (!file->buffer || asprintf(&path, "%s/%s_%s.pcap", folder, name, direction) < 0)
        return false;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
    free(path);
    if (fd < 0)
        return false;
    file->stream = fdopen(fd, "w");
    if (!file->stream) {
        close(fd);
        return false;
    }
    setvbuf(file->stream, file->buffer, _IOFBF, BUFFER);
    return fwrite(&head, sizeof head, 1, file->stream) == 1 && !fflush(file->stream);
}

int capture_add(struct capture *capture, uint16_t number, const char *name)
{
    if (capture->pairs[number])
        return 0;
    struct pair *pair = calloc(1, sizeof *pair);
    if (!pair)
        return ENOMEM;
    if (*name)
        snprintf(pair->name, sizeof pair->name, "%s", name);
    else
        snprintf(pair->name, sizeof pair->name, "port%u", (unsigned)number);
    static const char *const directions[] = {"in", "out"};
    for (int i = 0; i < CAPTURE_DIRECTIONS; i++) {
        errno = 0;
        if (!begin_file(&pair->files[i], capture->folder, pair->name, directions[i])) {
            int error = errno ? errno : EIO;
            free_pair(pair);
            return error;
        }
    }
    capture->pairs[number] = pair; /* the writer looks at it when a record of the port comes */
    return 0;
}

uint32_t capture_reports(struct capture *capture, struct capture_report *reports, uint32_t most)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < PORTS && found < most; i++) {
        if (!capture->pairs[i])
            continue;
        struct capture_report *report = &reports[found++];
        memset(report, 0, sizeof *report);
        memcpy(report->name, capture->pairs[i]->name, sizeof report->name);
        for (int j = 0; j < CAPTURE_DIRECTIONS; j++) {
            const struct file *file = &capture->pairs[i]->files[j];
            report->errors[j] = __atomic_load_n(&file->error, __ATOMIC_RELAXED);
            report->frames[j] = __atomic_load_n(&file->frames, __ATOMIC_RELAXED);
            report->lost[j] = __atomic_load_n(&file->lost, __ATOMIC_RELAXED) +
                              __atomic_load_n(&file->unwritten, __ATOMIC_RELAXED);
        }
    }
    return found;
}

/* --- the worker --- */

void capture_frame(struct capture *capture, uint16_t number, enum capture_direction direction, uint64_t at_ns,
                   const uint8_t *frame, uint32_t length)
{
    if (!ring_write_behind(&capture->ring, direction, number, &at_ns, sizeof at_ns, frame, length))
        count(&capture->pairs[number]->files[direction].lost);
    capture->fresh = true;
}

void capture_flush(struct capture *capture)
{
    if (!capture->fresh)
        return;
    capture->fresh = false;
    signal_fd(capture->wake_fd);
}
