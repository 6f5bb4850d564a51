//! Go executables of a few hundred bytes, with tables of any content.

/// Where the file is mapped.
const BASE: u64 = 0x40_0000;
const HEADER_BYTES: usize = 64;
const PROGRAM_HEADER_BYTES: usize = 56;

/// A 64-bit ELF file with these sections, all of it in one executable segment.
#[must_use]
pub fn with_sections(sections: &[(&str, &[u8])]) -> Vec<u8> {
    let mut names = vec![0];
    let mut body = Vec::new();
    // Name, type, offset and size of each; the first is the null section.
    let mut table = vec![(0, 0, 0, 0)];
    let begin = HEADER_BYTES + PROGRAM_HEADER_BYTES;
    for (name, bytes) in sections {
        body.resize(body.len().next_multiple_of(16), 0);
        table.push((names.len(), 1_u32, begin + body.len(), bytes.len()));
        names.extend_from_slice(name.as_bytes());
        names.push(0);
        body.extend_from_slice(bytes);
    }
    let name_of_names = names.len();
    names.extend_from_slice(b".shstrtab\0");
    table.push((name_of_names, 3, begin + body.len(), names.len()));
    body.extend_from_slice(&names);

    let table_at = begin + body.len();
    let file_bytes = (table_at + table.len() * 64) as u64;
    let mut file = header(table_at as u64, table.len() as u16);
    file.extend_from_slice(&segment(file_bytes));
    file.extend_from_slice(&body);
    for (name, kind, offset, size) in table {
        let address = if kind == 1 { BASE + offset as u64 } else { 0 };
        // Loaded sections are allocated (2).
        let flags = if kind == 1 { 2_u64 } else { 0 };
        file.extend_from_slice(&(name as u32).to_le_bytes());
        file.extend_from_slice(&kind.to_le_bytes());
        for word in [flags, address, offset as u64, size as u64, 0, 16, 0] {
            file.extend_from_slice(&word.to_le_bytes());
        }
    }
    file
}

/// The file header: little endian, `ET_EXEC`, x86-64, one segment.
fn header(sections_at: u64, sections: u16) -> Vec<u8> {
    let mut file = Vec::from(*b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    file.extend_from_slice(&[2, 0, 62, 0, 1, 0, 0, 0]);
    for word in [BASE, HEADER_BYTES as u64, sections_at] {
        file.extend_from_slice(&word.to_le_bytes());
    }
    file.extend_from_slice(&[0; 4]);
    let (file_header, program_header) = (HEADER_BYTES as u16, PROGRAM_HEADER_BYTES as u16);
    for half in [file_header, program_header, 1, 64, sections, sections - 1] {
        file.extend_from_slice(&half.to_le_bytes());
    }
    file
}

/// `PT_LOAD` of the whole file, readable and executable.
fn segment(bytes: u64) -> Vec<u8> {
    let mut header = vec![1, 0, 0, 0, 5, 0, 0, 0];
    for word in [0, BASE, BASE, bytes, bytes, 4096] {
        header.extend_from_slice(&word.to_le_bytes());
    }
    header
}
