//! Of which events the stacks are taken.

/// Each stack costs the target about as much as all else that is done for an event.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stacks {
    /// Of all.
    All,
    /// Of calls with a length and of page faults as of one in `mean_bytes` bytes; of others, all.
    Sampled {
        /// Of so many bytes on average one is drawn, and its event keeps its stack.
        mean_bytes: u64,
    },
    /// Of none.
    None,
}

impl Stacks {
    /// Bytes that one stack stands for, where they are sampled.
    #[must_use]
    pub const fn sample_bytes(self) -> Option<u64> {
        match self {
            Self::Sampled { mean_bytes } => Some(mean_bytes),
            Self::All | Self::None => None,
        }
    }
}
