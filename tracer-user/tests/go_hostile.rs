//! Executables that lie: every answer may be wrong, but it comes, soon and without much memory.

#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "go_symbols/toolchain.rs"]
#[expect(dead_code, reason = "other tests use the rest")]
mod toolchain;

#[path = "../../tests/fuzz/src/mini.rs"]
#[expect(
    unreachable_pub,
    reason = "in the crate of the fuzz targets it is a library's"
)]
mod mini;

mod go_hostile {
    mod files;
    mod lies;
    mod mutations;
    mod program;
    mod roundtrip;
    mod seeds;
}
