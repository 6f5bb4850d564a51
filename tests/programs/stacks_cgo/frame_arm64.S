	.text
	.globl	advise_with_frame
	.type	advise_with_frame, %function
advise_with_frame:
	stp	x29, x30, [sp, -16]!
	mov	x29, x3
	mov	x8, 233
	svc	0
	ldp	x29, x30, [sp], 16
	ret
	.size	advise_with_frame, . - advise_with_frame

	.globl	call_with_frame
	.type	call_with_frame, %function
call_with_frame:
	stp	x29, x30, [sp, -16]!
	mov	x29, x1
	blr	x0
	ldp	x29, x30, [sp], 16
	ret
	.size	call_with_frame, . - call_with_frame
	.section .note.GNU-stack, "", %progbits
