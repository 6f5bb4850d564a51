//! System calls of the target, decoded.

use super::{StackId, Timestamp};

/// A positive Linux error number.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Errno(pub u32);

/// A system call that returned.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The thread that called.
    pub tid: u32,
    /// When the call began, for the calls that release something (`munmap`, `mremap`, `brk`,
    /// `close`, `close_range`, `dup2`). A release takes effect after this instant, an
    /// acquisition before `Event::at`, so another thread's reuse of the same address or fd is
    /// told apart by comparing the two.
    pub entered: Option<Timestamp>,
    /// Who called; `None` when the stack was lost or not taken.
    pub stack: Option<StackId>,
    /// Number of the goroutine that called, for calls about descriptors.
    pub goroutine: Option<u64>,
    /// The kernel's answer.
    pub outcome: Result<u64, Errno>,
    /// What was asked.
    pub what: Syscall,
}

impl Call {
    /// Whether it did not do what it was for.
    ///
    /// A connection of a non-blocking socket goes on being made (`EINPROGRESS`), and to ask it for
    /// connections that are not there yet (`EAGAIN`) is how Go waits for them.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        const EAGAIN: Errno = Errno(11);
        const EINPROGRESS: Errno = Errno(115);
        match (&self.what, self.outcome) {
            (Syscall::Connect { .. }, Err(EINPROGRESS)) | (Syscall::Accept { .. }, Err(EAGAIN)) => {
                false
            }
            (_, outcome) => outcome.is_err(),
        }
    }
}

/// What was asked, with its arguments. Addresses and lengths are in bytes.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the fields carry the names of the man pages")]
pub enum Syscall {
    /// `mmap`; `fd` is -1 for anonymous memory; the outcome is the address.
    Mmap {
        addr: u64,
        len: u64,
        prot: u32,
        flags: u32,
        fd: i32,
        offset: u64,
    },
    Munmap {
        addr: u64,
        len: u64,
    },
    /// `mremap`; the outcome is the new address.
    Mremap {
        addr: u64,
        old_len: u64,
        new_len: u64,
        flags: u32,
    },
    /// `brk`; the outcome is the end of the heap after the call.
    Brk {
        addr: u64,
    },
    Madvise {
        addr: u64,
        len: u64,
        advice: Advice,
    },
    /// `process_madvise`; the outcome is the number of bytes advised.
    ProcessMadvise {
        pidfd: i32,
        vectors: u64,
        advice: Advice,
    },
    Mprotect {
        addr: u64,
        len: u64,
        prot: u32,
    },
    /// `socket`; the outcome is the descriptor.
    Socket {
        family: u32,
        kind: u32,
        protocol: u32,
    },
    Connect {
        fd: i32,
        peer: Option<Peer>,
    },
    /// `accept4`, or `accept` when there are no flags; the outcome is the new descriptor.
    Accept {
        fd: i32,
        flags: Option<u32>,
        peer: Option<Peer>,
    },
    Close {
        fd: i32,
    },
    /// `dup`; the outcome is the new descriptor.
    Dup {
        fd: i32,
    },
    /// `dup3`, or `dup2` when there are no flags: an open `to` is closed first.
    DupTo {
        fd: i32,
        to: i32,
        flags: Option<u32>,
    },
    CloseRange {
        first: u32,
        last: u32,
        flags: u32,
    },
    /// `fcntl` with a command that makes a descriptor; the outcome is that.
    Fcntl {
        fd: i32,
        command: u32,
        argument: u64,
    },
    /// `socketpair`; `pair` are the descriptors that it has made.
    SocketPair {
        family: u32,
        kind: u32,
        protocol: u32,
        pair: [i32; 2],
    },
}

/// An advice as the kernel numbers it (`include/uapi/asm-generic/mman-common.h`).
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Advice(pub u32);

/// Number and name of every advice of Linux 6.18.
const ADVICE_NAMES: &[(u32, &str)] = &[
    (0, "normal"),
    (1, "random"),
    (2, "sequential"),
    (3, "willneed"),
    (4, "dontneed"),
    (8, "free"),
    (9, "remove"),
    (10, "dontfork"),
    (11, "dofork"),
    (12, "mergeable"),
    (13, "unmergeable"),
    (14, "hugepage"),
    (15, "nohugepage"),
    (16, "dontdump"),
    (17, "dodump"),
    (18, "wipeonfork"),
    (19, "keeponfork"),
    (20, "cold"),
    (21, "pageout"),
    (22, "populate_read"),
    (23, "populate_write"),
    (24, "dontneed_locked"),
    (25, "collapse"),
    (100, "hwpoison"),
    (101, "soft_offline"),
    (102, "guard_install"),
    (103, "guard_remove"),
];

impl Advice {
    /// The pages go at once and read as zero afterwards.
    pub const DONTNEED: Self = Self(4);
    /// The pages go when the kernel needs them; until then they stay in RSS.
    pub const FREE: Self = Self(8);

    /// The name without its `MADV_` prefix, in lower case; `other` for an unknown number.
    #[must_use]
    pub fn name(self) -> &'static str {
        ADVICE_NAMES
            .iter()
            .find(|(number, _)| *number == self.0)
            .map_or("other", |(_, name)| name)
    }
}

/// The other end of a socket, as the program passed or received it.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Peer {
    /// IPv4 or IPv6 address and port.
    Inet(std::net::SocketAddr),
    /// Path of a Unix socket, cut at 26 bytes; an abstract name starts with a zero byte.
    Unix(Vec<u8>),
    /// Another address family, by number.
    Other(u16),
}

impl Syscall {
    /// The name in reports; each advice is a call of its own.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Madvise { advice, .. } => format!("madvise_{}", advice.name()),
            Self::ProcessMadvise { advice, .. } => format!("process_madvise_{}", advice.name()),
            other => other.kernel_name().to_owned(),
        }
    }

    /// It changes mappings, and no descriptors.
    #[must_use]
    pub const fn is_about_memory(&self) -> bool {
        matches!(
            self,
            Self::Mmap { .. }
                | Self::Munmap { .. }
                | Self::Mremap { .. }
                | Self::Brk { .. }
                | Self::Madvise { .. }
                | Self::ProcessMadvise { .. }
                | Self::Mprotect { .. }
        )
    }

    /// The length that the call was given, by which the kernel side samples; `None` for calls that
    /// have none.
    #[must_use]
    pub const fn length(&self) -> Option<u64> {
        match self {
            Self::Mmap { len, .. }
            | Self::Munmap { len, .. }
            | Self::Madvise { len, .. }
            | Self::Mprotect { len, .. } => Some(*len),
            Self::Mremap { new_len, .. } => Some(*new_len),
            _ => None,
        }
    }

    /// What [`Self::kernel_name`] may be.
    pub const KERNEL_NAMES: [&str; 18] = [
        "mmap",
        "munmap",
        "mremap",
        "brk",
        "madvise",
        "process_madvise",
        "mprotect",
        "socket",
        "connect",
        "accept",
        "accept4",
        "close",
        "dup",
        "dup2",
        "dup3",
        "close_range",
        "fcntl",
        "socketpair",
    ];

    /// The name under which the kernel side counts it.
    #[must_use]
    pub const fn kernel_name(&self) -> &'static str {
        match self {
            Self::Mmap { .. } => "mmap",
            Self::Munmap { .. } => "munmap",
            Self::Mremap { .. } => "mremap",
            Self::Brk { .. } => "brk",
            Self::Madvise { .. } => "madvise",
            Self::ProcessMadvise { .. } => "process_madvise",
            Self::Mprotect { .. } => "mprotect",
            Self::Socket { .. } => "socket",
            Self::Connect { .. } => "connect",
            Self::Accept { flags: None, .. } => "accept",
            Self::Accept { .. } => "accept4",
            Self::Close { .. } => "close",
            Self::Dup { .. } => "dup",
            Self::DupTo { flags: None, .. } => "dup2",
            Self::DupTo { .. } => "dup3",
            Self::CloseRange { .. } => "close_range",
            Self::Fcntl { .. } => "fcntl",
            Self::SocketPair { .. } => "socketpair",
        }
    }
}
