//! Messages of the names of addresses.

use super::fact::same_fields;
use crate::event;

/// The frames of all symbols stand in one list, so that one count limits both.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Symbols {
    #[prost(message, repeated, tag = "1")]
    symbols: Vec<Symbol>,
    #[prost(message, repeated, tag = "2")]
    frames: Vec<Frame>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Symbol {
    #[prost(uint64, tag = "1")]
    address: u64,
    #[prost(bool, tag = "2")]
    is_return: bool,
    #[prost(bool, tag = "3")]
    frameless: bool,
    #[prost(uint32, tag = "4")]
    frames: u32,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Frame {
    #[prost(string, tag = "1")]
    function: String,
    #[prost(string, tag = "2")]
    file: String,
    #[prost(uint32, tag = "3")]
    line: u32,
    #[prost(bool, tag = "4")]
    inlined: bool,
    #[prost(string, tag = "5")]
    module: String,
    #[prost(bool, tag = "6")]
    go: bool,
}

same_fields!(Frame, { function, file, line, inlined, module, go });

impl From<&[event::Symbol]> for Symbols {
    fn from(symbols: &[event::Symbol]) -> Self {
        let frames = symbols
            .iter()
            .flat_map(|symbol| &symbol.frames)
            .map(Frame::from)
            .collect();
        let symbols = symbols
            .iter()
            .map(
                |event::Symbol {
                     address,
                     is_return,
                     frames,
                     frameless,
                 }| Symbol {
                    address: *address,
                    is_return: *is_return,
                    frameless: *frameless,
                    frames: frames.len() as u32,
                },
            )
            .collect();
        Self { symbols, frames }
    }
}

impl Symbols {
    pub(super) fn into_event(self) -> Option<Vec<event::Symbol>> {
        let mut all = self.frames.into_iter().map(event::Frame::from);
        self.symbols
            .into_iter()
            .map(
                |Symbol {
                     address,
                     is_return,
                     frameless,
                     frames,
                 }| {
                    let wanted = frames as usize;
                    let frames: Vec<_> = all.by_ref().take(wanted).collect();
                    let whole = frames.len() == wanted;
                    whole.then_some(event::Symbol {
                        address,
                        is_return,
                        frames,
                        frameless,
                    })
                },
            )
            .collect()
    }
}
