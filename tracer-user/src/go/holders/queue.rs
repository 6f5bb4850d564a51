//! Finalizers that wait for their turn (`runtime/mfinal.go`): what they are for stays.

use super::module::Module;
use super::roots::{Root, Roots};
use crate::go::runtime::{Memory, Record};

/// Blocks of finalizers, and how many of them a block has at most.
const MAX_BLOCKS: usize = 10_000;
const MAX_ENTRIES: u32 = 101;

/// `finblock`: alllink, next, cnt; then the finalizers: fn, arg, nret, fint, ot.
const HEADER: usize = 24;
const ENTRY: usize = 40;

/// Adds what waits in the lists that begin at one of `variables`, if that is what they are.
pub(super) fn add<M: Memory + ?Sized>(
    roots: &mut Roots,
    memory: &M,
    module: &Module,
    variables: &[u64],
) {
    for variable in variables {
        let mut at = memory.word(*variable).unwrap_or(0);
        for _ in 0..MAX_BLOCKS {
            let Some((next, waiting)) = block(memory, module, at) else {
                break;
            };
            for (function, object) in waiting {
                roots.add(object, Root::Queued(function));
                roots.add(function, Root::Queued(function));
            }
            at = next;
        }
    }
}

/// The next block, and the functions and objects in this one.
fn block<M: Memory + ?Sized>(
    memory: &M,
    module: &Module,
    at: u64,
) -> Option<(u64, Vec<(u64, u64)>)> {
    if at == 0 || !at.is_multiple_of(8) {
        return None;
    }
    let mut header = [0; HEADER];
    memory.read(at, &mut header).ok()?;
    let header = Record(&header);
    let count = header.u32(16);
    if count > MAX_ENTRIES || header.u32(20) != 0 {
        return None;
    }
    let mut bytes = vec![0; count as usize * ENTRY];
    memory
        .read(at.checked_add(HEADER as u64)?, &mut bytes)
        .ok()?;
    let mut waiting = Vec::new();
    for entry in bytes.chunks_exact(ENTRY) {
        let entry = Record(entry);
        let (function, object, kind) = (entry.u64(0), entry.u64(8), entry.u64(24));
        if function == 0 || !module.types.contains(&kind) {
            return None;
        }
        waiting.push((function, object));
    }
    Some((header.u64(0), waiting))
}
