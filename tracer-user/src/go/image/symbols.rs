//! The symbol table, `.symtab`, which stripped files do not have.

use std::ops::Range;

use object::elf;

use super::Image;
use super::headers::range;
use crate::go::bytes::{string_at, u32_at, u64_at};

/// Bytes of an `Elf64_Sym`.
const SIZE: usize = 24;

/// More symbols than any program has.
const MAX_SYMBOLS: usize = 1 << 23;

/// Characters of a name that are kept.
const MAX_NAME: usize = 1024;

/// A variable in the symbol table.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::go) struct Variable {
    pub(in crate::go) addresses: Range<u64>,
    pub(in crate::go) name: String,
}

impl Image<'_> {
    /// All variables with a size, in the order of addresses, as far as they lie in `ranges`.
    pub(in crate::go) fn variables_in(&self, ranges: &[Range<u64>]) -> Vec<Variable> {
        let mut found = Vec::new();
        let Some((symbols, texts)) = self.symbol_table() else {
            return found;
        };
        for symbol in symbols.chunks_exact(SIZE).take(MAX_SYMBOLS) {
            let (Some(start), Some(size)) = (u64_at(symbol, 8), u64_at(symbol, 16)) else {
                continue;
            };
            let end = start.checked_add(size).filter(|end| *end > start);
            let inside = ranges.iter().any(|range| range.contains(&start));
            let name = u32_at(symbol, 0).and_then(|at| string_at(texts, at as usize, MAX_NAME));
            if let (Some(end), true, Some(name)) = (end, inside, name) {
                let name = String::from_utf8_lossy(name).into_owned();
                found.push(Variable {
                    addresses: start..end,
                    name,
                });
            }
        }
        found.sort_by_key(|variable| variable.addresses.start);
        found
    }

    fn symbol_table(&self) -> Option<(&[u8], &[u8])> {
        let kind = elf::SHT_SYMTAB.0;
        let table = self.sections.iter().find(|section| section.kind == kind)?;
        let texts = self.sections.get(table.link)?;
        let texts = range(self.data, texts.offset, texts.size)?;
        Some((range(self.data, table.offset, table.size)?, texts))
    }

    /// Addresses of the variables of these names, in their order.
    pub(in crate::go) fn variables<const N: usize>(&self, names: [&str; N]) -> [Option<u64>; N] {
        self.find_variables(names).unwrap_or([None; N])
    }

    fn find_variables<const N: usize>(&self, names: [&str; N]) -> Option<[Option<u64>; N]> {
        let (symbols, texts) = self.symbol_table()?;
        let mut found = [None; N];
        for symbol in symbols.chunks_exact(SIZE).take(MAX_SYMBOLS) {
            let Some(text) = u32_at(symbol, 0).and_then(|at| texts.get(at as usize..)) else {
                continue;
            };
            for (name, address) in names.iter().zip(&mut found) {
                let rest = text.strip_prefix(name.as_bytes());
                if address.is_none() && rest.is_some_and(|rest| rest.first() == Some(&0)) {
                    *address = u64_at(symbol, 8).filter(|value| *value != 0);
                }
            }
        }
        Some(found)
    }
}
