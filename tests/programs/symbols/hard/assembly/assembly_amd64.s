#include "textflag.h"

// func Double(n uint64) uint64
TEXT ·Double(SB), NOSPLIT, $0-16
	MOVQ n+0(FP), AX
	ADDQ AX, AX
	MOVQ AX, ret+8(FP)
	RET

// func Call(n uint64) uint64
TEXT ·Call(SB), $16-16
	MOVQ n+0(FP), AX
	MOVQ AX, 0(SP)
	CALL ·triple(SB)
	MOVQ 8(SP), AX
	MOVQ AX, ret+8(FP)
	RET
