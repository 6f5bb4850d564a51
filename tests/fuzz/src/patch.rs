//! Real tables with some bytes exchanged, as the input of a target says.

use std::sync::OnceLock;

use tracer_user::go::Binary;

use crate::mini::{FORMATS, Mini, Model, build};

/// A small executable with some functions of a real one; `seeds/README.md` says where it is from.
const PROGRAM: &[u8] = include_bytes!("../seeds/program.elf");

/// Its functions in each format of Go's tables.
///
/// # Panics
/// When the seed is not what it should be.
#[must_use]
pub fn minis() -> &'static [Mini] {
    static MINIS: OnceLock<Vec<Mini>> = OnceLock::new();
    MINIS.get_or_init(|| {
        let program = Binary::parse(PROGRAM).expect("the seed is an executable");
        let table = program.table.expect("the seed has a pclntab");
        let names: Vec<String> = table.functions().map(|(_, name)| name.into()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let model = Model::of(&table, &names);
        FORMATS
            .into_iter()
            .map(|format| build(&model, format))
            .collect()
    })
}

/// A format and patches of it: area, offset (two bytes), length, bytes, and again.
///
/// With `only` some areas, patches are made in these alone.
#[must_use]
pub fn patched(input: &[u8], only: &[&str]) -> Option<(&'static Mini, Vec<u8>)> {
    let (format, mut rest) = input.split_first()?;
    let mini = &minis()[usize::from(*format) % FORMATS.len()];
    let areas = mini.areas.iter();
    let areas: Vec<_> = areas
        .filter(|(name, area)| !area.is_empty() && (only.is_empty() || only.contains(name)))
        .collect();
    let mut file = mini.file.clone();
    while let [area, low, high, length, tail @ ..] = rest {
        let (bytes, tail) = tail.split_at(usize::from(*length).min(tail.len()));
        let area = &areas[usize::from(*area) % areas.len()].1;
        let offset = usize::from(u16::from_le_bytes([*low, *high])) % area.len();
        let end = (area.start + offset + bytes.len()).min(area.end);
        let place = &mut file[area.start + offset..end];
        place.copy_from_slice(&bytes[..place.len()]);
        rest = tail;
    }
    Some((mini, file))
}
