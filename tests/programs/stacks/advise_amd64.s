#include "textflag.h"

// func adviseLeaf(address, length, advice uintptr) (result int)
TEXT ·adviseLeaf(SB), NOSPLIT, $0-32
	MOVQ address+0(FP), DI
	MOVQ length+8(FP), SI
	MOVQ advice+16(FP), DX
	MOVQ $28, AX
	SYSCALL
	MOVQ AX, result+24(FP)
	RET

// func adviseFramed(address, length, advice uintptr) (result int)
TEXT ·adviseFramed(SB), NOSPLIT, $40-32
	MOVQ address+0(FP), DI
	MOVQ length+8(FP), SI
	MOVQ advice+16(FP), DX
	MOVQ $28, AX
	SYSCALL
	MOVQ AX, result+24(FP)
	RET
