//! Where a thread keeps the address of its g.
//!
//! `runtime.tlsg` lies below the thread pointer, next to it where it is the only thread-local
//! variable of the program, further away where C has its own (a static C library: 88 bytes). The
//! linkers write the distance into each access; `runtime.stackcheck` begins with one.

use std::fs::File;
use std::os::unix::fs::FileExt as _;

use crate::go::Binary;

/// Right below the thread pointer (linux/amd64). Where that is wrong, the walker's check of `m.g0`
/// finds no goroutine.
pub(super) const USUAL_OFFSET: i64 = -8;

/// The distance that the program itself uses, `None` where its code does not tell.
pub(super) fn own_offset(pid: u32, binary: &Binary, bias: u64) -> Option<i64> {
    let check = binary
        .table
        .as_ref()?
        .function_range("runtime.stackcheck")?;
    let mut code = [0; 16];
    // The bytes as they are loaded: their place in the file need not be known.
    let memory = File::open(format!("/proc/{pid}/mem")).ok()?;
    memory
        .read_exact_at(&mut code, check.start.wrapping_add(bias))
        .ok()?;
    offset(&code)
}

/// The distance in the first access to a thread-local variable of these instructions (amd64).
fn offset(code: &[u8]) -> Option<i64> {
    // mov %fs:DISTANCE,%rax
    let absolute = code.strip_prefix(&[0x64, 0x48, 0x8b, 0x04, 0x25]);
    // mov $DISTANCE,%rcx; mov %fs:(%rcx),…
    let loaded = code.strip_prefix(&[0x48, 0xc7, 0xc1]);
    let distance = i32::from_le_bytes(*absolute.or(loaded)?.first_chunk()?);
    // A word below the thread pointer.
    (distance < 0 && distance % 8 == 0).then_some(i64::from(distance))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(code: &[u8], expected: Option<i64>) {
        assert_eq!(offset(code), expected);
    }

    #[test]
    fn accesses() {
        // Go 1.15 and 1.27, static and dynamic.
        check(
            &[0x64, 0x48, 0x8b, 0x04, 0x25, 0xf8, 0xff, 0xff, 0xff, 0x48],
            Some(-8),
        );
        // Linked with a static C library.
        check(
            &[0x64, 0x48, 0x8b, 0x04, 0x25, 0xa8, 0xff, 0xff, 0xff, 0x48],
            Some(-88),
        );
        // Position-independent.
        check(
            &[
                0x48, 0xc7, 0xc1, 0xf8, 0xff, 0xff, 0xff, 0x64, 0x48, 0x8b, 0x01,
            ],
            Some(-8),
        );
        // Above the thread pointer, odd, cut off, something else.
        check(&[0x48, 0xc7, 0xc1, 0x08, 0, 0, 0], None);
        check(&[0x48, 0xc7, 0xc1, 0xf9, 0xff, 0xff, 0xff], None);
        check(&[0x64, 0x48, 0x8b, 0x04, 0x25, 0xf8], None);
        check(&[0x48, 0x8b, 0x0d, 0, 0, 0, 0], None);
        check(&[], None);
    }
}
