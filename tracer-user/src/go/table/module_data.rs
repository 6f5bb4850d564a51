//! `runtime.moduledata`, which says where the runtime's tables are. Its first word is pclntab.

use super::candidate::Candidate;
use crate::go::bytes::u64_at;
use crate::go::image::Image;

/// Words that equal the address of a pclntab; real files have one or two.
const MAX_PLACES: usize = 64;

/// Offset of the first pc of the function table; its last pc and what pcs count from come next.
/// Up to Go 1.15 fewer slices lie before it.
const PCS_OLD: usize = 80;
const PCS: usize = 160;

/// Offsets of what function data count from: Go 1.18-1.19, 1.20-1.26, 1.27.
const FUNCTION_DATA: [usize; 3] = [304, 320, 344];

/// Enough of it to read all of the above.
const SIZE: usize = 352;

/// What it says about the program of a pclntab.
#[derive(Clone, Debug)]
pub(super) struct ModuleData {
    /// Where it lies.
    pub(super) place: u64,
    /// What pcs count from.
    pub(super) text: u64,
    /// What function data count from; which of them, the arrays of inlined calls tell.
    pub(super) function_data: Vec<u64>,
}

impl ModuleData {
    /// The first candidate that module data in the file agree with, and they.
    pub(super) fn find(image: &Image<'_>, candidates: &[Candidate<'_>]) -> Option<(usize, Self)> {
        if candidates.is_empty() {
            return None;
        }
        let mut addresses: Vec<u64> = candidates.iter().map(|found| found.address).collect();
        addresses.sort_unstable();
        let named = image.section(b".go.module").map(|section| section.address);
        let read = |place| {
            let data = image.relocated(place, SIZE)?;
            let index = candidates
                .iter()
                .position(|found| Some(found.address) == u64_at(&data, 0))?;
            Some((index, Self::agreeing(place, &data, &candidates[index])?))
        };
        named.and_then(read).or_else(|| {
            let places = image.words_equal_to(&addresses, MAX_PLACES);
            places.into_iter().find_map(read)
        })
    }

    /// They give the same first and last pc as the function table.
    fn agreeing(place: u64, data: &[u8], found: &Candidate<'_>) -> Option<Self> {
        let pcs = if found.shape.layout.parts.is_some() {
            PCS
        } else {
            PCS_OLD
        };
        let (min, max) = (u64_at(data, pcs)?, u64_at(data, pcs + 8)?);
        let text = u64_at(data, pcs + 16)?;
        let says = found.shape.text;
        let (first, last) = if found.shape.layout.text_start.is_some() {
            let pc = |pc: u64| text.checked_add(pc.checked_sub(says)?);
            (pc(found.first)?, pc(found.last)?)
        } else {
            (found.first, found.last)
        };
        // From Go 1.26 on the header of pclntab no longer says what pcs count from.
        ((min, max) == (first, last) && (says == 0 || says == text)).then(|| Self {
            place,
            text,
            function_data: FUNCTION_DATA
                .iter()
                .filter_map(|at| u64_at(data, *at))
                .collect(),
        })
    }
}
