//! Any facts and samples.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use tracer_core::event::{
    Advice, Backing, CallSum, CgroupSample, CgroupVersion, CpuLoss, Descriptor, DescriptorKind,
    EventKind, Frame, FrameKind, Loss, LossCount, LossGap, Mapping, MappingUse, MemorySample,
    Module, ProcessFacts, StackId, StackTrace, Symbol, Timestamp,
};

use crate::number::{perhaps, signed, text, wide, word};

pub(crate) fn process() -> impl Strategy<Value = EventKind> {
    let name = || option::of(text());
    let flag = || option::of(any::<bool>());
    let names = (
        text(),
        name(),
        name(),
        name(),
        name(),
        vec(text(), 0..4),
        text(),
        name(),
        name(),
    );
    let numbers = (wide(), option::of(wide()));
    (names, flag(), flag(), flag(), numbers).prop_map(|(names, stripped, pie, cgo, numbers)| {
        let (comm, exe, build_id, go_version, main_module, dependencies, arch, godebug, hooks) =
            names;
        let (page_size, sample_bytes) = numbers;
        EventKind::Process(Box::new(ProcessFacts {
            comm,
            exe,
            build_id,
            go_version,
            main_module,
            dependencies,
            arch,
            stripped,
            pie,
            cgo,
            godebug,
            page_size,
            hooks,
            sample_bytes,
            sees_answers: page_size % 2 == 0,
        }))
    })
}

pub(crate) fn mapping() -> impl Strategy<Value = Mapping> {
    let backing = prop_oneof![
        text().prop_map(|name| Backing::Anonymous { name }),
        (text(), wide(), wide()).prop_map(|(path, offset, inode)| Backing::File {
            path,
            offset,
            inode
        }),
    ];
    (wide(), wide(), word(), any::<bool>(), backing).prop_map(
        |(start, end, prot, shared, backing)| Mapping {
            start,
            end,
            prot,
            shared,
            backing,
        },
    )
}

pub(crate) fn mapping_use() -> impl Strategy<Value = MappingUse> {
    (mapping(), wide(), wide(), perhaps(), wide(), wide()).prop_map(
        |(mapping, rss, anonymous, lazy_free, anon_huge, swap)| MappingUse {
            mapping,
            rss,
            anonymous,
            lazy_free,
            anon_huge,
            swap,
        },
    )
}

pub(crate) fn descriptor() -> impl Strategy<Value = Descriptor> {
    let kind = prop_oneof![
        wide().prop_map(|inode| DescriptorKind::Socket { inode }),
        Just(DescriptorKind::Pipe),
        text().prop_map(DescriptorKind::Anonymous),
        Just(DescriptorKind::File),
    ];
    (signed(), kind).prop_map(|(fd, kind)| Descriptor { fd, kind })
}

pub(crate) fn stack_trace() -> impl Strategy<Value = EventKind> {
    (
        wide(),
        vec(wide(), 0..20),
        perhaps(),
        option::of(word()),
        any::<bool>(),
    )
        .prop_map(|(id, addresses, leaf_word, recovered_at, truncated)| {
            let id = StackId(id);
            EventKind::Stack(StackTrace {
                id,
                addresses,
                leaf_word,
                recovered_at,
                truncated,
            })
        })
}

pub(crate) fn symbol() -> impl Strategy<Value = Symbol> {
    let kinds = [FrameKind::Plain, FrameKind::Wrapper, FrameKind::Panic];
    let kind = proptest::sample::select(kinds.to_vec());
    let frame = (
        text(),
        text(),
        word(),
        any::<bool>(),
        text(),
        any::<bool>(),
        kind,
    )
        .prop_map(|(function, file, line, inlined, module, go, kind)| Frame {
            function,
            file,
            line,
            inlined,
            module,
            go,
            kind,
        });
    (wide(), any::<bool>(), vec(frame, 0..4), any::<bool>()).prop_map(
        |(address, is_return, frames, frameless)| Symbol {
            address,
            is_return,
            frames,
            frameless,
        },
    )
}

pub(crate) fn module() -> impl Strategy<Value = Module> {
    let name = || option::of(text());
    (wide(), wide(), perhaps(), text(), name(), name()).prop_map(
        |(start, end, link_address, path, identity, trouble)| Module {
            start,
            end,
            link_address,
            path,
            identity,
            trouble,
        },
    )
}

pub(crate) fn memory() -> impl Strategy<Value = EventKind> {
    (
        wide(),
        wide(),
        perhaps(),
        perhaps(),
        perhaps(),
        perhaps(),
        perhaps(),
        perhaps(),
    )
        .prop_map(
            |(rss, anonymous, lazy_free, file, shared, anon_huge, swap, private)| {
                EventKind::Memory(MemorySample {
                    rss,
                    anonymous,
                    lazy_free,
                    file,
                    shared,
                    anon_huge,
                    swap,
                    private,
                })
            },
        )
}

pub(crate) fn cgroup() -> impl Strategy<Value = EventKind> {
    let version = prop_oneof![Just(CgroupVersion::V1), Just(CgroupVersion::V2)];
    let numbers = (
        perhaps(),
        perhaps(),
        perhaps(),
        perhaps(),
        perhaps(),
        perhaps(),
        perhaps(),
    );
    (version, text(), numbers).prop_map(|(version, path, numbers)| {
        let (usage, limit, high, anon, file, sock, oom_kills) = numbers;
        EventKind::Cgroup(Box::new(CgroupSample {
            version,
            path,
            usage,
            limit,
            high,
            anon,
            file,
            sock,
            oom_kills,
        }))
    })
}

pub(crate) fn loss() -> impl Strategy<Value = EventKind> {
    let gap =
        (text(), any::<u32>(), wide(), wide(), wide()).prop_map(|(kind, cpu, from, to, lost)| {
            LossGap {
                kind,
                cpu,
                from: Timestamp(from),
                to: Timestamp(to),
                lost,
            }
        });
    let of_cpu = (any::<u32>(), loss_count()).prop_map(|(cpu, count)| CpuLoss { cpu, count });
    (vec(loss_count(), 0..4), vec(gap, 0..4), vec(of_cpu, 0..4)).prop_map(
        |(counts, gaps, by_cpu)| {
            EventKind::Loss(Loss {
                counts,
                gaps,
                by_cpu,
            })
        },
    )
}

pub(crate) fn call_sum() -> impl Strategy<Value = EventKind> {
    let advice = option::of(word().prop_map(Advice));
    let stack = option::of(wide().prop_map(StackId));
    let counts = (wide(), wide(), wide());
    let values = (text(), advice, stack, counts);
    values.prop_map(|(kind, advice, stack, (count, failed, bytes))| {
        EventKind::CallSum(CallSum {
            kind,
            advice,
            stack,
            count,
            failed,
            bytes,
        })
    })
}

fn loss_count() -> impl Strategy<Value = LossCount> {
    let counts = (wide(), wide(), wide(), wide());
    (text(), counts).prop_map(|(kind, (expected, received, lost, skipped))| LossCount {
        kind,
        expected,
        received,
        lost,
        skipped,
    })
}
