//! A part of a trace in memory, which moves along.

/// The bytes of a trace, wherever they are.
pub trait Source {
    /// How many there are; more that come later are not read.
    fn len(&self) -> u64;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fills `buffer` from `offset` on; returns how much of it, less only where the bytes end.
    fn read(&mut self, offset: u64, buffer: &mut [u8]) -> usize;
}

impl Source for &[u8] {
    fn len(&self) -> u64 {
        <[u8]>::len(self) as u64
    }

    fn read(&mut self, offset: u64, buffer: &mut [u8]) -> usize {
        let rest = usize::try_from(offset)
            .ok()
            .and_then(|offset| self.get(offset..));
        let rest = rest.unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        count
    }
}

/// Blocks have tens of kilobytes as a rule: some of them with one read.
const AHEAD: usize = 1 << 20;

/// The bytes around the place where a reader is.
pub(super) struct Window<S> {
    source: S,
    len: u64,
    /// Where `bytes` begins in the source.
    base: u64,
    bytes: Vec<u8>,
}

impl<S: Source> Window<S> {
    pub(super) fn new(source: S) -> Self {
        Self {
            len: source.len(),
            source,
            base: 0,
            bytes: Vec::new(),
        }
    }

    /// Bytes of the source.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// `count` bytes from `offset` on; fewer only at the end.
    pub(super) fn get(&mut self, offset: u64, count: usize) -> &[u8] {
        let left = self.len.saturating_sub(offset);
        let count = usize::try_from(left).map_or(count, |left| count.min(left));
        let end = offset + count as u64;
        if offset < self.base || end > self.base + self.bytes.len() as u64 {
            self.load(offset, count);
        }
        let from = (offset.saturating_sub(self.base) as usize).min(self.bytes.len());
        let to = (from + count).min(self.bytes.len());
        &self.bytes[from..to]
    }

    fn load(&mut self, offset: u64, count: usize) {
        let left = self.len.saturating_sub(offset);
        let wanted = usize::try_from(left).map_or(AHEAD, |left| left.min(AHEAD));
        self.bytes.resize(count.max(wanted), 0);
        let read = self.source.read(offset, &mut self.bytes);
        self.bytes.truncate(read);
        self.base = offset;
        if read < count {
            // The source has become shorter: it ends here.
            self.len = offset + read as u64;
        }
        // One huge block leaves no huge window.
        if self.bytes.capacity() > 4 * AHEAD && self.bytes.len() <= AHEAD {
            self.bytes.shrink_to(AHEAD);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_part_in_any_order() {
        let bytes: Vec<u8> = (0..3 * AHEAD + 5).map(|at| (at % 251) as u8).collect();
        let mut window = Window::new(&bytes[..]);
        for (offset, count) in [
            (0, 7),
            (AHEAD - 3, 10),
            (AHEAD, 2 * AHEAD),
            (5, 1),
            (3 * AHEAD, 100),
            (9 * AHEAD, 1),
        ] {
            let from = offset.min(bytes.len());
            let to = (offset + count).min(bytes.len());
            let part = window.get(offset as u64, count);
            assert!(part == &bytes[from..to], "{offset} {count}");
        }
    }

    /// A file that another program cuts.
    struct Cut(u64);

    impl Source for Cut {
        fn len(&self) -> u64 {
            100
        }

        fn read(&mut self, offset: u64, buffer: &mut [u8]) -> usize {
            (self.0.saturating_sub(offset) as usize).min(buffer.len())
        }
    }

    #[test]
    fn what_is_gone_is_not_there() {
        let mut window = Window::new(Cut(40));
        assert_eq!(window.get(10, 50).len(), 30);
        assert_eq!(window.len(), 40);
        assert_eq!(window.get(40, 1).len(), 0);
    }
}
