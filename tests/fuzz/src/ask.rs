//! What a symbolizer asks an executable.

use tracer_user::go::{self, Binary, Table};

/// Frames at one address: a hundred inlined calls and the function.
const MAX_DEPTH: usize = 101;

/// Parses the file and looks up these addresses in every way.
///
/// # Panics
/// When an answer is larger than it may be.
pub fn everything(file: &[u8], pcs: &[u64]) {
    let _ = go::parts(file);
    let Ok(binary) = Binary::parse(file) else {
        return;
    };
    let _ = binary.address_of(0x100);
    if let Some(table) = &binary.table {
        lookups(table, pcs);
    }
}

fn lookups(table: &Table, pcs: &[u64]) {
    assert!(table.memory() <= 2 * table.pclntab_bytes() + (64 << 10) + size_of::<Table>());
    let mut known = table.lookups();
    for pc in pcs {
        assert!(table.frames(*pc).count() <= MAX_DEPTH);
        assert!(known.frames(*pc).len() <= MAX_DEPTH);
        let _ = (table.frameless(*pc), table.function_entry(*pc));
    }
    let mut visited = 0;
    table.lookup_all(pcs, |_, frames| {
        assert!(frames.len() <= MAX_DEPTH);
        visited += 1;
    });
    assert_eq!(visited, pcs.len());
    let [goexit] = table.function_ranges(["runtime.goexit"]);
    let _ = (goexit, table.functions().take(64).count());
}
