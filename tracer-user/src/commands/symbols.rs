//! `tracer symbols`: the functions, files and lines at addresses of a file.

use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Read};
use std::ops::ControlFlow::{self, Continue};
use std::path::Path;
use std::process::ExitCode;

use serde::Serialize;
use tracer_core::report::escape;

use crate::{
    cli::SymbolsArgs,
    failure::{ExitStatus, Failure},
    go::Frame,
    output,
    symbols::{Listing, ListingError, OWN_PROGRAM},
};

/// Bytes of addresses named at a time: enough to be fast, few enough to take little memory.
const PIECE: usize = 1 << 16;

/// Characters of an address; more are no address.
const MAX_WORD: usize = 64;

/// Names the addresses in the order given.
///
/// # Errors
/// When the file cannot be read or understood, or an address is no number.
pub fn run(args: &SymbolsArgs) -> anyhow::Result<ExitCode> {
    let mut listing = open(&args.file)?;
    let mut trouble = None;
    let done = each_batch(&args.pcs, |pcs| {
        // They are answered in the order of the file and printed in that of the question.
        let mut answers = String::new();
        let mut places = vec![0..0; pcs.len()];
        let why = listing.each(pcs, |index, calls| {
            let start = answers.len();
            let line = if args.json { json_line } else { text_lines };
            line(&mut answers, pcs[index], calls);
            places[index] = start..answers.len();
        });
        trouble = trouble.take().or(why);
        let mut text = String::with_capacity(answers.len());
        for place in places {
            text.push_str(&answers[place]);
        }
        output::print_on(&text)
    });
    // Also when a mistake ended it: what was answered until then may be incomplete.
    if let Some(why) = trouble {
        warn(&args.file, &why);
    }
    done.map(|_| ExitCode::SUCCESS).map_err(anyhow::Error::from)
}

/// Says what of a file could not be read.
pub(super) fn warn(path: &Path, why: &str) {
    let name = path.display().to_string();
    output::notice(&format!("warning: {}: {}", escape(&name), escape(why)));
}

/// Opens a file whose addresses are to be named.
pub(super) fn open(path: &Path) -> Result<Listing, Failure> {
    Listing::open(path, OWN_PROGRAM.into()).map_err(|error| refuse(path, &error))
}

/// Calls `name` with the addresses of the command line, and those of stdin for a `-`.
fn each_batch(
    words: &[String],
    mut name: impl FnMut(&[u64]) -> Result<ControlFlow<()>, Failure>,
) -> Result<ControlFlow<()>, Failure> {
    for word in words {
        let flow = if word == "-" {
            each_piece(io::stdin().lock(), &mut name)?
        } else {
            name(&[parse(word.as_bytes())?])?
        };
        if flow.is_break() {
            return Ok(flow);
        }
    }
    Ok(Continue(()))
}

/// Reads addresses, separated by white space; what is there is answered before more is waited for.
fn each_piece(
    input: impl Read,
    mut name: impl FnMut(&[u64]) -> Result<ControlFlow<()>, Failure>,
) -> Result<ControlFlow<()>, Failure> {
    let mut input = BufReader::with_capacity(PIECE, input);
    let mut word = Vec::new();
    loop {
        let piece = match input.fill_buf() {
            Ok(piece) => piece,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => {
                return Err(Failure::usage(
                    format!("cannot read addresses from stdin: {error}"),
                    "pipe them into it, or give a file: `tracer symbols FILE - < ADDRESSES`",
                ));
            }
        };
        let (len, at_end) = (piece.len(), piece.is_empty());
        // The last address of a piece may go on in the next one.
        let separator: &[u8] = if at_end { b"\n" } else { b"" };
        let mut pcs = Vec::new();
        let mut wrong = None;
        for byte in piece.iter().chain(separator) {
            if !byte.is_ascii_whitespace() {
                word.push(*byte);
                wrong = (word.len() > MAX_WORD).then(|| no_address(&word));
            } else if !word.is_empty() {
                match parse(&word) {
                    Ok(pc) => pcs.push(pc),
                    Err(error) => wrong = Some(error),
                }
                word.clear();
            }
            if wrong.is_some() {
                break;
            }
        }
        input.consume(len);
        // What came before a mistake is answered.
        let flow = name(&pcs)?;
        if let Some(error) = wrong {
            return Err(error);
        }
        if at_end || flow.is_break() {
            return Ok(flow);
        }
    }
}

/// With or without `0x`.
fn parse(word: &[u8]) -> Result<u64, Failure> {
    let number = || {
        let text = std::str::from_utf8(word).ok()?;
        let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
        let digits = digits.unwrap_or(text);
        // `from_str_radix` would take a sign.
        let is_number = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        u64::from_str_radix(digits, 16).ok().filter(|_| is_number)
    };
    number()
        .filter(|_| word.len() <= MAX_WORD)
        .ok_or_else(|| no_address(word))
}

fn no_address(word: &[u8]) -> Failure {
    let begin = String::from_utf8_lossy(&word[..word.len().min(MAX_WORD)]);
    let rest = if word.len() > MAX_WORD { "..." } else { "" };
    Failure::usage(
        format!("`{begin}{rest}` is no address"),
        "give addresses in hexadecimal, such as 4a2c10 or 0x4a2c10; `-` reads them from stdin",
    )
}

/// An address that is unknown has no calls.
fn json_line(text: &mut String, pc: u64, calls: &[Frame<'_>]) {
    let frames = calls.iter().map(|frame| Call {
        function: &frame.function,
        file: Some(&*frame.file).filter(|file| !file.is_empty()),
        line: Some(frame.line).filter(|line| *line > 0),
        inlined: frame.inlined,
    });
    let answer = Answer {
        pc,
        frames: frames.collect(),
    };
    // Strings and numbers become JSON whatever they are.
    text.push_str(&serde_json::to_string(&answer).unwrap_or_default());
    text.push('\n');
}

#[derive(Serialize)]
struct Answer<'a> {
    pc: u64,
    frames: Vec<Call<'a>>,
}

#[derive(Serialize)]
struct Call<'a> {
    function: &'a str,
    file: Option<&'a str>,
    line: Option<u32>,
    inlined: bool,
}

/// A line for each call, innermost first.
fn text_lines(text: &mut String, pc: u64, calls: &[Frame<'_>]) {
    if calls.is_empty() {
        let _ = writeln!(text, "{pc:#x} ?");
    }
    for frame in calls {
        let _ = write!(text, "{pc:#x} {}", escape(&frame.function));
        if !frame.file.is_empty() {
            let _ = write!(text, " {}:{}", escape(&frame.file), frame.line);
        }
        text.push_str(if frame.inlined { " (inlined)\n" } else { "\n" });
    }
}

fn refuse(path: &Path, error: &ListingError) -> Failure {
    let text = format!("cannot look into {}: {error}", path.display());
    match error {
        ListingError::Io(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            Failure::unsupported(text, "read it as its owner, or with sudo")
        }
        ListingError::Io(_) => Failure::usage(
            text,
            "give an executable or a library; of a process that is /proc/PID/exe",
        ),
        ListingError::Unsupported(_) => Failure::unsupported(
            text,
            "ELF files of 64 bits, little endian, are understood: Linux on amd64 and arm64",
        ),
        ListingError::Damaged(_) => Failure::new(
            ExitStatus::Damaged,
            text,
            "the file is cut off or was changed: fetch or build it again",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The batches that are named of these pieces of stdin, and the mistake that ends them.
    #[track_caller]
    fn check(input: &str, expected: &[&[u64]], error: Option<&str>) {
        let mut batches = Vec::new();
        let done = each_piece(input.as_bytes(), |pcs| {
            batches.push(pcs.to_vec());
            Ok(Continue(()))
        });
        // The end of the input is an empty piece.
        batches.retain(|batch| !batch.is_empty());
        assert_eq!(batches, expected, "{input:?}");
        let said = done.err().map(|failure| failure.error);
        assert_eq!(said.as_deref(), error, "{input:?}");
    }

    #[test]
    fn addresses_of_stdin() {
        check("", &[], None);
        check(" \n\t", &[], None);
        check("1 0x2\r\n0X3\tff", &[&[1, 2, 3], &[0xff]], None);
        check("ffffffffffffffff\n", &[&[u64::MAX]], None);
        check("0000000000000000000000000000000001\n", &[&[1]], None);
        check(
            "10000000000000000\n",
            &[],
            Some("`10000000000000000` is no address"),
        );
        check("1 2 +3 4", &[&[1, 2]], Some("`+3` is no address"));
        check("0x\n", &[], Some("`0x` is no address"));
        check("-1\n", &[], Some("`-1` is no address"));
        check(
            "1 \u{1b}[31m\n",
            &[&[1]],
            Some("`\u{1b}[31m` is no address"),
        );
        let long = format!("1 {}", "0".repeat(10 << 20));
        let said = format!("`{}...` is no address", "0".repeat(64));
        check(&long, &[&[1]], Some(&said));
    }

    #[test]
    fn nobody_reads_the_answers() {
        let mut named = 0;
        let mut name = |pcs: &[u64]| {
            named += pcs.len();
            Ok(ControlFlow::Break(()))
        };
        // An input without end.
        assert!(each_piece(io::repeat(b'\n').chain(io::repeat(b'1')), &mut name).is_ok());
        let words = ["1", "2"].map(str::to_owned);
        assert!(each_batch(&words, &mut name).is_ok());
        assert_eq!(named, 1);
    }
}
