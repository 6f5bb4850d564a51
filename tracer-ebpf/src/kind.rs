//! The kinds of events the kernel side counts, each with its own loss account.

/// A kind of event, and the slot of its counters.
///
/// A plain number on the wire, so that no received value is invalid.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Kind(pub u16);

/// Declares each kind once: its constant, its number and its name.
macro_rules! kinds {
    ($($constant:ident = $number:literal, $name:literal;)*) => {
        #[expect(missing_docs, reason = "the names are those of the man pages")]
        impl Kind {
            $(pub const $constant: Self = Self($number);)*

            /// Every kind, in the order of its number.
            pub const ALL: &[Self] = &[$(Self::$constant),*];

            /// The name in reports.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$constant => $name,)*
                    _ => "unknown",
                }
            }
        }
    };
}

kinds! {
    MMAP = 0, "mmap";
    MUNMAP = 1, "munmap";
    MREMAP = 2, "mremap";
    BRK = 3, "brk";
    MADVISE = 4, "madvise";
    PROCESS_MADVISE = 5, "process_madvise";
    MPROTECT = 6, "mprotect";
    SOCKET = 7, "socket";
    CONNECT = 8, "connect";
    ACCEPT = 9, "accept";
    ACCEPT4 = 10, "accept4";
    CLOSE = 11, "close";
    DUP = 12, "dup";
    DUP2 = 13, "dup2";
    DUP3 = 14, "dup3";
    CLOSE_RANGE = 15, "close_range";
    FCNTL = 16, "fcntl";
    SOCKETPAIR = 17, "socketpair";
    GETSOCKOPT = 18, "getsockopt";
    EXEC = 19, "exec";
    FORK = 20, "fork";
    EXIT = 21, "exit";
    PAGE_FAULT = 22, "page_fault";
    STACK = 23, "stack";
    GOROUTINE = 24, "goroutine";
    UNKNOWN_CALL = 25, "unknown_call";
    ALLOCATION = 26, "allocation";
}

impl Kind {
    /// Number of counter slots.
    pub const COUNT: u32 = Self::ALL.len() as u32;

    /// The system calls, in the order of their number.
    #[must_use]
    pub fn calls() -> &'static [Self] {
        &Self::ALL[..=Self::GETSOCKOPT.0 as usize]
    }

    /// Counted in a map by stack, and not told one by one.
    #[must_use]
    pub const fn is_counted(self) -> bool {
        matches!(self, Self::PAGE_FAULT | Self::ALLOCATION)
    }

    /// Is worth a stack: it matters who does it.
    #[must_use]
    pub const fn has_origin(self) -> bool {
        !matches!(self, Self::GETSOCKOPT)
    }

    /// Whether this answer of the kernel says that the call did not do what it was for.
    ///
    /// A connection of a non-blocking socket goes on being made (`EINPROGRESS`), and to ask it for
    /// connections that are not there yet (`EAGAIN`) is how Go waits for them.
    #[must_use]
    pub const fn is_refusal(self, result: i64) -> bool {
        const EAGAIN: i64 = -11;
        const EINPROGRESS: i64 = -115;
        match self {
            Self::CONNECT if result == EINPROGRESS => false,
            Self::ACCEPT | Self::ACCEPT4 if result == EAGAIN => false,
            // A high address is no error.
            _ => result >= -4095 && result < 0,
        }
    }

    /// Makes a socket: worth knowing for which goroutine.
    #[must_use]
    pub const fn makes_socket(self) -> bool {
        matches!(
            self,
            Self::SOCKET | Self::SOCKETPAIR | Self::ACCEPT | Self::ACCEPT4
        )
    }

    /// Releases an address range or a descriptor, so its time of entry matters: another thread
    /// may be given the same one before this call has returned.
    #[must_use]
    pub const fn releases(self) -> bool {
        matches!(
            self,
            Self::MUNMAP
                | Self::MREMAP
                | Self::BRK
                | Self::CLOSE
                | Self::DUP2
                | Self::DUP3
                | Self::CLOSE_RANGE
        )
    }
}

#[cfg(test)]
mod tests {
    use super::Kind;

    #[test]
    fn to_wait_is_not_to_be_refused() {
        assert!(!Kind::CONNECT.is_refusal(-115));
        assert!(!Kind::ACCEPT4.is_refusal(-11));
        assert!(Kind::CONNECT.is_refusal(-11));
        assert!(Kind::ACCEPT.is_refusal(-115));
        assert!(Kind::MMAP.is_refusal(-12));
        // An address, as mmap returns it.
        assert!(!Kind::MMAP.is_refusal(-4096));
        assert!(!Kind::CLOSE.is_refusal(0));
    }
}
