//! `__x64_sys_*` by fentry and fexit: these need a program for each function.

use aya_ebpf::{
    macros::{fentry, fexit},
    programs::{FEntryContext, FExitContext},
};
use tracer_ebpf::Kind;

use crate::call;

/// Declares the program for the return of a call.
macro_rules! on_return {
    ($($program:ident $kind:ident)*) => {
        $(
            #[fexit]
            fn $program(ctx: FExitContext) -> i32 {
                // The only parameter of `__x64_sys_*` is its registers; the result follows it.
                call::returned(Some(Kind::$kind), ctx.arg(1));
                0
            }
        )*
    };
}

/// Declares the program for the entry of a releasing call.
macro_rules! on_enter {
    ($($program:ident)*) => {
        $(
            #[fentry]
            fn $program(_ctx: FEntryContext) -> i32 {
                call::entered();
                0
            }
        )*
    };
}

on_return! {
    fx_mmap MMAP
    fx_munmap MUNMAP
    fx_mremap MREMAP
    fx_brk BRK
    fx_madvise MADVISE
    fx_process_madvise PROCESS_MADVISE
    fx_mprotect MPROTECT
    fx_socket SOCKET
    fx_connect CONNECT
    fx_accept ACCEPT
    fx_accept4 ACCEPT4
    fx_close CLOSE
    fx_dup DUP
    fx_dup2 DUP2
    fx_dup3 DUP3
    fx_close_range CLOSE_RANGE
    fx_fcntl FCNTL
    fx_socketpair SOCKETPAIR
    fx_getsockopt GETSOCKOPT
}

on_enter! {
    fe_munmap
    fe_mremap
    fe_brk
    fe_close
    fe_dup2
    fe_dup3
    fe_close_range
}
