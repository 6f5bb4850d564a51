//! Every refusal by its words.

#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::failure::ExitStatus;

fn stat(comm: &str, state: char, kernel_thread: bool, threads: u64) -> Stat {
    Stat {
        comm: comm.to_owned(),
        state,
        kernel_thread,
        threads,
        start_ticks: 7,
    }
}

fn process(tgid: u32) -> Status {
    Status {
        tgid: Some(tgid),
        ..Status::default()
    }
}

#[track_caller]
fn check(found: Result<(), Failure>, error: &str, hint: &str) {
    let found = found.unwrap_err();
    assert_eq!((found.error.as_str(), found.hint.as_str()), (error, hint));
    assert_eq!(found.status, ExitStatus::Unsupported);
}

#[test]
fn only_small_positive_numbers_are_pids() {
    for pid in [0, 1 << 22, u32::MAX] {
        let found = sensible(pid).unwrap_err();
        assert_eq!(found.status, ExitStatus::Usage);
        assert_eq!(
            found.error,
            format!("{pid} is not a pid: they go from 1 to 4194303")
        );
    }
    assert!(sensible(1).is_ok() && sensible((1 << 22) - 1).is_ok());
}

#[test]
fn states() {
    assert!(judge(9, &stat("shop", 'S', false, 8), &process(9)).is_ok());
    assert!(judge(9, &stat("shop", 'T', false, 8), &Status::default()).is_ok());
    check(
        judge(9, &stat("kworker/0:1", 'I', true, 1), &process(9)),
        "pid 9 (kworker/0:1) is a kernel thread and has no memory of its own",
        "list the processes with: ps -e -o pid,user,comm",
    );
    check(
        judge(9, &stat("shop", 'S', false, 8), &process(7)),
        "9 (shop) is a thread, not a process",
        "trace its process: --pid 7",
    );
    check(
        judge(9, &stat("shop", 'Z', false, 1), &process(9)),
        "pid 9 (shop) has exited: it is a zombie, which its parent has not waited for",
        "start the program again, then attach to its new pid",
    );
    check(
        judge(9, &stat("shop", 'X', false, 1), &process(9)),
        "pid 9 has exited",
        "start the program again, then attach to its new pid",
    );
    check(
        judge(9, &stat("shop", 'Z', false, 2), &process(9)),
        "the main thread of pid 9 (shop) has exited, which hides its memory",
        "such a process cannot be looked into while its other threads run",
    );
}

#[test]
fn not_there_or_hidden() {
    let gone = io::Error::from(Errno::NOENT);
    check(
        Err(unreadable(9, &gone, false)),
        "there is no process with pid 9",
        "list the processes with: ps -e -o pid,user,comm",
    );
    check(
        Err(unreadable(9, &gone, true)),
        "pid 9 exists, but /proc hides it (mount option hidepid)",
        &how_to_grant(),
    );
    check(
        Err(unreadable(9, &io::Error::from(Errno::ACCESS), true)),
        "/proc/9 cannot be read: Permission denied (os error 13)",
        &how_to_grant(),
    );
}

#[test]
fn no_permission() {
    let denied = io::Error::from(Errno::ACCESS);
    check(
        Err(forbidden(9, Some(0), &denied, Effective(1 << 39 | 1 << 38))),
        "no permission to look into pid 9 of uid 0 (Permission denied (os error 13)); \
         missing: CAP_SYS_PTRACE CAP_DAC_READ_SEARCH CAP_CHECKPOINT_RESTORE",
        &how_to_grant(),
    );
    check(
        Err(forbidden(9, None, &denied, Effective(u64::MAX))),
        "no permission to look into pid 9 of another user (Permission denied (os error 13))",
        "all capabilities are there: a security module forbids it",
    );
    check(
        Err(user_namespace(9, &denied)),
        "no permission to look into pid 9 from inside of a user namespace (Permission denied (os error 13))",
        "run it as root of the machine, outside of the rootless container",
    );
}

#[test]
fn another_start_time_is_another_process() {
    let before = stat("shop", 'S', false, 8);
    assert!(recycled(9, &before, &before).is_ok());
    check(
        recycled(
            9,
            &before,
            &Stat {
                start_ticks: 8,
                ..before.clone()
            },
        ),
        "pid 9 (shop) exited while it was being opened, and another process has its pid",
        "look up the pid again: ps -e -o pid,user,lstart,comm",
    );
}

#[test]
fn pidfds() {
    check(
        Err(no_pidfd(9, Errno::SRCH)),
        &exited(9).error,
        &exited(9).hint,
    );
    check(
        Err(no_pidfd(9, Errno::NOSYS)),
        "this kernel has no pidfd_open (Linux 5.3)",
        "a newer kernel is needed; `tracer doctor` shows what else is missing",
    );
    check(
        Err(no_pidfd(9, Errno::PERM)),
        "pid 9 cannot be opened: pidfd_open: Operation not permitted (os error 1)",
        "a seccomp filter may forbid pidfd_open: run it outside of the container",
    );
}

#[test]
fn other_languages_and_machines() {
    check(
        Err(of_32_bits(9, "shop")),
        "pid 9 (shop) is a program of 32 bits",
        "only programs of 64 bits can be traced: build it with GOARCH=amd64 or arm64",
    );
    check(
        Err(not_go(4711, "nginx", "C")),
        "pid 4711 (nginx) is not a Go program: it looks like C",
        "`--any` traces it without Go knowledge",
    );
}
