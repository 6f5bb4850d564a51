//! Buckets of the heap profile: memory that a hostile process made up.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tracer_user::go::runtime::heap_profile::{HeapProfile, Places};
use tracer_user::go::runtime::{Memory, Unreadable};

/// Where the input lies: the variables first, buckets behind them.
const BASE: u64 = 0x1_0000;

struct Input<'a>(&'a [u8]);

impl Memory for Input<'_> {
    /// Bytes outside are 0, so that large reads go on; far away there is nothing.
    fn read(&self, address: u64, into: &mut [u8]) -> Result<(), Unreadable> {
        let length = into.len();
        let end = address.checked_add(length as u64);
        if end.is_none_or(|end| end > 1 << 20) {
            return Err(Unreadable { address, length });
        }
        for (index, byte) in into.iter_mut().enumerate() {
            let at = (address + index as u64).checked_sub(BASE);
            let known = at.and_then(|at| self.0.get(at as usize));
            *byte = known.copied().unwrap_or(0);
        }
        Ok(())
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((release, image)) = input.split_first() else {
        return;
    };
    let places = Places {
        buckets: BASE,
        cycle: BASE + 8,
        rate: BASE + 16,
        locks: vec![BASE + 24],
    };
    let minor = 10 + u32::from(release % 19);
    let Ok(profile) = HeapProfile::read(&Input(image), &places, minor, || ()) else {
        return;
    };
    // The smallest bucket has a header and a record of 1.27.
    assert!(profile.buckets().len() <= (1 << 20) / 8);
    for (bucket, stack) in profile.buckets() {
        assert!(stack.len() <= 1026);
        let _ = bucket.event();
    }
});
