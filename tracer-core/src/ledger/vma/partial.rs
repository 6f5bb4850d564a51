//! Calls that fail after they have done a part.

use super::{PROT_BITS, VmaLedger};
use crate::event::{Call, Errno, Syscall};

/// The answer to a range with a hole.
pub(super) const ENOMEM: Errno = Errno(12);

impl VmaLedger {
    /// Of a range with a hole the kernel answers `ENOMEM`, but has done a part: `mprotect` what
    /// comes before the hole, `madvise` all that is mapped (`mm/mprotect.c`, `mm/madvise.c`).
    pub(super) fn apply_partly(&mut self, call: &Call) {
        match call.what {
            Syscall::Mprotect { addr, len, prot } => {
                let mut reached = addr;
                for (start, end, _) in self.regions.within(addr, self.end(addr, len)) {
                    if start > reached {
                        break;
                    }
                    reached = end;
                }
                self.regions
                    .change(addr, reached, |region| region.prot = prot & PROT_BITS);
            }
            Syscall::Madvise { addr, len, advice } => self.advise(addr, len, advice, call.stack),
            _ => {}
        }
    }
}
