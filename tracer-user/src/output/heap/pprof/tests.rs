//! What is written, read again.

use std::io::Read as _;

use flate2::read::GzDecoder;

use super::*;
use crate::go::Frame;

fn call(address: u64, function: &'static str, line: u32, inlined: bool) -> Call<'static> {
    Call {
        address,
        frame: Some(Frame {
            function: function.into(),
            file: "main.go".into(),
            line,
            inlined,
            kind: tracer_core::event::FrameKind::Plain,
        }),
    }
}

/// Two stacks that share a call; the first begins with an inlined one, the second ends without a
/// name.
fn written() -> Profile {
    let site = |calls: Vec<Call<'static>>, together: &[usize]| Site {
        id: 0,
        calls,
        together: together.to_vec(),
        object_bytes: 48,
        sampled: (3, 1),
        allocated: (30, 300),
        in_use: (20, 200),
    };
    let unknown = Call {
        address: 0x9000,
        frame: None,
    };
    let inner = || vec![call(0x10, "a", 1, true), call(0x11, "b", 2, false)];
    let outer = call(0x20, "c", 3, false);
    let heap = Heap {
        rate: 4096,
        sites: vec![
            site([inner(), vec![outer.clone()]].concat(), &[2, 1]),
            site(vec![outer, unknown], &[1, 1]),
        ],
    };
    let mapping = |start, prot, path: &str| ProcessMapping {
        start,
        end: start + 0x1000,
        prot,
        shared: false,
        backing: Backing::File {
            path: path.to_owned(),
            offset: 64,
            inode: 1,
        },
    };
    let mappings = [
        mapping(0, 5, "/srv/shop"),
        mapping(0x9000, 5, "/lib/x.so"),
        mapping(0x5000, 3, "/srv/shop"),
    ];
    let bytes = pprof(&heap, &mappings, Some("abc"), 7).unwrap();
    let mut plain = Vec::new();
    GzDecoder::new(&bytes[..]).read_to_end(&mut plain).unwrap();
    Profile::decode(&plain[..]).unwrap()
}

#[test]
fn what_the_values_are() {
    let profile = written();
    let text = |index: i64| profile.string_table[index as usize].as_str();

    let kinds = profile
        .sample_type
        .iter()
        .map(|kind| (text(kind.kind), text(kind.unit)));
    assert_eq!(kinds.collect::<Vec<_>>(), VALUES);
    assert_eq!(text(profile.default_sample_type), "inuse_space");
    assert_eq!((profile.period, profile.time_nanos), (4096, 7));
    let period = profile.period_type.clone().unwrap();
    assert_eq!((text(period.kind), text(period.unit)), ("space", "bytes"));

    let stacks: Vec<_> = profile
        .sample
        .iter()
        .map(|sample| sample.location_id.clone())
        .collect();
    assert_eq!(stacks, [vec![1, 2], vec![2, 3]]);
    assert_eq!(profile.sample[0].value, [30, 300, 20, 200]);
    let label = &profile.sample[0].label[0];
    assert_eq!((text(label.key), label.num), ("bytes", 48));
}

#[test]
fn where_calls_are() {
    let profile = written();
    let text = |index: i64| profile.string_table[index as usize].as_str();
    let lines = profile.location.iter().map(|location| {
        let names = location.line.iter().map(|line| {
            let function = &profile.function[line.function_id as usize - 1];
            format!(
                "{} {}:{}",
                text(function.name),
                text(function.filename),
                line.line
            )
        });
        (
            location.address,
            location.mapping_id,
            names.collect::<Vec<_>>(),
        )
    });
    let lines: Vec<_> = lines.collect();
    let names = |names: &[&str]| {
        names
            .iter()
            .map(|name| (*name).to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        lines,
        [
            (0x10, 1, names(&["a main.go:1", "b main.go:2"])),
            (0x20, 1, names(&["c main.go:3"])),
            (0x9000, 2, names(&[])),
        ]
    );
    let files = profile.mapping.iter().map(|mapping| {
        let flags = [mapping.has_functions, mapping.has_inline_frames];
        (text(mapping.filename), text(mapping.build_id), flags)
    });
    assert_eq!(
        files.collect::<Vec<_>>(),
        [
            ("/srv/shop", "abc", [true; 2]),
            ("/lib/x.so", "", [false; 2])
        ]
    );
}
