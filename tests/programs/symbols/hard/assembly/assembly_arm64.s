#include "textflag.h"

// func Double(n uint64) uint64
TEXT ·Double(SB), NOSPLIT, $0-16
	MOVD n+0(FP), R0
	ADD  R0, R0
	MOVD R0, ret+8(FP)
	RET

// func Call(n uint64) uint64
TEXT ·Call(SB), $24-16
	MOVD n+0(FP), R0
	MOVD R0, 8(RSP)
	CALL ·triple(SB)
	MOVD 16(RSP), R0
	MOVD R0, ret+8(FP)
	RET
