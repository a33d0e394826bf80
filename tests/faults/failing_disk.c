/* Makes the disk below a database fail as told by a file, for programs that are started with this library before all others.

   FAULT_CONTROL names the file: "full" lets nothing be written, "eio" lets nothing reach the disk. Only files whose
   path holds FAULT_FILES are concerned. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static ssize_t (*real_read)(int, void *, size_t);

/* Whether this fault is to be played on this file. */
static int fails(int fd, const char *fault)
{
	static const char *control, *files;
	char link[64], path[4096], told[32] = { 0 };
	int saved = errno, concerned = 0;
	if (!control) {
		files = getenv("FAULT_FILES");
		control = getenv("FAULT_CONTROL");
	}
	if (control && files && access(control, F_OK) == 0) {
		snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
		ssize_t length = readlink(link, path, sizeof path - 1);
		int from = open(control, O_RDONLY | O_CLOEXEC);
		if (!real_read)
			real_read = dlsym(RTLD_NEXT, "read");
		if (length > 0 && from >= 0 && real_read(from, told, sizeof told - 1) > 0) {
			path[length] = 0;
			concerned = strstr(path, files) && strncmp(told, fault, strlen(fault)) == 0;
		}
		if (from >= 0)
			close(from);
	}
	errno = saved;
	return concerned;
}

#define REAL(name) static __typeof__(name) *real; if (!real) real = dlsym(RTLD_NEXT, #name)
#define FAIL_IF(fault, code) if (fails(fd, fault)) { errno = code; return -1; }

ssize_t write(int fd, const void *data, size_t size) { REAL(write); FAIL_IF("full", ENOSPC) return real(fd, data, size); }
ssize_t pwrite(int fd, const void *data, size_t size, off_t at) { REAL(pwrite); FAIL_IF("full", ENOSPC) return real(fd, data, size, at); }
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
    REAL(pwrite64);
    FAIL_IF("full", ENOSPC)
    return real(fd, data, size, at);
}
int ftruncate(int fd, off_t size) { REAL(ftruncate); FAIL_IF("full", ENOSPC) return real(fd, size); }
int ftruncate64(int fd, off64_t size) { REAL(ftruncate64); FAIL_IF("full", ENOSPC) return real(fd, size); }
int fsync(int fd) { REAL(fsync); FAIL_IF("eio", EIO) return real(fd); }
int fdatasync(int fd) { REAL(fdatasync); FAIL_IF("eio", EIO) return real(fd); }
