//! Which processors' executables are read, and how others are called when they are refused.

use object::elf;

use crate::go::Error;
use crate::go::bytes::{u8_at, u16_at};

/// An architecture whose tables are read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Machine {
    /// Go's name.
    pub(super) arch: &'static str,
    /// The type of the relocations that add the base address.
    pub(super) relative: u32,
}

const AMD64: Machine = Machine {
    arch: "amd64",
    relative: elf::R_X86_64_RELATIVE.0,
};
const ARM64: Machine = Machine {
    arch: "arm64",
    relative: elf::R_AARCH64_RELATIVE.0,
};

/// `EI_CLASS`, `EI_DATA`, `e_machine`, and what is said about them.
type Refused = (u8, u8, u16, &'static str);

const NARROW: u8 = elf::ELFCLASS32.0;
const WIDE: u8 = elf::ELFCLASS64.0;
const LITTLE: u8 = elf::ELFDATA2LSB.0;
const BIG: u8 = elf::ELFDATA2MSB.0;

/// The other architectures of Go, and x32.
const REFUSED: &[Refused] = &[
    (NARROW, LITTLE, elf::EM_386.0, "386 (32 bits)"),
    (NARROW, LITTLE, elf::EM_X86_64.0, "amd64p32 (32 bits)"),
    (NARROW, LITTLE, elf::EM_ARM.0, "arm (32 bits)"),
    (NARROW, LITTLE, elf::EM_MIPS.0, "mipsle (32 bits)"),
    (NARROW, BIG, elf::EM_ARM.0, "armbe (32 bits, big endian)"),
    (NARROW, BIG, elf::EM_MIPS.0, "mips (32 bits, big endian)"),
    (NARROW, BIG, elf::EM_PPC.0, "ppc (32 bits, big endian)"),
    (NARROW, BIG, elf::EM_S390.0, "s390 (32 bits, big endian)"),
    (NARROW, BIG, elf::EM_SPARC.0, "sparc (32 bits, big endian)"),
    (WIDE, BIG, elf::EM_AARCH64.0, "arm64be (big endian)"),
    (WIDE, BIG, elf::EM_MIPS.0, "mips64 (big endian)"),
    (WIDE, BIG, elf::EM_PPC64.0, "ppc64 (big endian)"),
    (WIDE, BIG, elf::EM_S390.0, "s390x (big endian)"),
    (WIDE, BIG, elf::EM_SPARCV9.0, "sparc64 (big endian)"),
    (WIDE, LITTLE, elf::EM_LOONGARCH.0, "loong64"),
    (WIDE, LITTLE, elf::EM_MIPS.0, "mips64le"),
    (WIDE, LITTLE, elf::EM_PPC64.0, "ppc64le"),
    (WIDE, LITTLE, elf::EM_RISCV.0, "riscv64"),
];

/// The machine of an ELF file.
pub(super) fn supported(file: &[u8]) -> Result<Machine, Error> {
    if !file.starts_with(b"\x7fELF") {
        return Err(Error::NotElf);
    }
    let header = Error::Damaged("file header");
    let (class, order) = (u8_at(file, 4).ok_or(header)?, u8_at(file, 5).ok_or(header)?);
    let machine = u16_at(file, 18).ok_or(header)?;
    let machine = if order == BIG {
        machine.swap_bytes()
    } else {
        machine
    };
    let refused = REFUSED
        .iter()
        .find(|(a, b, c, _)| (*a, *b, *c) == (class, order, machine));
    match (class, order, machine) {
        (WIDE, LITTLE, amd64) if amd64 == elf::EM_X86_64.0 => Ok(AMD64),
        (WIDE, LITTLE, arm64) if arm64 == elf::EM_AARCH64.0 => Ok(ARM64),
        _ => Err(match (refused, class, order) {
            (Some((.., name)), ..) => Error::Unsupported(name),
            (None, NARROW, _) => Error::Unsupported("an unknown architecture (32 bits)"),
            (None, WIDE, BIG) => Error::Unsupported("an unknown architecture (big endian)"),
            (None, WIDE, LITTLE) => Error::Unsupported("an unknown architecture"),
            _ => Error::Damaged("class or byte order"),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::supported;

    #[track_caller]
    fn check(class: u8, order: u8, machine: [u8; 2], expected: &str) {
        let mut file = *b"\x7fELF\0\0\x01\0\0\0\0\0\0\0\0\0\x02\0\0\0";
        (file[4], file[5]) = (class, order);
        file[18..].copy_from_slice(&machine);
        let found = supported(&file).map(|machine| machine.arch.to_owned());
        assert_eq!(found.unwrap_or_else(|error| error.to_string()), expected);
    }

    #[test]
    fn machines() {
        check(2, 1, [62, 0], "amd64");
        check(2, 1, [183, 0], "arm64");
        check(
            1,
            1,
            [3, 0],
            "code for 386 (32 bits); only amd64 and arm64 are read",
        );
        check(
            2,
            2,
            [0, 22],
            "code for s390x (big endian); only amd64 and arm64 are read",
        );
        check(
            2,
            1,
            [243, 0],
            "code for riscv64; only amd64 and arm64 are read",
        );
        check(
            2,
            1,
            [1, 1],
            "code for an unknown architecture; only amd64 and arm64 are read",
        );
        check(3, 1, [62, 0], "damaged file: class or byte order");
    }

    #[test]
    fn cut_headers() {
        for length in 0..20 {
            let file = &b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0"[..length];
            assert!(supported(file).is_err());
        }
    }
}
