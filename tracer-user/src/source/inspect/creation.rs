//! Where `runtime.newproc1` has a new goroutine ready: places for probes.
//!
//! From Go 1.15 on it returns the g: there each of its return instructions is a place. Before, it
//! hands the g to `runtime.runqput`: there the call is.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;

use iced_x86::{Code, Decoder, DecoderOptions, Instruction};
use tracer_core::event::Mapping;

use super::{load_bias, minor};
use crate::go::Binary;

/// Largest code that is looked through; `newproc1` has about 1 KiB.
const MAX_CODE: u64 = 64 << 10;
/// Most places: Go 1.10 to 1.27 have one.
const MAX_PLACES: usize = 8;
/// Words before the result of `newproc1` on the stack: the return address and five arguments.
const RESULT_ON_STACK: u32 = 8 * 6;
/// The second argument of `runqput`, before its return address is there.
const SECOND_ARGUMENT: u32 = 8;

/// Where probes go.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::source) struct Places {
    /// Offsets in the file.
    pub(in crate::source) offsets: Vec<u64>,
    /// Where the g is then: bytes from the stack pointer; 0 for the register of the first result.
    pub(in crate::source) new_g: u32,
}

/// The places in a process that runs `binary`; else why there are none.
pub(in crate::source) fn places(
    pid: u32,
    binary: &Binary,
    mappings: &[Mapping],
    exe: &str,
) -> Result<Places, String> {
    if binary.arch != "amd64" {
        return Err(format!("it is not known how on {}", binary.arch));
    }
    let minor = binary.go_version.as_deref().and_then(minor);
    let minor = minor.ok_or("the version of Go is not known")?;
    let table = binary.table.as_ref().ok_or("there is no pclntab")?;
    let names = ["runtime.newproc1", "runtime.runqput"];
    let [function, handover] = table.function_ranges(names);
    let function = function.ok_or("there is no runtime.newproc1")?;
    let bias = load_bias(binary, mappings, exe).unwrap_or(0);
    let code = read(pid, &function, bias).map_err(|error| format!("cannot read code: {error}"))?;
    let found = if minor >= 15 {
        returns(&code, function.start)
    } else {
        let callee = handover.ok_or("there is no runtime.runqput")?;
        calls(&code, function.start, callee.start)
    };
    let offsets: Vec<u64> = found
        .iter()
        .filter_map(|address| binary.offset_of_code(*address))
        .collect();
    if offsets.is_empty() || offsets.len() > MAX_PLACES {
        return Err(format!("runtime.newproc1 has {} ends", offsets.len()));
    }
    let new_g = match minor {
        ..15 => SECOND_ARGUMENT,
        15 | 16 => RESULT_ON_STACK,
        _ => 0,
    };
    Ok(Places { offsets, new_g })
}

/// The bytes as they are loaded, which may differ from the file where it is position-independent.
fn read(pid: u32, function: &Range<u64>, bias: u64) -> std::io::Result<Vec<u8>> {
    let length = function.end.saturating_sub(function.start).min(MAX_CODE);
    let mut code = vec![0; length as usize];
    let memory = File::open(format!("/proc/{pid}/mem"))?;
    memory.read_exact_at(&mut code, function.start.wrapping_add(bias))?;
    Ok(code)
}

fn instructions(code: &[u8], start: u64) -> impl Iterator<Item = Instruction> {
    let decoder = Decoder::with_ip(64, code, start, DecoderOptions::NONE);
    decoder.into_iter()
}

/// Addresses of the return instructions.
fn returns(code: &[u8], start: u64) -> Vec<u64> {
    instructions(code, start)
        .filter(|instruction| instruction.code() == Code::Retnq)
        .map(|instruction| instruction.ip())
        .collect()
}

/// Addresses of the calls of `callee`.
fn calls(code: &[u8], start: u64, callee: u64) -> Vec<u64> {
    instructions(code, start)
        .filter(|call| call.code() == Code::Call_rel32_64 && call.near_branch_target() == callee)
        .map(|instruction| instruction.ip())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn returns_and_calls_are_told_from_bytes_that_look_like_them() {
        // mov $0xc3,%eax; call 0x1000; add $8,%rsp; ret; int3; call 0x2000; ret
        let code = [
            &[0xb8, 0xc3, 0, 0, 0][..],
            &[0xe8, 0xf6, 0xff, 0xff, 0xff],
            &[0x48, 0x83, 0xc4, 0x08, 0xc3, 0xcc],
            &[0xe8, 0xeb, 0x0f, 0, 0, 0xc3],
        ]
        .concat();
        assert_eq!(returns(&code, 0x1000), [0x100e, 0x1015]);
        assert_eq!(calls(&code, 0x1000, 0x1000), [0x1005]);
        assert_eq!(calls(&code, 0x1000, 0x2000), [0x1010]);
        assert_eq!(calls(&code, 0x1000, 0x3000), [0_u64; 0]);
    }
}
