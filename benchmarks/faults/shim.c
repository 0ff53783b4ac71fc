/* A disk that fails: calls on files below FAULT_FOLDER fail, or end the process, from a given one on.
   FAULT_CALLS names the kinds that count, as "write,sync,close,rename,open,remove"; FAULT_AFTER how many go well; FAULT_ERRNO what the
   next says; FAULT_ONCE=1: only that one fails; FAULT_KILL=1: the process is killed instead; FAULT_SHORT=1: it writes a byte less. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static long done = 0;

static int counts(const char *kind, const char *path)
{
    const char *folder = getenv("FAULT_FOLDER"), *calls = getenv("FAULT_CALLS"), *log = getenv("FAULT_COUNT");
    char real[PATH_MAX], spelt[PATH_MAX];
    if (!folder || !calls || !strstr(calls, kind))
        return 0;
    if (path[0] != '/') {
        if (!getcwd(real, sizeof real))
            return 0;
        snprintf(spelt, sizeof spelt, "%.2000s/%.2000s", real, path);
        path = spelt;
    }
    if (strncmp(path, folder, strlen(folder)))
        return 0;
    done++;
    if (log) { /* only count: the size of this file is the number of calls */
        int (*open_)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
        ssize_t (*write_)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");
        int (*close_)(int) = dlsym(RTLD_NEXT, "close");
        int handle = open_(log, O_WRONLY | O_APPEND | O_CREAT, 0644);
        if (handle >= 0) {
            if (write_(handle, ".", 1) != 1)
                abort();
            close_(handle);
        }
        return 0;
    }
    long after = atol(getenv("FAULT_AFTER") ? getenv("FAULT_AFTER") : "0");
    if (done <= after || (getenv("FAULT_ONCE") && done > after + 1))
        return 0;
    if (getenv("FAULT_KILL"))
        kill(getpid(), SIGKILL);
    errno = atoi(getenv("FAULT_ERRNO") ? getenv("FAULT_ERRNO") : "28");
    return 1;
}

static int on(const char *kind, int handle)
{
    char name[64], path[PATH_MAX];
    if (handle < 3)
        return 0;
    snprintf(name, sizeof name, "/proc/self/fd/%d", handle);
    ssize_t size = readlink(name, path, sizeof path - 1);
    if (size < 0)
        return 0;
    path[size] = 0;
    return counts(kind, path);
}

#define NEXT(result, name, ...) static result (*next)(__VA_ARGS__); if (!next) next = dlsym(RTLD_NEXT, name)
#define SHORT getenv("FAULT_SHORT")
#define LESS (size > 1 ? size - 1 : size)

ssize_t write(int handle, const void *data, size_t size)
{
    NEXT(ssize_t, "write", int, const void *, size_t);
    return on("write", handle) ? SHORT ? next(handle, data, LESS) : -1 : next(handle, data, size);
}

ssize_t pwrite(int handle, const void *data, size_t size, off_t place)
{
    NEXT(ssize_t, "pwrite", int, const void *, size_t, off_t);
    return on("write", handle) ? SHORT ? next(handle, data, LESS, place) : -1 : next(handle, data, size, place);
}

ssize_t pwrite64(int handle, const void *data, size_t size, off64_t place)
{
    NEXT(ssize_t, "pwrite64", int, const void *, size_t, off64_t);
    return on("write", handle) ? SHORT ? next(handle, data, LESS, place) : -1 : next(handle, data, size, place);
}

int ftruncate(int handle, off_t size)
{
    NEXT(int, "ftruncate", int, off_t);
    return on("write", handle) && !SHORT ? -1 : next(handle, size);
}

int ftruncate64(int handle, off64_t size)
{
    NEXT(int, "ftruncate64", int, off64_t);
    return on("write", handle) && !SHORT ? -1 : next(handle, size);
}

int fsync(int handle)
{
    NEXT(int, "fsync", int);
    return on("sync", handle) ? -1 : next(handle);
}

int fdatasync(int handle)
{
    NEXT(int, "fdatasync", int);
    return on("sync", handle) ? -1 : next(handle);
}

int close(int handle)
{
    NEXT(int, "close", int);
    int writes = (fcntl(handle, F_GETFL) & O_ACCMODE) != O_RDONLY; /* a network disk may refuse what was written only now */
    int fails = writes && on("close", handle), said = errno, closed = next(handle);
    if (fails)
        errno = said;
    return fails ? -1 : closed;
}

int rename(const char *from, const char *to)
{
    NEXT(int, "rename", const char *, const char *);
    return counts("rename", to) ? -1 : next(from, to);
}

int link(const char *from, const char *to)
{
    NEXT(int, "link", const char *, const char *);
    return counts("rename", to) ? -1 : next(from, to);
}

int unlink(const char *path)
{
    NEXT(int, "unlink", const char *);
    return counts("remove", path) ? -1 : next(path);
}

int unlinkat(int folder, const char *path, int flags)
{
    NEXT(int, "unlinkat", int, const char *, int);
    int fails = folder == AT_FDCWD ? counts("remove", path) : on("remove", folder);
    return fails ? -1 : next(folder, path, flags);
}

int rmdir(const char *path)
{
    NEXT(int, "rmdir", const char *);
    return counts("remove", path) ? -1 : next(path);
}

int symlink(const char *to, const char *path)
{
    NEXT(int, "symlink", const char *, const char *);
    return counts("open", path) ? -1 : next(to, path);
}

int mkdir(const char *path, mode_t mode)
{
    NEXT(int, "mkdir", const char *, mode_t);
    return counts("open", path) ? -1 : next(path, mode);
}

#define OPEN(name) \
int name(const char *path, int flags, ...) \
{ \
    NEXT(int, #name, const char *, int, ...); \
    va_list more; \
    va_start(more, flags); \
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0; \
    va_end(more); \
    return (flags & O_ACCMODE) != O_RDONLY && counts("open", path) ? -1 : next(path, flags, mode); \
}
OPEN(open)
OPEN(open64)
