//! A copy of a piece of the user's stack.

use core::ffi::c_void;

use aya_ebpf::helpers::generated;

use super::Word;

/// Words of a slab. Most Go stacks are shallower than 4 KiB, so one read serves.
const SLAB_WORDS: usize = 512;

/// Bytes of the largest slab.
pub(super) const MAX_BYTES: u64 = 8 * SLAB_WORDS as u64;

/// Bytes to try after that: a slab that runs off its mapping cannot be read at all.
const SMALLER: [u64; 2] = [512, 16];

/// Bytes that are worth no second read.
const MIN_BYTES: u64 = 512;

/// The memory at `base`, as far as it was read.
#[repr(C)]
pub(crate) struct Slab {
    base: Word,
    /// Bytes.
    size: Word,
    words: [u64; SLAB_WORDS],
    /// The verifier counts in bytes: for all that it knows, the last pair reaches in here.
    _spare: u64,
}

impl Slab {
    /// Reads about `bytes` of the memory at `base`, or as much as possible.
    #[inline(always)]
    pub(super) fn load(&mut self, base: u64, bytes: u64) {
        let bytes = bytes.clamp(MIN_BYTES, MAX_BYTES);
        self.base.set(base);
        self.size.set(0);
        for bytes in [bytes, SMALLER[0], SMALLER[1]] {
            // SAFETY: the slab holds the largest size; the helper checks the user address.
            let status = unsafe {
                generated::bpf_probe_read_user(
                    self.words.as_mut_ptr().cast::<c_void>(),
                    bytes as u32,
                    base as *const c_void,
                )
            };
            if status == 0 {
                self.size.set(bytes);
                return;
            }
        }
    }

    /// The word at the base, 0 where it could not be read.
    #[inline(always)]
    pub(super) fn first(&self) -> u64 {
        if self.size.get() == 0 {
            0
        } else {
            self.words[0]
        }
    }

    /// A word by its number, below `SLAB_WORDS`; it may be one of an earlier slab.
    ///
    /// A mask and no comparison: up to 5.10 the verifier forgets what was compared when it is spilled.
    #[inline(always)]
    pub(crate) fn word(&self, index: usize) -> u64 {
        self.words[index & (SLAB_WORDS - 1)]
    }

    /// The two words at `address`, if it is a multiple of 8 and they were read.
    #[inline(always)]
    pub(super) fn loaded_pair(&self, address: u64) -> Option<(u64, u64)> {
        let offset = address.wrapping_sub(self.base.get());
        if offset & 7 != 0 || offset >= self.size.get().saturating_sub(15) {
            return None;
        }
        self.pair_at(offset)
    }

    /// The two words at `address`, a multiple of 8.
    #[inline(always)]
    pub(super) fn pair(&mut self, address: u64) -> Option<(u64, u64)> {
        let offset = address.wrapping_sub(self.base.get());
        let size = self.size.get();
        if offset >= size || offset.wrapping_add(16) > size {
            self.load(address, MAX_BYTES);
            if self.size.get() == 0 {
                return None;
            }
        }
        self.pair_at(address.wrapping_sub(self.base.get()))
    }

    #[inline(always)]
    fn pair_at(&self, offset: u64) -> Option<(u64, u64)> {
        let word = offset >> 3;
        if word >= SLAB_WORDS as u64 - 1 {
            return None;
        }
        Some((self.words[word as usize], self.words[word as usize + 1]))
    }
}
