//! Whether a process stands still: stopped by a signal, held by a debugger, or frozen with its cgroup.

use std::io;

use super::{SHORT, cgroup, read_capped, stat};

/// Where a frozen thread waits: in the freezer of cgroup 2, and in that of cgroup 1 before Linux 6.1,
/// which freezes it where it sleeps.
const FREEZERS: &[&[u8]] = &[b"do_freezer_trap", b"__refrigerator"];

/// What a thread frozen where it sleeps looks like (`__task_state_index` of the kernel's
/// `include/linux/sched.h`), and one that waits for a disk.
const FROZEN: char = 'D';

/// Asks about the main thread, which stands still with all the others.
///
/// # Errors
/// When the process is gone.
pub fn read(pid: u32) -> io::Result<bool> {
    let state = stat::read(pid)?.state;
    // Frozen threads sleep, like others: only where they do tells. Without the name, they are not.
    let waits_in = read_capped(format!("/proc/{pid}/wchan"), SHORT).unwrap_or_default();
    Ok(is_stopped(state) || is_freezer(&waits_in) || (state == FROZEN && cgroup::is_frozen(pid)))
}

/// `T` by a signal, `t` by a debugger.
fn is_stopped(state: char) -> bool {
    matches!(state, 'T' | 't')
}

fn is_freezer(function: &[u8]) -> bool {
    FREEZERS.contains(&function.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_stands_still() {
        for (state, stopped) in [('T', true), ('t', true), ('S', false), ('R', false)] {
            assert_eq!(is_stopped(state), stopped, "{state}");
        }
        for (function, frozen) in [
            (&b"do_freezer_trap"[..], true),
            (b"__refrigerator\n", true),
            (b"futex_wait_queue", false),
            (b"0", false),
        ] {
            assert_eq!(is_freezer(function), frozen);
        }
        assert!(!read(std::process::id()).expect("we run"));
    }
}
