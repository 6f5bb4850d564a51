//! Hooks that are in place, until they are dropped.

use std::any::Any;
use std::sync::Mutex;
use std::thread;

/// A thread that closes one needs little.
const STACK_BYTES: usize = 64 << 10;

/// For each hook the kernel waits until no CPU is inside any more, 30 to 150 ms. While one waits,
/// another prepares: two threads take half as long as one, and more no less (30 tracepoints, Linux
/// 6.18: 1.9, 0.9 and 0.9 s).
///
/// Since 6.6 a thread that waits is inside `close`, and of the ten that a kretprobe has room for all
/// are taken by ten such threads: the tracers of others would miss every other return meanwhile.
const THREADS: usize = 2;

/// Hooks that are in place. Dropping them takes them away.
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
        let helpers = THREADS.min(self.0.len()).saturating_sub(1);
        let links = Mutex::new(self.0.drain(..));
        let next = || links.lock().ok()?.next();
        let close = || while next().is_some() {};
        thread::scope(|scope| {
            for _ in 0..helpers {
                // Without a thread it takes its time here.
                let _ = thread::Builder::new()
                    .name("unhook".to_owned())
                    .stack_size(STACK_BYTES)
                    .spawn_scoped(scope, close);
            }
            close();
        });
    }
}
