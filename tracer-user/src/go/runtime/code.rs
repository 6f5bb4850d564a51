//! Which variables a function of amd64 code refers to.

use iced_x86::{Decoder, DecoderOptions};

/// More instructions than a function of the runtime has.
const MAX_INSTRUCTIONS: usize = 20_000;

/// Addresses that the instructions refer to relative to themselves, in the order of the code.
///
/// Go reaches variables so, wherever the program lies; calls and jumps are not meant.
pub(super) fn references(code: &[u8], address: u64) -> Vec<u64> {
    let mut found = Vec::new();
    each_reference(code, address, |_, variable| found.push(variable));
    found
}

/// Hands on the address of each such instruction, and what it refers to.
pub(in crate::go) fn each_reference(code: &[u8], address: u64, mut take: impl FnMut(u64, u64)) {
    let mut decoder = Decoder::with_ip(64, code, address, DecoderOptions::NONE);
    for instruction in decoder.iter().take(MAX_INSTRUCTIONS) {
        if instruction.is_ip_rel_memory_operand() {
            take(instruction.ip(), instruction.ip_rel_memory_address());
        }
    }
}

/// Where a structure may begin when a function refers to all of these fields of it.
pub(super) fn bases(references: &[u64], offsets: &[u64]) -> Vec<u64> {
    let Some((first, others)) = offsets.split_first() else {
        return Vec::new();
    };
    let mut bases: Vec<u64> = references
        .iter()
        .filter_map(|reference| reference.checked_sub(*first))
        .filter(|base| {
            let field = |offset: &u64| base.checked_add(*offset);
            others
                .iter()
                .all(|offset| field(offset).is_some_and(|field| references.contains(&field)))
        })
        .collect();
    bases.sort_unstable();
    bases.dedup();
    bases
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_of_real_code() {
        // runtime.sysAlloc of Go 1.26: its start, the add to mappedReady, a call.
        let code = [
            0x48, 0x8d, 0x0d, 0x10, 0x00, 0x00, 0x00, // lea 0x10(%rip),%rcx
            0xf0, 0x48, 0x0f, 0xc1, 0x11, // lock xadd %rdx,(%rcx)
            0xe8, 0x00, 0x10, 0x00, 0x00, // call
            0x83, 0x3d, 0x00, 0x01, 0x00, 0x00, 0x00, // cmpl $0,0x100(%rip)
        ];
        assert_eq!(references(&code, 0x1000), [0x1017, 0x1118]);
        assert!(references(&code[..6], 0x1000).is_empty());
    }

    #[test]
    fn all_fields_are_referred_to() {
        let references = [100, 116, 140, 156, 500];
        assert_eq!(bases(&references, &[0, 16]), [100, 140]);
        assert_eq!(bases(&references, &[16, 0]), [100, 140]);
        assert_eq!(bases(&references, &[0, 16, 400]), [100]);
        assert!(bases(&references, &[600]).is_empty());
        assert!(bases(&references, &[]).is_empty());
    }
}
