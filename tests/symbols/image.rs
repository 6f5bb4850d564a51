//! Go's functions in an unstripped executable, and where their instructions begin.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use iced_x86::{Decoder, DecoderOptions, Instruction};
use object::{Architecture, Object as _, ObjectSection as _, ObjectSymbol, SymbolKind};

/// Bytes of every arm64 instruction.
const ARM64_INSTRUCTION: usize = 4;

/// Marks of one byte around FIPS code (`cmd/link/internal/ld/fips140.go`), no functions.
const MARKS: &[&str] = &["go:textfipsstart", "go:textfipsend"];

/// A function as the symbol table has it.
#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) name: String,
    /// Where its instructions begin, the entry first; without the padding behind it. Maybe no more
    /// than the entry.
    pub(crate) pcs: Vec<u64>,
}

/// The functions of the Go code, in address order; one of `stride` with all of its instructions.
pub(crate) fn functions(path: &Path, stride: usize) -> Result<Vec<Function>> {
    let bytes = fs::read(path)?;
    let file = object::File::parse(&*bytes)?;
    let text = file.section_by_name(".text").context("no .text")?;
    let (start, code) = (text.address(), text.data()?);
    let address = |name: &str| {
        let symbol = file.symbols().find(|symbol| symbol.name() == Ok(name));
        symbol.map(|symbol| symbol.address()).context("no Go code")
    };
    // C code lies outside of these.
    let go = address("runtime.text")?..address("runtime.etext")?;
    let mut symbols: Vec<_> = file
        .symbols()
        .filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.size() > 0)
        .filter(|symbol| go.contains(&symbol.address()))
        .filter(|symbol| symbol.name().is_ok_and(|name| !MARKS.contains(&name)))
        .collect();
    symbols.sort_by_key(ObjectSymbol::address);
    symbols.dedup_by_key(|symbol| symbol.address());
    let is_arm64 = file.architecture() == Architecture::Aarch64;
    let mut functions = Vec::with_capacity(symbols.len());
    for (index, symbol) in symbols.into_iter().enumerate() {
        let (entry, size) = (symbol.address(), symbol.size());
        let offset = usize::try_from(entry - start)?;
        let body = code
            .get(offset..)
            .and_then(|rest| rest.get(..usize::try_from(size).ok()?));
        let body = body.context("a function outside of .text")?;
        functions.push(Function {
            name: symbol.name()?.to_owned(),
            pcs: match (index % stride, is_arm64) {
                (0, true) => (entry..entry + size).step_by(ARM64_INSTRUCTION).collect(),
                (0, false) => boundaries(entry, body),
                _ => vec![entry],
            },
        });
    }
    ensure!(functions.len() > 1000, "{} functions", functions.len());
    Ok(functions)
}

/// A linear sweep: Go's functions hold instructions and nothing else.
fn boundaries(entry: u64, body: &[u8]) -> Vec<u64> {
    let mut decoder = Decoder::with_ip(64, body, entry, DecoderOptions::NONE);
    let mut instruction = Instruction::default();
    let mut pcs = Vec::new();
    while decoder.can_decode() {
        decoder.decode_out(&mut instruction);
        pcs.push(instruction.ip());
    }
    pcs
}
