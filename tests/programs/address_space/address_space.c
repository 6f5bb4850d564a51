// A C program that maps, unmaps, moves, protects and breaks at random, from several threads, and
// leaves a torn address space behind: what a ledger of its calls must equal.
//
// Commands on stdin: go, exit. Argument: calls of each thread.

#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PAGE = 4096, PAGES = 512, THREADS = 3 };

struct worker {
	pthread_t thread;
	uint64_t seed;
	char *area;
	int calls;
};

static uint64_t next(uint64_t *seed) {
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return *seed >> 33;
}

// Ranges may be in pieces or not mapped at all: calls that fail are part of the test.
static void *work(void *argument) {
	struct worker *self = argument;
	const int prots[] = {PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE};
	for (int i = 0; i < self->calls; i++) {
		size_t first = next(&self->seed) % PAGES;
		size_t pages = 1 + next(&self->seed) % (PAGES - first < 24 ? PAGES - first : 24);
		char *at = self->area + first * PAGE;
		int prot = prots[next(&self->seed) % 3];
		size_t length = pages * PAGE;
		switch (next(&self->seed) % 8) {
		case 0:
		case 1:
			mmap(at, length, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
			break;
		case 2:
			mmap(at, length, prot, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
			break;
		case 3:
			munmap(at, length - next(&self->seed) % PAGE);
			break;
		case 4:
			mprotect(at, length, prot);
			break;
		case 5:
			madvise(at, length, next(&self->seed) % 2 ? MADV_FREE : MADV_DONTNEED);
			break;
		case 6: {
			size_t to = next(&self->seed) % (PAGES - pages + 1);
			mremap(at, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, self->area + to * PAGE);
			break;
		}
		default:
			// Shrinks in place, or grows where there is room.
			mremap(at, length, (1 + next(&self->seed) % 24) * PAGE, 0);
		}
	}
	return NULL;
}

// Mappings that other threads take and give back, where addresses are used again at once.
static void *churn(void *argument) {
	struct worker *self = argument;
	for (int i = 0; i < self->calls; i++) {
		size_t length = (1 + next(&self->seed) % 8) * PAGE;
		char *at = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (at == MAP_FAILED || munmap(at, length)) {
			perror("churn");
			exit(1);
		}
	}
	return NULL;
}

static void await(const char *wanted) {
	char line[64];
	while (fgets(line, sizeof line, stdin)) {
		line[strcspn(line, "\n")] = 0;
		if (!strcmp(line, wanted))
			return;
	}
	exit(0);
}

static void say(const char *event) {
	printf("{\"event\":\"%s\",\"pid\":%d}\n", event, getpid());
	fflush(stdout);
}

int main(int argc, char **argv) {
	int calls = argc > 1 ? atoi(argv[1]) : 1000;
	struct worker workers[2 * THREADS];
	say("ready");
	await("go");
	for (int i = 0; i < 2 * THREADS; i++) {
		struct worker *worker = &workers[i];
		*worker = (struct worker){.seed = 77 + i, .calls = calls};
		// Far below where the kernel puts what it places itself: a MAP_FIXED call over a hole that
		// another thread was given and is about to give back has no order that calls could tell.
		// Every area has a hole on both sides, so that none grows into another.
		char *low = (char *)0x100000000000 + (uint64_t)i * 2 * PAGES * PAGE;
		char *area = mmap(low, (PAGES + 64) * PAGE, PROT_NONE,
		                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
		if (area == MAP_FAILED)
			return 1;
		worker->area = area + 32 * PAGE;
		pthread_create(&worker->thread, NULL, i % 2 ? churn : work, worker);
	}
	for (int i = 0; i < 2 * THREADS; i++)
		pthread_join(workers[i].thread, NULL);
	// The break up, and down by less.
	long start = syscall(SYS_brk, 0L);
	syscall(SYS_brk, start + 37 * PAGE);
	syscall(SYS_brk, start + 11 * PAGE);
	say("done");
	await("exit");
	return 0;
}
