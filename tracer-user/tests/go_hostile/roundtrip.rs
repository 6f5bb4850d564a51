//! What is written in each format is read again; else damaging it would show nothing.

use tracer_user::go::{Binary, Frame};

use super::program::{model, place_at};
use crate::mini::{self, FORMATS, Function};

/// Function, file and line of each frame.
fn expected(function: &Function, offset: u32) -> Vec<(String, String, u32)> {
    let place = place_at(&function.places, offset);
    let mut frames = Vec::new();
    let (mut file, mut line, mut call) = (&place.file, place.line, place.call);
    while let Some(index) = call {
        let inlined = &function.calls[index];
        frames.push((inlined.name.clone(), file.clone(), line));
        (file, line, call) = (&inlined.file, inlined.line, inlined.caller);
    }
    frames.push((function.name.clone(), file.clone(), line));
    frames
}

fn found(frames: &[Frame<'_>]) -> Vec<(String, String, u32)> {
    let frames = frames.iter();
    frames
        .map(|frame| {
            (
                frame.function.to_string(),
                frame.file.to_string(),
                frame.line,
            )
        })
        .collect()
}

#[test]
fn real_functions_in_every_format() {
    for format in FORMATS {
        let mini = mini::build(model(), format);
        let binary = Binary::parse(&mini.file).unwrap();
        assert!(binary.is_go && !binary.obfuscated, "{format:?}");
        let table = binary.table.unwrap();
        assert_eq!(table.text_range().start, mini.text.start, "{format:?}");
        let mut entry = mini.text.start;
        let mut inlined = 0;
        for function in &model().functions {
            for offset in 0..function.size {
                let frames = table.lookup(entry + u64::from(offset));
                inlined += usize::from(frames.len() > 1);
                let name = &function.name;
                assert_eq!(
                    found(&frames),
                    expected(function, offset),
                    "{format:?} {name}"
                );
            }
            entry += u64::from(function.size);
        }
        assert!(inlined > 100, "{format:?}: {inlined} inlined calls");
    }
}

#[test]
fn an_overwritten_magic_number_is_obfuscation() {
    for format in FORMATS {
        let mini = mini::build(model(), format);
        let header = area(&mini, "header");
        let mut file = mini.file.clone();
        file[header..header + 4].copy_from_slice(&[0xde, 0xad, 0xbe, 0xef]);
        let changed = Binary::parse(&file).unwrap();
        assert!(changed.is_go && changed.obfuscated, "{format:?}");
        let plain = Binary::parse(&mini.file).unwrap().table.unwrap();
        let changed = changed.table.unwrap();
        for pc in mini.text.clone() {
            assert_eq!(changed.lookup(pc), plain.lookup(pc), "{format:?} {pc:#x}");
        }
    }
}

#[test]
fn the_table_that_module_data_names_is_the_one() {
    for format in FORMATS {
        let mini = mini::build(model(), format);
        // A second one before it, as in a program that embeds another: same names, other lines.
        let mut other = model().clone();
        for place in other.functions.iter_mut().flat_map(|f| &mut f.places) {
            place.line = 7;
        }
        let other = mini::build(&other, format);
        let (start, end) = (area(&other, "header"), area(&other, "calls"));
        let mut file = mini.file.clone();
        let at = file.len().next_multiple_of(64);
        file.resize(at, 0);
        file.extend_from_slice(&other.file[start..end]);
        // It is found first: the data that it lies in come before those of the code.
        let grown = (file.len() - area(&mini, "module data")) as u64;
        for field in [32, 40] {
            let at = 64 + 56 + field;
            file[at..at + 8].copy_from_slice(&grown.to_le_bytes());
        }
        let both = Binary::parse(&file).unwrap().table.unwrap();
        let plain = Binary::parse(&mini.file).unwrap().table.unwrap();
        for pc in mini.text.clone() {
            assert_eq!(both.lookup(pc), plain.lookup(pc), "{format:?} {pc:#x}");
        }
    }
}

/// Where a part of the file begins.
fn area(mini: &mini::Mini, name: &str) -> usize {
    let area = mini.areas.iter().find(|(found, _)| *found == name);
    area.unwrap().1.start
}
