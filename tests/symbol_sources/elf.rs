//! ELF files of 64 bits, to find functions in and to damage.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

/// The bytes of a file.
pub(super) struct Elf {
    pub(super) bytes: Vec<u8>,
    functions: Vec<(String, u64)>,
}

impl Elf {
    pub(super) fn read(path: &Path) -> Result<Self> {
        let symbols = Command::new("nm").arg(path).output()?.stdout;
        let functions = String::from_utf8(symbols)?;
        let functions = functions.lines().filter_map(|line| {
            let mut words = line.split(' ');
            let address = u64::from_str_radix(words.next()?, 16).ok()?;
            let kind = words.next()?;
            let is_function = kind.eq_ignore_ascii_case("t");
            is_function.then_some((words.next()?.to_owned(), address))
        });
        Ok(Self {
            functions: functions.collect(),
            bytes: fs::read(path)?,
        })
    }

    /// Where functions are linked to lie.
    pub(super) fn functions<const N: usize>(&self, names: [&str; N]) -> Result<[u64; N]> {
        let mut addresses = [0; N];
        for (address, name) in addresses.iter_mut().zip(names) {
            let found = self.functions.iter().find(|(known, _)| known == name);
            *address = found.with_context(|| format!("no function {name}"))?.1;
        }
        Ok(addresses)
    }

    fn word(&self, at: usize) -> Result<u64> {
        let bytes = self.bytes.get(at..).and_then(<[u8]>::first_chunk);
        Ok(u64::from_le_bytes(*bytes.context("the file is too short")?))
    }

    /// Where the header of a section is.
    fn section(&self, name: &str) -> Result<usize> {
        let start = self.word(40)? as usize;
        let numbers = self.word(56)?;
        let (count, names) = ((numbers >> 32) & 0xffff, numbers >> 48);
        let names = self.word(start + names as usize * 64 + 24)? as usize;
        let mut headers = (0..count as usize).map(|index| start + index * 64);
        let is_it = |header: &usize| {
            let at = self.word(*header).unwrap_or_default() as u32 as usize;
            let rest = self.bytes.get(names + at..).unwrap_or_default();
            rest.starts_with(name.as_bytes()) && rest.get(name.len()) == Some(&0)
        };
        headers
            .find(is_it)
            .with_context(|| format!("no section {name}"))
    }

    /// Replaces what is in a section, compressed or not.
    pub(super) fn replace(&mut self, name: &str, contents: &[u8], compressed: bool) -> Result<()> {
        let header = self.section(name)?;
        let offset = self.bytes.len().next_multiple_of(8);
        self.bytes.resize(offset, 0);
        self.bytes.extend_from_slice(contents);
        let flags = if compressed { 0x800 } else { 0 };
        let fields = [(8, flags), (24, offset as u64), (32, contents.len() as u64)];
        for (field, value) in fields {
            self.bytes[header + field..][..8].copy_from_slice(&value.to_le_bytes());
        }
        Ok(())
    }

    /// Lets a section claim to be this long.
    pub(super) fn resize(&mut self, name: &str, size: u64) -> Result<()> {
        let header = self.section(name)?;
        self.bytes[header + 32..][..8].copy_from_slice(&size.to_le_bytes());
        Ok(())
    }
}
