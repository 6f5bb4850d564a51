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
    #[prost(enumeration = "FrameKind", tag = "7")]
    kind: i32,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, prost::Enumeration)]
#[repr(i32)]
enum FrameKind {
    Plain = 0,
    Wrapper = 1,
    Panic = 2,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Modules {
    #[prost(message, repeated, tag = "1")]
    modules: Vec<Module>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Module {
    #[prost(uint64, tag = "1")]
    start: u64,
    #[prost(uint64, tag = "2")]
    end: u64,
    #[prost(uint64, optional, tag = "3")]
    link_address: Option<u64>,
    #[prost(string, tag = "4")]
    path: String,
    #[prost(string, optional, tag = "5")]
    identity: Option<String>,
    #[prost(string, optional, tag = "6")]
    trouble: Option<String>,
}

same_fields!(Module, { start, end, link_address, path, identity, trouble });

impl From<&[event::Module]> for Modules {
    fn from(modules: &[event::Module]) -> Self {
        Self {
            modules: modules.iter().map(Module::from).collect(),
        }
    }
}

impl From<Modules> for Vec<event::Module> {
    fn from(modules: Modules) -> Self {
        let modules = modules.modules.into_iter();
        modules.map(event::Module::from).collect()
    }
}

impl From<&event::Frame> for Frame {
    fn from(frame: &event::Frame) -> Self {
        let event::Frame {
            function,
            file,
            line,
            inlined,
            module,
            go,
            kind,
        } = frame.clone();
        let kind = match kind {
            event::FrameKind::Plain => FrameKind::Plain,
            event::FrameKind::Wrapper => FrameKind::Wrapper,
            event::FrameKind::Panic => FrameKind::Panic,
        };
        Self {
            function,
            file,
            line,
            inlined,
            module,
            go,
            kind: kind.into(),
        }
    }
}

impl From<Frame> for event::Frame {
    fn from(frame: Frame) -> Self {
        // A kind that a newer writer knows is shown like any other function.
        let kind = match FrameKind::try_from(frame.kind) {
            Ok(FrameKind::Wrapper) => event::FrameKind::Wrapper,
            Ok(FrameKind::Panic) => event::FrameKind::Panic,
            Ok(FrameKind::Plain) | Err(_) => event::FrameKind::Plain,
        };
        Self {
            function: frame.function,
            file: frame.file,
            line: frame.line,
            inlined: frame.inlined,
            module: frame.module,
            go: frame.go,
            kind,
        }
    }
}

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
