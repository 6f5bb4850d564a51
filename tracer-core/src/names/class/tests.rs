//! Origin classes of stacks as real toolchains leave them, leaf first.

use super::*;

/// Frames from a line of names; `c:` marks a C function.
fn frames(stack: &str) -> Vec<Frame> {
    stack
        .split(" < ")
        .map(|name| {
            let native = name.strip_prefix("c:");
            Frame {
                function: native.unwrap_or(name).to_owned(),
                go: native.is_none(),
                ..Frame::default()
            }
        })
        .collect()
}

#[track_caller]
fn check(expected: &str, stacks: &[&str]) {
    for stack in stacks {
        let class = classify(frames(stack).iter(), true);
        assert_eq!(class.name(), expected, "{stack}");
    }
}

#[test]
fn background_scavenger() {
    check(
        "background scavenger",
        &[
            // 1.11, 1.12: the monitor thread
            "runtime.madvise < runtime.sysUnused < runtime.scavengelist < \
             runtime.(*mheap).scavenge < runtime.sysmon < runtime.mstart1 < runtime.mstart",
            "runtime.madvise < runtime.sysUnused < runtime.(*mspan).scavenge < \
             runtime.(*mheap).scavengeAll < runtime.sysmon < runtime.mstart1 < runtime.mstart",
            // 1.13
            "runtime.madvise < runtime.sysUnused < runtime.(*mspan).scavenge < \
             runtime.(*mheap).scavengeLocked < runtime.bgscavenge.func2 < runtime.systemstack",
            // 1.15
            "runtime.madvise < runtime.(*pageAlloc).scavengeRangeLocked < \
             runtime.(*pageAlloc).scavengeOne < runtime.(*pageAlloc).scavenge < \
             runtime.bgscavenge.func2 < runtime.systemstack",
            // 1.27
            "runtime.madvise.abi0 < runtime.(*pageAlloc).scavengeOne < \
             runtime.(*pageAlloc).scavenge.func1 < runtime.systemstack.abi0 < \
             runtime.(*pageAlloc).scavenge < runtime.(*scavengerState).init.func2 < \
             runtime.(*scavengerState).run < runtime.bgscavenge < runtime.gcenable.gowrap2",
        ],
    );
}

#[test]
fn heap_growth() {
    check(
        "heap growth",
        &[
            // 1.12
            "runtime.madvise < runtime.sysUnused < runtime.(*mspan).scavenge < \
             runtime.(*mheap).scavengeLargest < runtime.(*mheap).grow < \
             runtime.(*mheap).allocSpanLocked < runtime.(*mheap).alloc_m < \
             runtime.(*mheap).alloc.func1 < runtime.systemstack < main.main",
            // 1.13
            "runtime.madvise < runtime.sysUnused < runtime.(*mspan).scavenge < \
             runtime.(*mheap).scavengeLocked < runtime.(*mheap).scavengeIfNeededLocked < \
             runtime.(*mheap).allocSpanLocked < runtime.systemstack < main.main",
            // 1.15, mmap
            "runtime.mmap < runtime.sysMap < runtime.(*mheap).sysAlloc < runtime.(*mheap).grow < \
             runtime.(*mheap).allocSpan < runtime.(*mheap).alloc.func1 < runtime.systemstack < \
             runtime.(*mcentral).grow < runtime.mallocgc < main.allocSmallNodes < main.main",
            // 1.27, mmap; with cgo it passes through libc
            "runtime.sysMmap.abi0 < runtime.sysMapOS < runtime.sysMap < runtime.(*mheap).grow < \
             runtime.(*mheap).allocSpan < runtime.(*mheap).alloc.func1 < \
             runtime.systemstack.abi0 < runtime.(*mheap).alloc < runtime.(*mcache).allocLarge < \
             runtime.mallocgcLarge < runtime.mallocgc < runtime.makeslice < main.allocLargeBuf",
            "c:mmap64 < c:x_cgo_mmap < runtime.callCgoMmap.abi0 < runtime.asmcgocall.abi0 < \
             runtime.mmap.func1 < runtime.systemstack.abi0 < runtime.mmap < runtime.sysMapOS < \
             runtime.(*mheap).grow < runtime.(*mheap).allocSpan < main.load",
            // 1.27, memory limit
            "runtime.madvise.abi0 < runtime.(*pageAlloc).scavengeOne < \
             runtime.(*pageAlloc).scavenge.func1 < runtime.(*pageAlloc).scavenge < \
             runtime.(*mheap).allocSpan < runtime.(*mheap).alloc.func1 < \
             runtime.systemstack.abi0 < runtime.(*mheap).alloc < main.churn < main.main",
            // 1.27, a goroutine's stack grows
            "runtime.sysMmap.abi0 < runtime.sysMapOS < runtime.sysMap < runtime.(*mheap).grow < \
             runtime.(*mheap).allocSpan < runtime.(*mheap).allocManual < runtime.stackalloc < \
             runtime.copystack < runtime.newstack < runtime.morestack.abi0",
        ],
    );
}

#[test]
fn free_os_memory() {
    check(
        "debug.FreeOSMemory",
        &[
            // 1.11: `debug.freeOSMemory` jumps to the runtime's function
            "runtime.madvise < runtime.sysUnused < runtime.scavengelist < \
             runtime.(*mheap).scavenge < runtime/debug.freeOSMemory.func1 < \
             runtime.systemstack < runtime/debug.freeOSMemory < main.main",
            // 1.15
            "runtime.madvise < runtime.(*pageAlloc).scavengeRangeLocked < \
             runtime.(*pageAlloc).scavengeOne < runtime.(*mheap).scavengeAll < \
             runtime.runtime_debug_freeOSMemory.func1 < runtime.systemstack < main.doFreeOS",
            // 1.27
            "runtime.madvise.abi0 < runtime.(*pageAlloc).scavengeOne < \
             runtime.(*pageAlloc).scavenge < runtime.(*mheap).scavengeAll < \
             runtime.runtime_debug_freeOSMemory.func1 < runtime.systemstack.abi0 < \
             runtime/debug.freeOSMemory < main.doFreeOS < main.main < runtime.main",
        ],
    );
}

#[test]
fn runtime() {
    check(
        "runtime",
        &[
            "runtime.sysMmap.abi0 < runtime.sysAllocOS < runtime.sysAlloc < \
             runtime.persistentalloc1 < runtime.persistentalloc.func1 < runtime.systemstack.abi0 \
             < runtime.mProf_Malloc < runtime.mallocgc < main.load",
            "c:mmap64 < c:x_cgo_mmap < runtime.callCgoMmap < runtime.asmcgocall < \
             runtime.sysAlloc < runtime.newArenaMayUnlock < runtime.gcStart < main.main",
            "runtime.sysMmap.abi0 < runtime.newSpanSPMC < runtime.(*spanQueue).drain < \
             runtime.gcDrain < runtime.gcBgMarkWorker.func2 < runtime.systemstack.abi0",
            // a thread's stack
            "c:mmap64 < c:pthread_create < c:_cgo_try_pthread_create < runtime.asmcgocall.abi0 < \
             runtime.newm1 < runtime.newm < runtime.startm < runtime.systemstack.abi0",
            "internal/runtime/syscall/linux.Syscall6 < runtime.netpollinit < main.main",
        ],
    );
}

#[test]
fn cgo_and_user_code() {
    check(
        "cgo",
        &[
            "c:mmap64 < c:sysmalloc < c:_int_malloc < c:malloc < c:_cgo_1a2b_Cfunc__Cmalloc < \
             runtime.asmcgocall.abi0 < runtime.cgocall < main._Cfunc__CMalloc < main.main",
            "c:brk < c:sbrk < c:malloc < c:work < c:start_thread",
            // the chain ends in C and goes on from the goroutine's saved registers
            "c:madvise < c:je_pages_purge < runtime.cgocall < main.work",
            "c:mmap64 < c:malloc < main._Cfunc_work",
        ],
    );
    check(
        "user code",
        &[
            "internal/runtime/syscall/linux.Syscall6 < syscall.Syscall6 < syscall.mmap < \
             syscall.(*mmapper).Mmap < syscall.Mmap < main.mapFile < main.main",
            "syscall.Syscall6 < golang.org/x/sys/unix.mmap < golang.org/x/sys/unix.Mmap < \
             go.etcd.io/bbolt.mmap < main.main",
            "syscall.Syscall < syscall.Connect < net.(*netFD).connect < net.Dial < main.dialTCP",
        ],
    );
}

#[test]
fn other_programs_and_lost_stacks() {
    let native = frames("c:mmap64 < c:malloc < c:main");
    assert_eq!(classify(native.iter(), false), Class::UserCode);
    assert_eq!(classify([].iter(), true), Class::Unknown);
    assert_eq!(classify([Frame::default()].iter(), true), Class::Unknown);
}
