//! Stacks a line each, and the flame graph of them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use inferno::flamegraph::{self, Options};
use tracer_core::report::escape;

use super::{Heap, name};

/// A line for each stack with memory in use, or with more of it: its functions, outermost first, and
/// the bytes.
#[must_use]
pub fn folded(heap: &Heap<'_>) -> String {
    let mut bytes: BTreeMap<String, i64> = BTreeMap::new();
    for site in heap.sites.iter().filter(|site| site.in_use.1 > 0) {
        let names: Vec<String> = site
            .calls
            .iter()
            .rev()
            // A semicolon would end the name.
            .map(|call| escape(&name(call)).replace(';', ":"))
            .collect();
        let sum = bytes.entry(names.join(";")).or_default();
        *sum = sum.saturating_add(site.in_use.1);
    }
    let mut text = String::new();
    for (stack, bytes) in bytes {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{stack} {bytes}");
    }
    text
}

/// A flame graph of the memory in use, for a browser.
///
/// # Errors
/// When nothing is in use.
pub fn svg(heap: &Heap<'_>, title: &str) -> std::io::Result<Vec<u8>> {
    let mut options = Options::default();
    options.title = escape(title).into_owned();
    "bytes".clone_into(&mut options.count_name);
    let mut image = Vec::new();
    flamegraph::from_lines(&mut options, folded(heap).lines(), &mut image)?;
    Ok(image)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::Site;
    use super::*;
    use crate::go::runtime::heap_profile::Call;
    use tracer_core::event::FrameKind;

    use crate::go::Frame;

    fn heap() -> Heap<'static> {
        let call = |function: &'static str| Call {
            address: 0x10,
            frame: Some(Frame {
                function: function.into(),
                file: "".into(),
                line: 0,
                inlined: false,
                kind: FrameKind::Plain,
            }),
        };
        let site = |calls: Vec<Call<'static>>, bytes| Site {
            id: 0,
            together: vec![1; calls.len()],
            calls,
            object_bytes: 8,
            sampled: (1, 0),
            allocated: (1, bytes),
            in_use: (1, bytes),
        };
        let bare = Call {
            address: 0x99,
            frame: None,
        };
        Heap {
            rate: 1,
            sites: vec![
                site(vec![call("main.F[go.shape.int]"), call("main.main")], 100),
                site(vec![call("main.F[go.shape.string]"), call("main.main")], 20),
                site(vec![call("a;b\n<script>"), call("main.main")], 3),
                site(vec![bare], 4),
                site(vec![call("main.freed")], 0),
            ],
        }
    }

    #[test]
    fn a_line_for_each_stack() {
        assert_eq!(
            folded(&heap()),
            "0x99 4\nmain.main;a:b\\n<script> 3\nmain.main;main.F[...] 120\n",
        );
    }

    #[test]
    fn names_stay_text_in_the_picture() {
        let image = String::from_utf8(svg(&heap(), "heap of <shop>").unwrap()).unwrap();
        assert!(image.contains("main.F[...] (120 bytes, 94.49%)"), "{image}");
        assert!(image.contains("a:b\\n&lt;script&gt;"));
        assert!(image.contains("heap of &lt;shop&gt;"));
        assert!(!image.contains("<script>"));
    }
}
