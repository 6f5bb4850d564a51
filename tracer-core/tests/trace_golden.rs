//! A trace written by format 1.0 is read for ever.

#[path = "trace_golden/events.rs"]
mod events;

use tracer_core::event::Timestamp;
use tracer_core::trace::{Index, IndexEntry, Reader};

/// Never to be changed. A later version gets a file of its own.
const V1_0: &str = "
    8954524143450d0a010000000c00000074726163657220302e312e3024f4da68f554423101000100960100000002
    0000000000000000000037923a27a3fa72e928b52ffd600001650c0086185a41306d9b0e152d9286aa22105734c2
    21e1910916c9845894c5480901b2fbd6bcb5d8ff7a270bcd866f9fe8da18582dfe1b319f648b919bb0db87e146da
    7efcffbb5b4e00430047000c343c213bc974b0ccb2b0bdb255ddcbcad9c2c05859aeee85856c862ba98d4a035365
    642b4e1d0b362261f9a359b84cb35426963f9aa4b7e63a02a2e162c3238c9015921482f201e2e102e68b1d98bd9f
    9ac9106a06676c27482a42e93dfe4bfaff8f534ba0f5b225e6d50985dd2fe1ff58fbc1dcf4864119bb1d9b6d7da1
    9e7369e0b9176f387b388f0d05e088364f13202a0cb221003d4d589f84ef1e2bfd28bcc723a539280afd10c00a4f
    e214430acd25ef1e6784a24485c054a0391fb2e3a4232946495f57c6367cb95b992aa2454714ec2a4d5d2170f336
    5ec8ffcb3bf19fde0e88cbae66b198301a7070a02f3a70909c5feaa9e6524167641674549f88eea7cfc47ff942ba
    3f0ec060749def42bd9a8066abc2f247a3cc8b3b3a3e040b001c26341396f3a20870141092b3c454f88de260f6dc
    d92a1325ec1c97197003f5544231010001004901000090010000080000000000000034e299cbb7885bec28b52ffd
    609000fd0900f4120a1b133529311f1b253d4541414949555b5b4d5f0202020301050104011239c0fcd7b907c81a
    1a0636ce4980890f2208edfe00002a15010100003213d04900003a36c0d40188ef01d0890298a402e0be02a8d902
    f0f302b88e0380a903c8c30390de03d8f803a09304e8ad04b0c804f8e204c0fd04889805420a804016077308090a
    0b0c4a0d80c0b3c5c6c43f000000804000520a808008000000808008005a380006440100021006040802008080a8
    050482a0400c0e02000000000882a040020081a0400110101682804000028180401006feffffff1f0862330a0b0a
    090a040a00000710bb030a061204006275730a0218100a180a160a10fe80000001105020036a0301020372048407
    01027a1f0a054a0308c0250a10520e0a0c0a046d6d61701009180820010a045a02080405003e6048d07130046095
    2f724ff554423102000000290000002900000023000000000000000153fe7b95e5f9190a12082010011808208094
    ebdc0328fcf0ebdc030a1308d6031001181b20a0feebdc0328c8d7eedc03
";

fn v1_0() -> Vec<u8> {
    let digits: Vec<u8> = V1_0.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    digits
        .chunks(2)
        .map(|pair| byte(pair).expect("two hex digits"))
        .collect()
}

#[test]
fn format_1_0_is_read() {
    let trace = v1_0();
    let mut reader = Reader::new(&trace).expect("a trace");
    assert_eq!(
        reader
            .version()
            .map(|version| version.to_string())
            .as_deref(),
        Some("1.0")
    );
    assert_eq!(reader.writer(), Some("tracer 0.1.0"));
    for expected in events::events() {
        assert_eq!(reader.next(), Some(expected));
    }
    assert_eq!(reader.next(), None);
    assert!(reader.damage().is_none());
}

#[test]
fn the_index_of_format_1_0_is_read() {
    let trace = v1_0();
    let index = Index::of(&trace).expect("a trace");
    assert_eq!(Index::rebuild(&trace), Ok(index.clone()));
    let [first, second] = index.entries.as_slice() else {
        panic!("{index:?}");
    };
    let at = |number: u64| Timestamp(1_000_000_000 + number * 1700);
    let expected = IndexEntry {
        offset: 32,
        blocks: 1,
        events: 8,
        first: at(0),
        last: at(7),
    };
    assert_eq!(*first, expected);
    let expected = IndexEntry {
        offset: second.offset,
        blocks: 1,
        events: 27,
        first: at(8),
        last: at(34),
    };
    assert_eq!(*second, expected);
}
