	.text
	.globl	advise_with_frame
	.type	advise_with_frame, @function
advise_with_frame:
	push	%rbp
	mov	%rcx, %rbp
	mov	$28, %eax
	syscall
	pop	%rbp
	ret
	.size	advise_with_frame, . - advise_with_frame

	.globl	call_with_frame
	.type	call_with_frame, @function
call_with_frame:
	push	%rbp
	mov	%rsi, %rbp
	call	*%rdi
	pop	%rbp
	ret
	.size	call_with_frame, . - call_with_frame
	.section .note.GNU-stack, "", @progbits
