//! What the kernel side has recorded: passed on, and what follows from it.

use tracer_core::event::{Call, EventKind, Syscall, Timestamp};
use tracer_core::ledger::symbols::wanted_symbols;
use tracer_ebpf::Target as Wire;

use super::{DRAIN_LIMIT, Live, Sink, creators::places, go::go_reader};
use crate::kernel::Drained;
use crate::kernel::decode::{Content, Record};
use crate::proc::{maps, target::Target};
use crate::source::{inspect, sink::now};
use crate::symbols::{Answer, Executable, Query};

/// Room for so many records is kept from one look to the next.
const KEPT_RECORDS: usize = 16 << 10;

impl Live {
    /// Passes on what waits in the rings and what the symbolizer has named.
    pub(super) fn drain(&mut self, sink: &mut Sink) -> Drained {
        let mut records = std::mem::take(&mut self.records);
        let drained = self
            .programs
            .drain(now(), DRAIN_LIMIT, |record| records.push(record));
        records.sort_by_key(|record| record.at);
        let ready = records.partition_point(|record| record.at <= drained.until);
        for record in records.drain(..ready) {
            self.apply(sink, record);
        }
        records.shrink_to(KEPT_RECORDS);
        self.records = records;
        if std::mem::take(&mut self.code_mapped) {
            self.symbols.refresh();
        }
        push_names(sink, self.symbols.try_take());
        if let Some(go) = &mut self.go {
            let readings = go.try_take();
            self.take_go(sink, readings);
        }
        drained
    }

    pub(super) fn apply(&mut self, sink: &mut Sink, record: Record) {
        let Record { at, content, .. } = record;
        match content {
            Content::Call(call) => {
                self.code_mapped |= maps_code(&call);
                sink.push(at, EventKind::Call(call));
            }
            Content::Stack(stack) => {
                let wanted = wanted_symbols(&stack);
                let query = |(address, is_return)| Query { address, is_return };
                self.symbols.submit(wanted.into_iter().map(query).collect());
                sink.push(at, EventKind::Stack(stack));
            }
            Content::Answer(answer) => sink.push(at, EventKind::ConnectAnswer(answer)),
            Content::Created(creation) => {
                self.creators.count();
                sink.push(at, EventKind::Created(creation));
            }
            Content::Exec => self.executed(sink, at),
            Content::Fork { child } => sink.push(at, EventKind::Fork { child }),
            // The process goes on: its own end is seen through its pidfd.
            Content::ThreadExit => {}
        }
    }

    /// The process runs another program: everything known of the old one is void.
    fn executed(&mut self, sink: &mut Sink, at: Timestamp) {
        let pid = self.target.pid();
        self.epoch += 1;
        sink.push(at, EventKind::Exec);
        self.symbols.refresh();
        // When it is gone again already, its exit is noticed next.
        let Some(target) = Target::open(pid)
            .ok()
            .filter(|target| target.process_id() == self.target.process_id())
        else {
            return;
        };
        self.target = target;
        let executable = Executable::read(pid)
            .ok()
            .and_then(|(_, executable)| executable);
        let binary = executable.as_ref().map(Executable::binary);
        let mappings = maps::read(pid).unwrap_or_default();
        self.renew_creators(places(&self.target, binary, &mappings));
        self.renew_allocations(binary);
        let wire = Wire {
            new_g: self.creators.new_g(),
            large_size: self.allocations.large_size(),
            ..inspect::wire(&self.target, binary, &mappings)
        };
        if let Err(failure) = self.programs.arm(pid, self.epoch, wire) {
            tracing::warn!("stacks of the new program are less complete: {failure}");
        }
        self.go = go_reader(&self.target, binary.is_some_and(|binary| binary.is_go));
        sink.push_now(EventKind::Process(Box::new(inspect::facts(
            &self.target,
            binary,
            Some(self.programs.hooked()),
        ))));
        self.snapshot(sink);
    }
}

pub(super) fn push_names(sink: &mut Sink, names: Answer) {
    if !names.modules.is_empty() {
        sink.push_now(EventKind::Modules(names.modules));
    }
    if !names.symbols.is_empty() {
        sink.push_now(EventKind::Symbols(names.symbols));
    }
}

/// Whether the call made code that the symbolizer does not know.
fn maps_code(call: &Call) -> bool {
    const EXECUTABLE: u32 = 4;
    call.outcome.is_ok()
        && match call.what {
            Syscall::Mmap { prot, fd, .. } => prot & EXECUTABLE != 0 && fd >= 0,
            Syscall::Mprotect { prot, .. } => prot & EXECUTABLE != 0,
            _ => false,
        }
}
