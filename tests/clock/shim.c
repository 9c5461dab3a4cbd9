// Moves the wall clock of every process that the dynamic loader loads it into, for tests/integration/clock.rs. The file OFFSET
// (set at compilation) holds how far, a signed 64-bit number of milliseconds in the machine's order; it is mapped before the process
// can confine itself and read at every call. The monotonic clock is left alone.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *offset;
static int (*kernel)(clockid_t, struct timespec *);

__attribute__((constructor)) static void begin(void) {
    kernel = dlsym(RTLD_NEXT, "clock_gettime");
    int fd = open(OFFSET, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    void *page = mmap(NULL, sizeof *offset, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (page != MAP_FAILED) offset = page;
}

int clock_gettime(clockid_t clock, struct timespec *at) {
    if (kernel == NULL) kernel = dlsym(RTLD_NEXT, "clock_gettime");
    int result = kernel(clock, at);
    if (result == 0 && offset != NULL && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        int64_t moved = *offset;
        at->tv_sec += moved / 1000;
        at->tv_nsec += moved % 1000 * 1000000;
        if (at->tv_nsec >= 1000000000) { at->tv_nsec -= 1000000000; at->tv_sec++; }
        if (at->tv_nsec < 0) { at->tv_nsec += 1000000000; at->tv_sec--; }
    }
    return result;
}

int gettimeofday(struct timeval *at, void *zone) {
    (void)zone;
    struct timespec now;
    int result = clock_gettime(CLOCK_REALTIME, &now);
    at->tv_sec = now.tv_sec;
    at->tv_usec = now.tv_nsec / 1000;
    return result;
}

time_t time(time_t *at) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at != NULL) *at = now.tv_sec;
    return now.tv_sec;
}
