//! The executable of a process: any file, or an ELF file with any Go tables.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tracer_user::go::{self, Binary};

/// The first words of a pclntab: Go 1.2, 1.16, 1.18 and 1.20, for amd64.
const MAGICS: [u32; 4] = [0xffff_fffb, 0xffff_fffa, 0xffff_fff0, 0xffff_fff1];

/// How many functions and addresses are looked up; enough to reach each table.
const LOOKUPS: usize = 64;

fuzz_target!(|input: (u8, &[u8], &[u8], &[u8])| {
    let (selector, functions, build_info, data) = input;
    let file = match MAGICS.get(usize::from(selector)) {
        None => functions.to_vec(),
        Some(magic) => {
            let table = [&magic.to_le_bytes(), &[0, 0, 1, 8][..], functions].concat();
            let build_info = [b"\xff Go buildinf:", build_info].concat();
            tracer_fuzz::elf::with_sections(&[
                (".text", &[0x90; 64]),
                (".gopclntab", &table),
                (".go.buildinfo", &build_info),
                (".noptrdata", data),
                (".note.gnu.build-id", data),
            ])
        }
    };
    let _ = go::parts(&file);
    let Ok(binary) = Binary::parse(&file) else {
        return;
    };
    let _ = binary.address_of(0x100);
    let Some(table) = &binary.table else {
        return;
    };
    let mut addresses: Vec<u64> = table
        .functions()
        .take(LOOKUPS)
        .map(|(entry, _)| entry)
        .collect();
    addresses.extend([0, 0x40_0000, 0x40_0080, u64::MAX, table.text_range().start]);
    for address in addresses {
        let _ = table.frames(address.wrapping_add(1)).take(LOOKUPS).count();
        let _ = table.lookup(address);
        let _ = table.frameless(address);
        let _ = table.function_entry(address);
    }
    let _ = table.function_range("runtime.goexit");
});
