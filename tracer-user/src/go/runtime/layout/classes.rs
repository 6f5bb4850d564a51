//! Size classes of objects.
//!
//! Sources: `runtime/sizeclasses.go`, from Go 1.25 on `internal/runtime/gc/sizeclasses.go`.

use super::PAGE;

/// Bytes of an object of each size class; class 0 is for objects with a span of their own.
///
/// Go 1.16 added the class of 24 bytes.
pub(super) fn sizes(minor: u32) -> &'static [u16] {
    if minor < 16 { GO_1_11 } else { GO_1_16 }
}

/// What allocations of a span class (`runtime.spanClass`) get: bytes of an object, bytes of a span.
///
/// `None` for objects with a span of their own, and for what is no class.
#[must_use]
pub fn of_span_class(minor: u32, class: u32) -> Option<(u64, u64)> {
    let size = class as usize / 2;
    let object = *sizes(minor).get(size)?;
    let skipped = GO_1_16.len() - sizes(minor).len();
    let pages = *PAGES_1_16.get(size + skipped)?;
    (object > 0).then_some((object.into(), u64::from(pages) * PAGE))
}

/// Pages of a span of each class (`class_to_allocnpages`); older releases lack the class of 24 bytes.
const PAGES_1_16: &[u8] = &[
    0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 2, 1, 2, 1, 2, 1, 3, 2, 3, 1, 3, 2, 3, 4, 5, 6, 1, 7, 6, 5, 4, 3, 5, 7, 2, 9, 7, 5, 8,
    3, 10, 7, 4,
];

const GO_1_11: &[u16] = &[
    0, 8, 16, 32, 48, 64, 80, 96, 112, 128, 144, 160, 176, 192, 208, 224, 240, 256, 288, 320, 352,
    384, 416, 448, 480, 512, 576, 640, 704, 768, 896, 1024, 1152, 1280, 1408, 1536, 1792, 2048,
    2304, 2688, 3072, 3200, 3456, 4096, 4864, 5376, 6144, 6528, 6784, 6912, 8192, 9472, 9728,
    10240, 10880, 12288, 13568, 14336, 16384, 18432, 19072, 20480, 21760, 24576, 27264, 28672,
    32768,
];

const GO_1_16: &[u16] = &[
    0, 8, 16, 24, 32, 48, 64, 80, 96, 112, 128, 144, 160, 176, 192, 208, 224, 240, 256, 288, 320,
    352, 384, 416, 448, 480, 512, 576, 640, 704, 768, 896, 1024, 1152, 1280, 1408, 1536, 1792,
    2048, 2304, 2688, 3072, 3200, 3456, 4096, 4864, 5376, 6144, 6528, 6784, 6912, 8192, 9472, 9728,
    10240, 10880, 12288, 13568, 14336, 16384, 18432, 19072, 20480, 21760, 24576, 27264, 28672,
    32768,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn span_classes() {
        let check = |minor, class, expected| {
            assert_eq!(of_span_class(minor, class), expected, "{minor} {class}");
        };
        for minor in [15, 16, 27] {
            // With pointers, and without.
            check(minor, 2, Some((8, 8192)));
            check(minor, 3, Some((8, 8192)));
            check(minor, 4, Some((16, 8192)));
            check(minor, 0, None);
            check(minor, 1, None);
            check(minor, 136, None);
        }
        check(15, 2 * 66 + 1, Some((32768, 4 * 8192)));
        check(16, 2 * 67 + 1, Some((32768, 4 * 8192)));
        check(15, 6, Some((32, 8192)));
        check(16, 6, Some((24, 8192)));
        // The first with more than a page.
        check(15, 2 * 34, Some((1408, 2 * 8192)));
        check(16, 2 * 35, Some((1408, 2 * 8192)));
        check(15, 135, None);
    }
}
