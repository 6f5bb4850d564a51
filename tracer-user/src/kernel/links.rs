//! Hooks that are in place, until they are dropped.

use std::any::Any;
use std::thread;

/// A thread that closes one needs little.
const STACK_BYTES: usize = 64 << 10;

/// Hooks that are in place. Dropping them takes them away, all at once.
///
/// For each the kernel waits until no CPU is inside any more, 50 to 150 ms, and threads that wait at
/// the same time wait for the same: two dozen take as long as one.
#[derive(Default)]
pub(super) struct Links(Vec<Box<dyn Any + Send>>);

impl Links {
    pub(super) fn push(&mut self, link: impl Any + Send) {
        self.0.push(Box::new(link));
    }

    pub(super) fn append(&mut self, mut others: Self) {
        self.0.append(&mut others.0);
    }
}

impl Drop for Links {
    fn drop(&mut self) {
        thread::scope(|scope| {
            for link in self.0.drain(..) {
                // Without a thread it takes its time here.
                let _ = thread::Builder::new()
                    .name("unhook".to_owned())
                    .stack_size(STACK_BYTES)
                    .spawn_scoped(scope, move || drop(link));
            }
        });
    }
}
