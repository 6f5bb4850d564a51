//! Names come from the very files that a process runs, wherever they are and whatever becomes of them,
//! and out of a helper process that files cannot turn into a weapon.

mod symbol_sources {
    mod analysis;
    mod bombs;
    mod debug_files;
    mod elf;
    mod helper;
    mod libraries;
    mod places;
    mod scene;
    mod session;
}
