//! A thread that names addresses while the rest goes on.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use tracer_core::event::Symbol;

use super::{Change, Query, Symbolizer};

/// A thread around a `Symbolizer`. Each address is answered once.
///
/// What was submitted before a `refresh` is answered from the mappings before it.
#[derive(Debug)]
pub struct Worker {
    orders: Sender<Order>,
    symbols: Receiver<Symbol>,
}

#[derive(Debug)]
enum Order {
    Name(Vec<Query>),
    Refresh,
}

impl Worker {
    /// Starts the thread; returns when the symbols of the process are read.
    ///
    /// # Errors
    /// As `Symbolizer::new`, and when there can be no more threads.
    pub fn spawn(pid: u32) -> anyhow::Result<Self> {
        let (orders, todo) = channel();
        let (done, symbols) = channel();
        let (ready, started) = channel();
        // The symbolizer cannot move between threads, so it is made where it stays.
        let run = move || match Symbolizer::new(pid) {
            Ok(symbolizer) => {
                let _ = ready.send(Ok(()));
                serve(symbolizer, &todo, &done);
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
            .map_err(|_| anyhow!("reading the symbols of process {pid} panicked"))??;
        Ok(Self { orders, symbols })
    }

    /// Asks for the names of these addresses.
    pub fn submit(&self, queries: Vec<Query>) {
        // The thread ends only when this sender does.
        let _ = self.orders.send(Order::Name(queries));
    }

    /// Asks for the mappings to be read again, after `mmap` of code or `exec`.
    pub fn refresh(&self) {
        let _ = self.orders.send(Order::Refresh);
    }

    /// What has been named since the last call; does not wait.
    #[must_use]
    pub fn try_take(&self) -> Vec<Symbol> {
        self.symbols.try_iter().collect()
    }

    /// Waits until all that was submitted is named, at most this long.
    #[must_use]
    pub fn finish(self, deadline: Duration) -> Vec<Symbol> {
        let Self { orders, symbols } = self;
        drop(orders);
        let end = Instant::now() + deadline;
        let mut taken = Vec::new();
        loop {
            match symbols.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(symbol) => taken.push(symbol),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return taken,
            }
        }
    }
}

fn serve(mut symbolizer: Symbolizer, todo: &Receiver<Order>, done: &Sender<Symbol>) {
    let mut named = HashSet::new();
    let mut unknown = HashSet::new();
    for order in todo {
        match order {
            Order::Name(mut queries) => {
                queries.retain(|query| named.insert(*query));
                for symbol in name(&mut symbolizer, &queries) {
                    if symbol.frames.is_empty() {
                        unknown.insert(Query {
                            address: symbol.address,
                            is_return: symbol.is_return,
                        });
                    }
                    if done.send(symbol).is_err() {
                        return;
                    }
                }
            }
            Order::Refresh => match symbolizer.refresh() {
                Ok(Change::Same) => {}
                Ok(Change::Added) => named.retain(|query| !unknown.contains(query)),
                Ok(Change::Replaced) => named.clear(),
                // It has exited: what is known of it stays.
                Err(error) => tracing::debug!("mappings not read again: {error:#}"),
            },
        }
    }
}

/// As `Symbolizer::symbolize`; a panic over a forged file costs the names of one batch only.
fn name(symbolizer: &mut Symbolizer, queries: &[Query]) -> Vec<Symbol> {
    let named = catch_unwind(AssertUnwindSafe(|| symbolizer.symbolize(queries)));
    named.unwrap_or_else(|_| {
        tracing::warn!(
            "{} addresses have no names: the symbolizer panicked",
            queries.len()
        );
        let nameless = queries.iter().map(|query| Symbol {
            address: query.address,
            is_return: query.is_return,
            ..Symbol::default()
        });
        nameless.collect()
    })
}
