//! Events that are messages of their own: facts and samples.

mod allocation;
mod creation;
mod fact;
mod go;
mod goroutine;
mod holders;
mod loss;
mod mapping;
mod sample;
mod socket;
mod symbol;

use prost::Message;

use super::MAX_ELEMENTS;
use super::fields::{count, take_field};
use crate::event::EventKind;

/// One event.
#[derive(Clone, PartialEq, Message)]
struct Record {
    #[prost(
        oneof = "Body",
        tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 30, 31, 33, 40, 41, 42, 50, 51"
    )]
    body: Option<Body>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Body {
    #[prost(message, tag = "1")]
    Process(fact::ProcessFacts),
    #[prost(message, tag = "2")]
    Mappings(mapping::Mappings),
    #[prost(message, tag = "3")]
    Descriptors(sample::Descriptors),
    #[prost(message, tag = "4")]
    Stack(fact::StackTrace),
    #[prost(message, tag = "5")]
    Symbols(symbol::Symbols),
    #[prost(message, tag = "6")]
    Memory(sample::MemorySample),
    #[prost(message, tag = "7")]
    MemoryDetail(mapping::MemoryDetail),
    #[prost(message, tag = "8")]
    Cgroup(sample::CgroupSample),
    #[prost(message, tag = "9")]
    Fork(fact::Fork),
    #[prost(message, tag = "10")]
    Loss(loss::Loss),
    #[prost(message, tag = "11")]
    End(fact::End),
    #[prost(message, tag = "12")]
    Modules(symbol::Modules),
    #[prost(message, tag = "13")]
    GoRuntime(go::GoRuntime),
    #[prost(message, tag = "14")]
    GoCounters(go::GoCounters),
    #[prost(message, tag = "15")]
    GoSpans(go::GoSpans),
    #[prost(message, tag = "16")]
    GoResidency(go::GoResidency),
    #[prost(message, tag = "17")]
    HeapSites(go::HeapSites),
    #[prost(message, tag = "18")]
    HeapProfile(go::HeapProfile),
    #[prost(message, tag = "19")]
    Goroutines(goroutine::Goroutines),
    #[prost(message, tag = "30")]
    CreatorWatch(creation::CreatorWatch),
    #[prost(message, tag = "31")]
    SocketStates(socket::SocketStates),
    #[prost(message, tag = "33")]
    Ancestors(creation::Ancestors),
    #[prost(message, tag = "40")]
    Holders(holders::Holders),
    #[prost(message, tag = "41")]
    Paused(fact::Paused),
    #[prost(message, tag = "42")]
    AllocationWatch(allocation::AllocationWatch),
    #[prost(message, tag = "50")]
    ConnectAnswer(socket::ConnectAnswer),
    #[prost(message, tag = "51")]
    CallSum(loss::CallSum),
}

/// Not what any writer makes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Malformed;

/// The message of an event; `None` when it has no message, or one over the limits.
pub(super) fn encode(event: &EventKind) -> Option<Vec<u8>> {
    let body = match event {
        // The one list that is packed, so that no count of fields limits it.
        EventKind::Stack(stack) if stack.addresses.len() > MAX_ELEMENTS => return None,
        EventKind::Process(facts) => Body::Process((&**facts).into()),
        EventKind::Mappings(mappings) => Body::Mappings(mappings.as_slice().into()),
        EventKind::Descriptors(descriptors) => Body::Descriptors(descriptors.as_slice().into()),
        EventKind::Stack(stack) => Body::Stack(stack.into()),
        EventKind::Symbols(symbols) => Body::Symbols(symbols.as_slice().into()),
        EventKind::Modules(modules) => Body::Modules(modules.as_slice().into()),
        EventKind::Memory(sample) => Body::Memory(sample.into()),
        EventKind::MemoryDetail(detail) => Body::MemoryDetail(detail.into()),
        EventKind::Cgroup(sample) => Body::Cgroup((&**sample).into()),
        EventKind::Fork { child } => Body::Fork(fact::Fork { child: *child }),
        EventKind::Paused(paused) => Body::Paused(fact::Paused { paused: *paused }),
        EventKind::Loss(loss) => Body::Loss(loss.into()),
        EventKind::CallSum(sum) => Body::CallSum(sum.into()),
        EventKind::End(ended_by) => Body::End((*ended_by).into()),
        EventKind::GoRuntime(runtime) => Body::GoRuntime(runtime.into()),
        EventKind::GoCounters(counters) => Body::GoCounters((&**counters).into()),
        EventKind::GoSpans(spans) => Body::GoSpans(spans.into()),
        EventKind::GoResidency(residency) => Body::GoResidency(residency.into()),
        EventKind::HeapSites(sites) => Body::HeapSites(sites.as_slice().into()),
        EventKind::HeapProfile(profile) => Body::HeapProfile(profile.into()),
        EventKind::Goroutines(goroutines) => Body::Goroutines(goroutines.into()),
        EventKind::CreatorWatch(watch) => Body::CreatorWatch(watch.into()),
        EventKind::AllocationWatch(watch) => Body::AllocationWatch(watch.into()),
        EventKind::SocketStates(states) => Body::SocketStates(states.into()),
        EventKind::ConnectAnswer(answer) => Body::ConnectAnswer((*answer).into()),
        EventKind::Ancestors(ancestors) => Body::Ancestors(ancestors.as_slice().into()),
        EventKind::Holders(holders) => Body::Holders(holders.into()),
        EventKind::Call(_)
        | EventKind::Created(_)
        | EventKind::Allocated(_)
        | EventKind::Faults(_)
        | EventKind::Exec
        | EventKind::Exit
        | EventKind::Tick => return None,
    };
    let record = Record { body: Some(body) }.encode_to_vec();
    within_limits(&record).then_some(record)
}

/// The event of a message; `None` for one that a newer writer knows.
pub(super) fn decode(record: &[u8]) -> Result<Option<EventKind>, Malformed> {
    if !within_limits(record) {
        return Err(Malformed);
    }
    let record = Record::decode(record).map_err(|_| Malformed)?;
    Ok(record.body.and_then(|body| {
        Some(match body {
            Body::Process(facts) => EventKind::Process(Box::new(facts.into())),
            Body::Mappings(mappings) => EventKind::Mappings(mappings.into_event()?),
            Body::Descriptors(descriptors) => EventKind::Descriptors(descriptors.into_event()?),
            Body::Stack(stack) => EventKind::Stack(stack.into_event()?),
            Body::Symbols(symbols) => EventKind::Symbols(symbols.into_event()?),
            Body::Memory(sample) => EventKind::Memory(sample.into()),
            Body::MemoryDetail(detail) => EventKind::MemoryDetail(detail.into_event()?),
            Body::Cgroup(sample) => EventKind::Cgroup(Box::new(sample.into_event()?)),
            Body::Fork(fact::Fork { child }) => EventKind::Fork { child },
            Body::Paused(fact::Paused { paused }) => EventKind::Paused(paused),
            Body::Loss(loss) => EventKind::Loss(loss.into()),
            Body::CallSum(sum) => EventKind::CallSum(sum.into()),
            Body::End(end) => EventKind::End(end.into_event()?),
            Body::Modules(modules) => EventKind::Modules(modules.into()),
            Body::GoRuntime(runtime) => EventKind::GoRuntime(runtime.into()),
            Body::GoCounters(counters) => EventKind::GoCounters(Box::new(counters.into())),
            Body::GoSpans(spans) => EventKind::GoSpans(spans.into()),
            Body::GoResidency(residency) => EventKind::GoResidency(residency.into()),
            Body::HeapSites(sites) => EventKind::HeapSites(sites.into_event()?),
            Body::HeapProfile(profile) => EventKind::HeapProfile(profile.into()),
            Body::Goroutines(goroutines) => EventKind::Goroutines(goroutines.into()),
            Body::SocketStates(states) => EventKind::SocketStates(states.into()),
            Body::ConnectAnswer(answer) => EventKind::ConnectAnswer(answer.into()),
            Body::Ancestors(ancestors) => EventKind::Ancestors(ancestors.into()),
            Body::Holders(holders) => EventKind::Holders(holders.into_event()?),
            Body::CreatorWatch(watch) => EventKind::CreatorWatch(watch.into()),
            Body::AllocationWatch(watch) => EventKind::AllocationWatch(watch.into()),
        })
    }))
}

/// Whether the lists in a message are as short as the reader demands.
///
/// An element of two bytes becomes a value of eighty, so this is asked before decoding. No list
/// stands deeper than in the body of a record.
fn within_limits(record: &[u8]) -> bool {
    let mut position = 0;
    let mut elements = 0;
    while position < record.len() {
        let fields = match take_field(record, &mut position) {
            Some((_, Some(body))) => count(body),
            Some((_, None)) => Some(0),
            None => None,
        };
        let Some(fields) = fields else {
            return false;
        };
        elements += fields;
    }
    elements <= MAX_ELEMENTS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Access, Faults, Loss, LossCount};

    #[test]
    fn only_facts_and_samples_are_records() {
        let faults = Faults {
            stack: None,
            access: Access::Write,
            count: 1,
        };
        assert_eq!(encode(&EventKind::Faults(faults)), None);
        assert_eq!(encode(&EventKind::Tick), None);
        assert_eq!(
            encode(&EventKind::Fork { child: 3 }),
            Some(vec![0x4a, 2, 8, 3])
        );
    }

    #[test]
    fn the_future_is_unknown_and_noise_is_malformed() {
        // Field 99, and an end for reason 99.
        assert!(matches!(decode(&[0x9a, 6, 0]), Ok(None)));
        assert!(matches!(decode(&[0x5a, 2, 8, 99]), Ok(None)));
        assert!(matches!(decode(&[]), Ok(None)));
        assert!(matches!(decode(&[0x5a, 200, 8, 1]), Err(Malformed)));
        assert!(matches!(decode(&[0x5a, 1, 8]), Err(Malformed)));
        assert!(matches!(decode(&[0xff; 20]), Err(Malformed)));
    }

    #[test]
    fn lists_are_limited_before_they_are_built() {
        let none = LossCount {
            kind: String::new(),
            expected: 0,
            received: 0,
            lost: 0,
            skipped: 0,
        };
        let mut counts = vec![none; MAX_ELEMENTS];
        let loss = |counts: &[LossCount]| Loss {
            counts: counts.to_vec(),
            ..Loss::default()
        };
        let full = encode(&EventKind::Loss(loss(&counts))).unwrap_or_default();
        assert!(matches!(decode(&full), Ok(Some(EventKind::Loss(read))) if read == loss(&counts)));
        counts.push(counts[0].clone());
        assert_eq!(encode(&EventKind::Loss(loss(&counts))), None);
        // The same, made by hand: two bytes an element.
        let mut body = [0x0a, 0].repeat(MAX_ELEMENTS + 1);
        let mut hostile = vec![0x52];
        crate::trace::fields::put_uint(&mut hostile, body.len() as u64);
        hostile.append(&mut body);
        assert!(matches!(decode(&hostile), Err(Malformed)));
    }
}
