//! Which file's code lies where, for addresses that have no name.

use std::collections::BTreeMap;

use crate::event::Module;

/// Pieces of code known; a further one is not.
const MAX_MODULES: usize = 4096;

/// The code of files, as far as stacks lead there.
#[derive(Clone, Debug, Default)]
pub struct ModuleTable {
    by_start: BTreeMap<u64, Module>,
}

impl ModuleTable {
    /// Takes what was learned; later news wins.
    pub fn add(&mut self, modules: &[Module]) {
        for module in modules {
            if self.by_start.len() < MAX_MODULES || self.by_start.contains_key(&module.start) {
                self.by_start.insert(module.start, module.clone());
            }
        }
    }

    /// The module an address lies in.
    #[must_use]
    pub fn at(&self, address: u64) -> Option<&Module> {
        let (_, module) = self.by_start.range(..=address).next_back()?;
        (address < module.end).then_some(module)
    }

    /// All of them, in the order of their addresses.
    pub fn iter(&self) -> impl Iterator<Item = &Module> {
        self.by_start.values()
    }
}

impl Module {
    /// What the linker of the file called this address of the process.
    #[must_use]
    pub fn link_address_of(&self, address: u64) -> Option<u64> {
        let offset = address.checked_sub(self.start)?;
        self.link_address?.checked_add(offset)
    }

    /// The last part of its path.
    #[must_use]
    pub fn name(&self) -> &str {
        let path = self.path.strip_suffix(" (deleted)").unwrap_or(&self.path);
        path.rsplit('/').next().unwrap_or(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_in_the_piece_they_lie_in() {
        let piece = |start, end, link_address| Module {
            start,
            end,
            link_address,
            path: format!("/lib/{start:x}.so (deleted)"),
            ..Module::default()
        };
        let mut table = ModuleTable::default();
        table.add(&[
            piece(0x5000, 0x6000, Some(0x1000)),
            piece(0x1000, 0x2000, None),
        ]);
        let check = |address, expected: Option<(&str, Option<u64>)>| {
            let found = table.at(address);
            let found = found.map(|module| (module.name(), module.link_address_of(address)));
            assert_eq!(found, expected);
        };
        check(0x0fff, None);
        check(0x1fff, Some(("1000.so", None)));
        check(0x2000, None);
        check(0x5010, Some(("5000.so", Some(0x1010))));
        let many: Vec<Module> = (0..=MAX_MODULES as u64)
            .map(|at| piece(at, at + 1, None))
            .collect();
        table.add(&many);
        assert_eq!(table.iter().count(), MAX_MODULES);
    }
}
