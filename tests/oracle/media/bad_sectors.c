/* Makes a file a block device with bad sectors, for the program that preloads this. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct statx device;
/* The unreadable bytes: from the first, up to the second. */
static unsigned long bad[2];
/* Whether reading them never ends. */
static int waits;

static int is_device(const struct statx *found)
{
    return found->stx_ino == device.stx_ino && found->stx_dev_major == device.stx_dev_major
        && found->stx_dev_minor == device.stx_dev_minor;
}

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("BAD_DEVICE"), *range = getenv("BAD_BYTES");
    char *rest;
    if (!path || !range || syscall(SYS_statx, AT_FDCWD, path, 0, STATX_BASIC_STATS, &device))
        _exit(99);
    bad[0] = strtoul(range, &rest, 10);
    bad[1] = strtoul(rest + 1, 0, 10);
    waits = getenv("BAD_WAITS") != 0;
}

int statx(int folder, const char *restrict path, int flags, unsigned mask, struct statx *restrict found)
{
    int result = (int)syscall(SYS_statx, folder, path, flags, mask, found);
    if (!result && is_device(found))
        found->stx_mode = (found->stx_mode & ~S_IFMT) | S_IFBLK;
    return result;
}

ssize_t pread64(int file, void *buffer, size_t length, off64_t at)
{
    struct statx found;
    if (!syscall(SYS_statx, file, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &found) && is_device(&found)) {
        unsigned long start = (unsigned long)at;
        if (start >= bad[0] && start < bad[1]) {
            while (waits)
                pause();
            errno = EIO;
            return -1;
        }
        /* Like a real device, it first returns what is before the bad sector. */
        if (start < bad[0] && length > bad[0] - start)
            length = bad[0] - start;
    }
    return syscall(SYS_pread64, file, buffer, length, at);
}

ssize_t pread(int file, void *buffer, size_t length, off_t at)
{
    return pread64(file, buffer, length, at);
}
