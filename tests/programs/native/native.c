// A C program with a known number of memory calls, for tracing without Go knowledge.
//
// Commands on stdin: go, exit.

#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MAP_BYTES = 19 * 4096, BREAK_BYTES = 8 * 4096, HEAP_BYTES = 24 << 20 };

static void fail(const char *what) {
	perror(what);
	exit(1);
}

static void await(const char *wanted) {
	char line[64];
	while (fgets(line, sizeof line, stdin)) {
		line[strcspn(line, "\n")] = 0;
		if (!strcmp(line, wanted))
			return;
		if (!strcmp(line, "exit"))
			break;
	}
	exit(0);
}

// Raw system calls: the C library's own calls stay out of these stacks.
__attribute__((noinline)) static void map_and_unmap(int times) {
	for (int i = 0; i < times; i++) {
		long at = syscall(SYS_mmap, 0L, (long)MAP_BYTES, (long)(PROT_READ | PROT_WRITE),
				  (long)(MAP_PRIVATE | MAP_ANONYMOUS), -1L, 0L);
		if (at == -1)
			fail("mmap");
		if (syscall(SYS_munmap, at, (long)MAP_BYTES))
			fail("munmap");
	}
}

// Grows and shrinks the break; malloc's heap is in use below it and must not move.
__attribute__((noinline)) static void move_break(int times) {
	long start = syscall(SYS_brk, 0L);
	for (int i = 0; i < times; i++)
		if (syscall(SYS_brk, start + (i % 2 ? 0 : BREAK_BYTES)) == -1)
			fail("brk");
	if (syscall(SYS_brk, start) == -1)
		fail("brk");
}

// One block over the mmap threshold, touched and kept.
__attribute__((noinline)) static char *keep(void) {
	char *block = malloc(HEAP_BYTES);
	if (!block)
		fail("malloc");
	memset(block, 1, HEAP_BYTES);
	return block;
}

int main(int argc, char **argv) {
	int times = argc > 1 ? atoi(argv[1]) : 1000;
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("{\"event\":\"ready\",\"pid\":%d}\n", (int)getpid());
	await("go");
	map_and_unmap(times);
	move_break(times);
	char *kept = keep();
	printf("{\"event\":\"counted\",\"pid\":%d,\"mmap\":%d,\"munmap\":%d,\"length\":%d,\"brk\":%d,"
	       "\"malloc_bytes\":%d,\"kept\":%d}\n",
	       (int)getpid(), times, times, MAP_BYTES, times + 2, HEAP_BYTES, kept[HEAP_BYTES - 1]);
	await("exit");
}
