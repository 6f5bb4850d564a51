//! A thread that names addresses while the rest goes on.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};

use super::{Answer, Change, Executable, Query, Symbolizer};

/// Addresses named between two answers: what a deadline cuts off is no more than that.
const BATCH: usize = 256;

/// Addresses that wait at a time; what a process makes up faster than it is named has no names.
const MAX_PENDING: usize = 1 << 18;

/// Addresses remembered as answered; behind these some are answered again.
const MAX_NAMED: usize = 1 << 20;

/// A thread around a `Symbolizer`. Each address is answered once.
#[derive(Debug)]
pub struct Worker {
    orders: Sender<Order>,
    answers: Receiver<Answer>,
    load: Arc<Load>,
}

/// What waits for the thread.
#[derive(Debug, Default)]
struct Load {
    /// Addresses.
    pending: AtomicUsize,
    /// Some had to be left out.
    overflowed: AtomicBool,
    /// The mappings will be read again.
    refreshes: AtomicBool,
}

#[derive(Debug)]
enum Order {
    Name(Vec<Query>),
    Refresh,
}

impl Worker {
    /// Starts the thread; returns when the files of the process are open.
    ///
    /// `executable` is what is known of its executable already; `helper` is the program `tracer`.
    ///
    /// # Errors
    /// As `Symbolizer::new`, and when there can be no more threads.
    pub fn spawn(
        pid: u32,
        executable: Option<Executable>,
        helper: PathBuf,
    ) -> anyhow::Result<Self> {
        let (orders, todo) = channel();
        let (done, answers) = channel();
        let (ready, started) = channel();
        let load = Arc::new(Load::default());
        let shared = Arc::clone(&load);
        // The symbolizer cannot move between threads, so it is made where it stays.
        let run = move || match Symbolizer::new(pid, helper) {
            Ok(mut symbolizer) => {
                if let Some(executable) = executable {
                    symbolizer.knows(executable);
                }
                let _ = ready.send(Ok(()));
                serve(symbolizer, &todo, &done, &shared);
            }
            Err(error) => {
                let _ = ready.send(Err(error));
            }
        };
        thread::Builder::new()
            .name("symbols".to_owned())
            .spawn(run)
            .context("start a thread")?;
        started
            .recv()
            .map_err(|_| anyhow!("opening the files of process {pid} panicked"))??;
        Ok(Self {
            orders,
            answers,
            load,
        })
    }

    /// Asks for the names of these addresses.
    pub fn submit(&self, queries: Vec<Query>) {
        if self.load.pending.load(Relaxed) > MAX_PENDING {
            if !self.load.overflowed.swap(true, Relaxed) {
                tracing::warn!("too many different addresses: some stacks have no names");
            }
            return;
        }
        self.load.pending.fetch_add(queries.len(), Relaxed);
        // The thread ends only when this sender does.
        let _ = self.orders.send(Order::Name(queries));
    }

    /// Asks for the mappings to be read again, after `mmap` of code or `exec`.
    ///
    /// What is submitted later is named from these mappings; what was before, from these or older.
    pub fn refresh(&self) {
        // One that has not begun will see what this one would.
        if !self.load.refreshes.swap(true, Relaxed) {
            let _ = self.orders.send(Order::Refresh);
        }
    }

    /// What has been named since the last call; does not wait.
    #[must_use]
    pub fn try_take(&self) -> Answer {
        let mut all = Answer::default();
        self.answers.try_iter().for_each(|some| all.append(some));
        all
    }

    /// Waits until all that was submitted is named, at most this long.
    #[must_use]
    pub fn finish(self, deadline: Duration) -> Answer {
        let Self {
            orders, answers, ..
        } = self;
        drop(orders);
        let end = Instant::now() + deadline;
        let mut all = Answer::default();
        loop {
            match answers.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(some) => all.append(some),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return all,
            }
        }
    }
}

impl Answer {
    fn append(&mut self, mut other: Self) {
        self.modules.append(&mut other.modules);
        self.symbols.append(&mut other.symbols);
    }
}

fn serve(mut symbolizer: Symbolizer, todo: &Receiver<Order>, done: &Sender<Answer>, load: &Load) {
    let mut named = HashSet::new();
    let mut unknown = HashSet::new();
    for order in todo {
        match order {
            Order::Name(mut queries) => {
                load.pending.fetch_sub(queries.len(), Relaxed);
                if named.len() > MAX_NAMED {
                    named.clear();
                    unknown.clear();
                }
                queries.retain(|query| named.insert(*query));
                for some in queries.chunks(BATCH) {
                    let answer = name(&mut symbolizer, some);
                    let nameless = answer.symbols.iter().zip(some);
                    let nameless = nameless.filter(|(symbol, _)| symbol.frames.is_empty());
                    unknown.extend(nameless.map(|(_, query)| *query));
                    if done.send(answer).is_err() {
                        return;
                    }
                }
            }
            Order::Refresh => {
                load.refreshes.store(false, Relaxed);
                match symbolizer.refresh() {
                    Ok(Change::Same) => {}
                    Ok(Change::Added) => named.retain(|query| !unknown.contains(query)),
                    Ok(Change::Replaced) => named.clear(),
                    // It has exited: what is known of it stays.
                    Err(error) => tracing::debug!("mappings not read again: {error:#}"),
                }
                unknown.retain(|query| named.contains(query));
            }
        }
    }
}

/// As `Symbolizer::symbolize`; a panic over a forged file costs the names of one batch only.
fn name(symbolizer: &mut Symbolizer, queries: &[Query]) -> Answer {
    let named = catch_unwind(AssertUnwindSafe(|| symbolizer.symbolize(queries)));
    named.unwrap_or_else(|_| {
        let count = queries.len();
        tracing::warn!("{count} addresses have no names: the symbolizer panicked");
        Answer {
            modules: Vec::new(),
            symbols: queries.iter().map(Query::unnamed).collect(),
        }
    })
}
