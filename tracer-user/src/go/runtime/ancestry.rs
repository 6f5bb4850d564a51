//! The goroutines that are alive, by which others created them.

use super::doubt::Doubt;
use super::globals::Globals;
use super::memory::Memory;
use super::record::each;

/// Goroutines that are told; the oldest come first, and are those that create others.
const MAX_TOLD: u64 = 20_000;

/// A goroutine and its creation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Birth {
    /// Its number.
    pub goroutine: u64,
    /// The number of the goroutine that created it (Go 1.21 and newer).
    pub parent: Option<u64>,
    /// The `go` statement, as a return address.
    pub created_at: u64,
}

/// Lists the goroutines that are alive and that a `go` statement created.
///
/// # Errors
/// When their list cannot be read.
pub fn read_births<M: Memory + ?Sized>(memory: &M, globals: &Globals) -> Result<Vec<Birth>, Doubt> {
    let fields = &globals.layout.g;
    let list = memory.slice(globals.all_gs);
    let mut list = list.ok_or(Doubt::NotFound("list of goroutines (allgs)"))?;
    list.len = list.len.min(MAX_TOLD);
    let ends = [fields.goid, fields.status, fields.creator_pc];
    let ends = ends.into_iter().chain(fields.parent);
    let size = ends.max().unwrap_or(0) as usize + 8;
    let mut births = Vec::new();
    each(memory, list, 1, size, |_, g| {
        let birth = Birth {
            goroutine: g.u64(fields.goid),
            parent: fields.parent.map(|field| g.u64(field)),
            created_at: g.u64(fields.creator_pc),
        };
        // Being made, ended, kept for a thread that C may make.
        let lives = !matches!(g.u32(fields.status) & !0x1000, 0 | 6 | 11);
        if lives && birth.created_at != 0 {
            births.push(birth);
        }
    })?;
    Ok(births)
}
