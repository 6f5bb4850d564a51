//! Facts learned about a process: who it is, its stacks, its symbols, what was lost.

use super::StackId;

/// Who a process is. Unknown things are `None`, never a default.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProcessFacts {
    /// Name of the main thread (`/proc/PID/comm`), as bytes the target chose.
    pub comm: String,
    /// Path of the executable as the target sees it.
    pub exe: Option<String>,
    /// GNU build id, else Go build id.
    pub build_id: Option<String>,
    /// For example `go1.26.8`; `None` when it is not a Go program.
    pub go_version: Option<String>,
    /// Path of the main module, from the build information.
    pub main_module: Option<String>,
    /// Paths of the modules it depends on, sorted.
    pub dependencies: Vec<String>,
    /// Go's name of the architecture: `amd64`, `arm64`.
    pub arch: String,
    /// No `.symtab` section.
    pub stripped: Option<bool>,
    /// Position-independent executable.
    pub pie: Option<bool>,
    /// Linked with C code that runs in this process.
    pub cgo: Option<bool>,
    /// Value of `GODEBUG` when the process started.
    pub godebug: Option<String>,
    /// Bytes of a page.
    pub page_size: u64,
    /// Hook family in use: `fentry`, `kprobe` or `tracepoint`.
    pub hooks: Option<String>,
}

/// The raw addresses of one stack, leaf first.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StackTrace {
    /// The name events refer to it by.
    pub id: StackId,
    /// Where the thread stood, then the return addresses.
    pub addresses: Vec<u64>,
    /// The word at the stack pointer: the direct caller of a frameless leaf, else noise.
    pub leaf_word: Option<u64>,
    /// Index of the first address taken from the goroutine's saved registers.
    pub recovered_at: Option<u32>,
    /// The walk stopped at its depth limit or at unreadable memory.
    pub truncated: bool,
}

/// The frames of one address of one stack position.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Symbol {
    /// The address as it stands in `StackTrace`.
    pub address: u64,
    /// The address was looked up as a return address, that is at `address - 1`.
    pub is_return: bool,
    /// Innermost first: inlined callees, then the function itself. Empty when unknown.
    pub frames: Vec<Frame>,
    /// When this address is a leaf: the word at the stack pointer is its caller.
    pub frameless: bool,
}

/// One function in a stack.
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Frame {
    /// Name as the Go linker or the symbol table has it.
    pub function: String,
    /// Source file, empty when unknown.
    pub file: String,
    /// Source line, 0 when unknown.
    pub line: u32,
    /// Called inline by the next frame.
    pub inlined: bool,
    /// File name of the executable or library it lies in, empty when unknown.
    pub module: String,
    /// The frame was read from Go's tables.
    pub go: bool,
}

/// First-touch page faults since the last such event.
#[derive(Clone, Debug, PartialEq)]
pub struct Faults {
    /// Who touched; `None` when the stack was lost.
    pub stack: Option<StackId>,
    /// How the page was touched.
    pub access: Access,
    /// Number of faults; each brings in at least one page.
    pub count: u64,
}

/// How a page that was not there was touched.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Access {
    /// Anonymous memory gets a page; a private file mapping gets its own copy.
    Write,
    /// File pages are mapped in; anonymous memory gets the shared zero page.
    Read,
    /// Instructions are mapped in.
    Execute,
}

/// How many events of one kind the kernel side saw, and what became of them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LossCount {
    /// The kind, as `Syscall::kernel_name` has it, or `page_fault`, `stack`, `exec`, `fork`, `exit`.
    pub kind: String,
    /// Seen by the probe, after the process filter.
    pub expected: u64,
    /// Decoded by user space.
    pub received: u64,
    /// Dropped at a full ring or map.
    pub lost: u64,
}

/// Why a recording ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum EndedBy {
    /// The time asked for has passed.
    Duration,
    /// The user asked, with ^C or a signal.
    Signal,
    /// The target exited.
    Exit,
    /// The kernel killed the target for memory.
    Oom,
}
