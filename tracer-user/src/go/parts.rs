//! Which parts of a large file `Binary::parse` looks at: not the code, not the debug information.

use std::ops::Range;

use super::bytes::{u16_at, u64_at};
use super::image::{Image, Segment};

/// Ranges of the file to read, in order and apart from each other.
///
/// `file` holds the file's ELF header at least, zeros where nothing was read yet. Read what is
/// asked for and ask again: the first answer is where the program and section headers are, the
/// second where the rest is.
#[must_use]
pub fn parts(file: &[u8]) -> Vec<Range<u64>> {
    let table = |offset, entry_size, count| {
        let start = u64_at(file, offset)?;
        let size = u64::from(u16_at(file, entry_size)?) * u64::from(u16_at(file, count)?);
        Some(start..start.checked_add(size)?)
    };
    let mut parts: Vec<_> = [table(32, 54, 56), table(40, 58, 60)]
        .into_iter()
        .flatten()
        .collect();
    if let Ok(image) = Image::parse(file) {
        // Without sections, data may lie anywhere in the segment of the code.
        let skipped = |segment: &&Segment| {
            segment.executable && segment.is_loaded() && !image.sections.is_empty()
        };
        let segments = image.segments.iter().filter(|segment| !skipped(segment));
        parts.extend(segments.filter_map(|segment| range(segment.offset, segment.file_size)));
        // An old linker puts data into the segment of the code.
        let sections = image
            .sections
            .iter()
            .filter(|section| section.loaded && !section.executable);
        parts.extend(sections.filter_map(|section| range(section.offset, section.size)));
    }
    parts.extend(section_names(file));
    merge(parts)
}

/// Where the names of the sections are.
fn section_names(file: &[u8]) -> Option<Range<u64>> {
    let headers = usize::try_from(u64_at(file, 40)?).ok()?;
    let index = usize::from(u16_at(file, 62)?) * usize::from(u16_at(file, 58)?);
    let header = headers.checked_add(index)?;
    range(
        u64_at(file, header.checked_add(24)?)?,
        u64_at(file, header.checked_add(32)?)?,
    )
}

fn range(offset: u64, size: u64) -> Option<Range<u64>> {
    Some(offset..offset.checked_add(size)?)
}

/// No byte is read twice, however many headers name it.
fn merge(mut ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    ranges.retain(|range| !range.is_empty());
    ranges.sort_unstable_by_key(|range| range.start);
    let mut merged: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::{merge, parts};

    #[test]
    fn overlapping_ranges_become_one() {
        assert_eq!(
            merge(vec![5..7, 0..2, 1..4, 4..4, 6..9, 2..3]),
            [0..4, 5..9]
        );
        assert_eq!(merge(Vec::new()), []);
    }

    #[test]
    fn garbage_asks_for_little() {
        assert_eq!(parts(b""), []);
        assert_eq!(parts(&[0; 64]), []);
    }
}
