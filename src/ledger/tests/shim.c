// Faults between the audit writer and its disk, for src/ledger/tests/shim.rs. Loaded with LD_PRELOAD; HUFU_FAULT says
// "KIND AT FOLDER": at the AT-th call on a file below FOLDER of the family that KIND concerns, that happens. Kinds that begin
// with "any-" count every call that changes something, and say "fault" on standard error when they happen.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static char kind[32], folder[PATH_MAX];
static long at;
static atomic_long writes, syncs, changes;

__attribute__((constructor)) static void begin(void) {
    const char *said = getenv("HUFU_FAULT");
    if (said == NULL || sscanf(said, "%31s %ld %4095s", kind, &at, folder) != 3) kind[0] = 0;
}

static int below(const char *path) { return kind[0] != 0 && strncmp(path, folder, strlen(folder)) == 0; }

static int ours(int fd) {
    char link[64], path[PATH_MAX];
    if (kind[0] == 0) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n < 0) return 0;
    path[n] = 0;
    return below(path);
}

static int is(const char *name) { return strcmp(kind, name) == 0; }

// Whether a call that would change something of ours fails, and with what.
static int change_fails(int mine) {
    ssize_t (*say)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");
    if (!mine || strncmp(kind, "any-", 4) != 0) return 0;
    long n = ++changes;
    if (n != at && !(is("any-enospc-from") && n > at)) return 0;
    if (n == at && say(2, "fault\n", 6) != 6) _exit(8);
    if (is("any-kill")) _exit(9);
    return is("any-eio") ? EIO : ENOSPC;
}

#define CHANGE(mine, failed) do { int e = change_fails(mine); if (e) { errno = e; return failed; } } while (0)

// Whether this sync fails; `hang` makes it wait.
static int sync_fails(int fd) {
    if (!ours(fd)) return 0;
    long n = ++syncs;
    if (is("sync-eio") && n == at) return EIO;
    if (is("sync-eio-from") && n >= at) return EIO;
    if (is("sync-enospc") && n == at) return ENOSPC;
    if (is("sync-slow") && n >= at && n < at + 5) usleep(60000);
    return 0;
}

int fdatasync(int fd) {
    int (*real)(int) = dlsym(RTLD_NEXT, "fdatasync");
    CHANGE(ours(fd), -1);
    int error = sync_fails(fd);
    if (error) { errno = error; return -1; }
    return real(fd);
}

int fsync(int fd) {
    int (*real)(int) = dlsym(RTLD_NEXT, "fsync");
    CHANGE(ours(fd), -1);
    int error = sync_fails(fd);
    if (error) { errno = error; return -1; }
    return real(fd);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) {
    ssize_t (*real)(int, const void *, size_t, off64_t) = dlsym(RTLD_NEXT, "pwrite64");
    if (!ours(fd)) return real(fd, bytes, count, offset);
    CHANGE(1, -1);
    long n = ++writes;
    if (is("write-eio") && n == at) { errno = EIO; return -1; }
    if (is("write-enospc-from") && n >= at) { errno = ENOSPC; return -1; }
    // Some of it is written; the caller is told so and may go on.
    if (is("write-short") && n >= at && n < at + 3 && count > 1) return real(fd, bytes, count / 2, offset);
    // Some of it is written, and then the disk is gone.
    if (is("write-torn") && n == at) { real(fd, bytes, count / 2, offset); errno = EIO; return -1; }
    // The power goes in the middle of a write.
    if (is("write-torn-kill") && n == at) { real(fd, bytes, count / 2, offset); _exit(9); }
    return real(fd, bytes, count, offset);
}

ssize_t write(int fd, const void *bytes, size_t count) {
    ssize_t (*real)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");
    CHANGE(ours(fd), -1);
    return real(fd, bytes, count);
}

int open64(const char *path, int flags, ...) {
    int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, "open64");
    va_list rest;
    va_start(rest, flags);
    mode_t mode = va_arg(rest, mode_t);
    va_end(rest);
    CHANGE((flags & O_CREAT) && below(path), -1);
    return real(path, flags, mode);
}

int mkdir(const char *path, mode_t mode) {
    int (*real)(const char *, mode_t) = dlsym(RTLD_NEXT, "mkdir");
    CHANGE(below(path), -1);
    return real(path, mode);
}

int rename(const char *from, const char *to) {
    int (*real)(const char *, const char *) = dlsym(RTLD_NEXT, "rename");
    CHANGE(below(to), -1);
    return real(from, to);
}

int unlink(const char *path) {
    int (*real)(const char *) = dlsym(RTLD_NEXT, "unlink");
    CHANGE(below(path), -1);
    return real(path);
}

int ftruncate64(int fd, off64_t length) {
    int (*real)(int, off64_t) = dlsym(RTLD_NEXT, "ftruncate64");
    CHANGE(ours(fd), -1);
    return real(fd, length);
}
