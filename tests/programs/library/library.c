// A library that makes known calls: exported function, static function, C library.

#define _GNU_SOURCE
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { LENGTH = 19 * 4096 };

// The C library's function has no frame, so the walker does not see who called it.
static __attribute__((noinline)) int map_and_unmap(void) {
	long at = syscall(SYS_mmap, 0L, (long)LENGTH, (long)(PROT_READ | PROT_WRITE),
			  (long)(MAP_PRIVATE | MAP_ANONYMOUS), -1L, 0L);
	return at != -1 && !syscall(SYS_munmap, at, (long)LENGTH);
}

static __attribute__((noinline)) int library_inner(int times) {
	int made = 0;
	for (int i = 0; i < times; i++)
		made += map_and_unmap();
	return made;
}

int library_calls(int times) {
	return library_inner(times) + 1;
}
