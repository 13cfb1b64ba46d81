/* A library for LD_PRELOAD that counts a process's file operations below one folder and lets the n-th fail; nothing of the
 * process is changed for it. `faults.rs` compiles it. Told by the environment:
 *   FAULT_ROOT     the folder, absolute
 *   FAULT_KIND     ENOSPC, EIO, EACCES, EMFILE (each for the operations that can fail so), short (reads and writes move half of
 *                  the bytes, which is legal), lost (writes move half and claim all)
 *   FAULT_AT       n, counted from 1 over the operations of that kind; 0: none fails
 *   FAULT_LASTING  1: all after the n-th fail, too
 *   FAULT_LOG      a file outside of the folder: a line for each operation that failed; if none is to fail, for each operation
 *                  the kinds of failure that it could have, a line each */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OPEN = 1, CREATE = 2, READ = 4, WRITE = 8, FLUSH = 16, RENAME = 32, REMOVE = 64, MAKE = 128, LOOK = 256, LIST = 512,
       SIZE = 1024, LOCK = 2048, ALL = 4095 };

static const struct { const char *name; int error, operations; } KINDS[] = {
    {"ENOSPC", ENOSPC, CREATE | WRITE | FLUSH | RENAME | MAKE | SIZE},
    {"EIO", EIO, ALL},
    {"EACCES", EACCES, OPEN | CREATE | RENAME | REMOVE | MAKE | LOOK | LIST},
    {"EMFILE", EMFILE, OPEN | CREATE | LIST},
    {"short", 0, READ | WRITE},
    {"lost", 0, WRITE},
};

static struct { const char *root, *kind; int error, operations, lasting, log; long at; } fault = {.log = -1};
static atomic_long counted;
static atomic_bool ours[4096];

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

__attribute__((constructor)) static void begin(void) {
    const char *kind = getenv("FAULT_KIND"), *log = getenv("FAULT_LOG"), *root = getenv("FAULT_ROOT");
    if (!kind || !log || !root) return;
    fault.root = root;
    fault.kind = kind;
    fault.at = atol(getenv("FAULT_AT"));
    fault.lasting = *getenv("FAULT_LASTING") == '1';
    fault.log = REAL(open)(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    for (size_t i = 0; i < sizeof KINDS / sizeof *KINDS; i++)
        if (!strcmp(KINDS[i].name, kind)) {
            fault.error = KINDS[i].error;
            fault.operations = KINDS[i].operations;
        }
}

static int below(const char *path) {
    return fault.root && path && !strncmp(path, fault.root, strlen(fault.root));
}

static int tracked(int fd) {
    return fd >= 0 && fd < 4096 && ours[fd];
}

/* Counts an operation; 1 if it has to fail, with errno set. */
static int hit(int operation, const char *name, const char *path) {
    if (!fault.at)
        for (size_t i = 0; i < sizeof KINDS / sizeof *KINDS; i++)
            if (operation & KINDS[i].operations) dprintf(fault.log, "%s\n", KINDS[i].name);
    if (!(operation & fault.operations)) return 0;
    long n = atomic_fetch_add(&counted, 1) + 1;
    int now = n == fault.at || (fault.lasting && fault.at && n > fault.at);
    if (now) dprintf(fault.log, "%s %s\n", name, path);
    if (now) errno = fault.error;
    return now;
}

static int hit_path(int operation, const char *name, const char *path) {
    return below(path) && hit(operation, name, path);
}

static int hit_file(int operation, const char *name, int fd) {
    if (!tracked(fd)) return 0;
    char link[32], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    path[length < 0 ? 0 : length] = 0;
    return hit(operation, name, path);
}

static int opened(int fd, const char *path) {
    if (fd >= 0 && fd < 4096) ours[fd] = below(path);
    return fd;
}

#define OPENS(function)                                                                          \
    int function(const char *path, int flags, ...) {                                             \
        va_list rest;                                                                            \
        va_start(rest, flags);                                                                   \
        mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;                                \
        va_end(rest);                                                                            \
        if (hit_path(flags & O_CREAT ? CREATE : OPEN, flags & O_CREAT ? "create" : "open", path)) \
            return -1;                                                                           \
        return opened(REAL(function)(path, flags, mode), path);                                  \
    }
OPENS(open)
OPENS(open64)

int close(int fd) {
    if (fd >= 0 && fd < 4096) ours[fd] = 0;
    return REAL(close)(fd);
}

static int moves(void) {
    return fault.error == 0;
}

ssize_t read(int fd, void *bytes, size_t size) {
    if (size && hit_file(READ, "read", fd)) {
        if (!moves()) return -1;
        size = (size + 1) / 2;
    }
    return REAL(read)(fd, bytes, size);
}

/* What fails has written half before. */
ssize_t write(int fd, const void *bytes, size_t size) {
    if (!size || !hit_file(WRITE, "write", fd)) return REAL(write)(fd, bytes, size);
    int error = errno;
    ssize_t half = REAL(write)(fd, bytes, (size + 1) / 2);
    if (moves()) return strcmp(fault.kind, "lost") ? half : (ssize_t)size;
    errno = error;
    return -1;
}

#define FAILS_FILE(type, function, operation, name, parameters, ...)  \
    type function parameters {                                        \
        if (hit_file(operation, name, fd)) return -1;                 \
        return REAL(function)(__VA_ARGS__);                           \
    }
FAILS_FILE(int, fsync, FLUSH, "flush", (int fd), fd)
FAILS_FILE(int, fdatasync, FLUSH, "flush", (int fd), fd)
FAILS_FILE(int, ftruncate, SIZE, "cut", (int fd, off_t size), fd, size)
FAILS_FILE(int, ftruncate64, SIZE, "cut", (int fd, off64_t size), fd, size)
FAILS_FILE(int, flock, LOCK, "lock", (int fd, int how), fd, how)

#define FAILS_PATH(type, failed, function, operation, name, parameters, ...) \
    type function parameters {                                               \
        if (hit_path(operation, name, path)) return failed;                  \
        return REAL(function)(__VA_ARGS__);                                  \
    }
FAILS_PATH(int, -1, rename, RENAME, "rename", (const char *path, const char *to), path, to)
FAILS_PATH(int, -1, unlink, REMOVE, "remove", (const char *path), path)
FAILS_PATH(int, -1, mkdir, MAKE, "make", (const char *path, mode_t mode), path, mode)
FAILS_PATH(DIR *, NULL, opendir, LIST, "list", (const char *path), path)

/* Of a file that is open, statx has no path; to find out whether there is a statx it is called without any, which its
 * declaration rules out: a compiler would leave the question out. */
int statx(int at, const char *restrict path, int flags, unsigned mask, struct statx *restrict out) {
    const char *volatile name = path;
    if (name && *name ? hit_path(LOOK, "look", path) : hit_file(LOOK, "look", at)) return -1;
    return REAL(statx)(at, path, flags, mask, out);
}
