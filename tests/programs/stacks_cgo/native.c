// C code between Go and the kernel, with frame pointers, without, and with anything in their place.
#include "native.h"

#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>

#include "_cgo_export.h"

// Calls that stay calls, whatever the optimizer thinks of them.
#define CALLED __attribute__((noinline, noclone))
#define NOT_THE_LAST __asm__ volatile("" ::: "memory")

CALLED int native_advise(uintptr_t address, int depth)
{
	int result = depth ? native_advise(address, depth - 1)
	                   : madvise((void *)address, 4096, MADV_DONTNEED);
	NOT_THE_LAST;
	return result;
}

volatile uintptr_t native_signalled;

static void native_handler(int number)
{
	(void)number;
	native_advise(native_signalled, 1);
	NOT_THE_LAST;
}

// Go's runtime is not told of this signal: C's handler runs while its thread runs Go.
void native_handle(void)
{
	struct sigaction action = {.sa_handler = native_handler, .sa_flags = SA_ONSTACK};
	sigaction(SIGUSR2, &action, NULL);
}

CALLED int native_raise(uintptr_t address, int depth)
{
	int result;
	if (depth) {
		result = native_raise(address, depth - 1);
	} else {
		native_signalled = address;
		result = raise(SIGUSR2);
	}
	NOT_THE_LAST;
	return result;
}

CALLED void native_call_back(int depth)
{
	if (depth)
		native_call_back(depth - 1);
	else
		goBack();
	NOT_THE_LAST;
}

// Nobody calls it: its address lies where a walk that goes astray finds it.
CALLED static int native_decoy(int x)
{
	NOT_THE_LAST;
	return x + 1;
}

// Like frames, and like the callbacks that C programs keep.
static struct decoy {
	struct decoy *next;
	int (*code)(int);
} decoys[3] = {
	{&decoys[1], native_decoy},
	{&decoys[2], native_decoy},
	{NULL, native_decoy},
};

static uintptr_t astray(int kind)
{
	switch (kind) {
	case 0: return 1;
	case 1: return (uintptr_t)1 << 40;
	case 2: return (uintptr_t)native_decoy;
	default: return (uintptr_t)decoys;
	}
}

// In assembly: both have `frame` in the frame pointer meanwhile.
long advise_with_frame(uintptr_t address, long length, long advice, uintptr_t frame);
void call_with_frame(void (*called)(void), uintptr_t frame);

CALLED long native_advise_astray(uintptr_t address, int kind)
{
	long result = advise_with_frame(address, 4096, MADV_DONTNEED, astray(kind));
	NOT_THE_LAST;
	return result;
}

CALLED void native_call_back_astray(int kind)
{
	call_with_frame(goBack, astray(kind));
	NOT_THE_LAST;
}
