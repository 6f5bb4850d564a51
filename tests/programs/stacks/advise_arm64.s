#include "textflag.h"

// func adviseLeaf(address, length, advice uintptr) (result int)
TEXT ·adviseLeaf(SB), NOSPLIT|NOFRAME, $0-32
	MOVD address+0(FP), R0
	MOVD length+8(FP), R1
	MOVD advice+16(FP), R2
	MOVD $233, R8
	SVC
	MOVD R0, result+24(FP)
	RET

// func adviseFramed(address, length, advice uintptr) (result int)
TEXT ·adviseFramed(SB), NOSPLIT, $48-32
	MOVD address+0(FP), R0
	MOVD length+8(FP), R1
	MOVD advice+16(FP), R2
	MOVD $233, R8
	SVC
	MOVD R0, result+24(FP)
	RET
