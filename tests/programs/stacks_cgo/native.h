// What the Go side calls. Where `kind` is not 0 the frame pointer holds something else.
#pragma once

#include <stdint.h>

int native_advise(uintptr_t address, int depth);
long native_advise_astray(uintptr_t address, int kind);
void native_handle(void);
int native_raise(uintptr_t address, int depth);
void native_call_back(int depth);
void native_call_back_astray(int kind);

enum { NATIVE_KINDS = 4 };

// What the signal handler advises about.
extern volatile uintptr_t native_signalled;
