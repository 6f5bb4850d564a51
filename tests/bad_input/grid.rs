//! What the kernel, the rights or a container may withhold, thing by thing: the tool works without
//! it, or names it and says how to get it.

use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

use anyhow::{Context as _, Result, ensure};
use tracer_tests::{Outcome, Program, tracer_binary};

use super::ask::{DONE, TRACEFS, UNSUPPORTED, outcome, refused, steady};

/// What goes before the tool's own command line.
enum Through {
    /// Root with a bounding set of capabilities changed like this.
    Rights(&'static str),
    /// Such a root, after a shell script in a private set of mounts.
    Mounts(&'static str, &'static str),
    /// An error number for these calls.
    Denied(&'static str, &'static str),
    /// Another command.
    Command(&'static [&'static str]),
}
use Through::{Command as Runs, Denied, Mounts, Rights};

/// How it ends.
enum Ends {
    Works,
    /// Words of the error, and of its hint.
    Names(&'static str, &'static str),
}
use Ends::{Names, Works};

const ALL: &str = "+chown";
const EPERM: &str = "1";
const ENOSYS: &str = "38";
const NO_BTF: &str = "mount -t tmpfs none /sys/kernel/btf";
/// It may be in both places; a private set of mounts loses them.
const NO_TRACEFS: &str = "\
for place in /sys/kernel/tracing /sys/kernel/debug/tracing /sys/kernel/debug; do
    while umount --lazy $place 2>/dev/null; do :; done
done";
const READ_ONLY: &str = "\
mountpoint -q /sys/kernel/tracing || mount -t tracefs tracefs /sys/kernel/tracing
mount -o remount,ro,bind /sys/kernel/tracing";
/// Only who may trace a process sees it.
const HIDDEN: &str = "mount -t proc -o hidepid=ptraceable proc /proc";

const CELLS: &[(Through, Ends)] = &[
    (Rights(ALL), Works),
    (Rights("-bpf"), Works),
    (Rights("-perfmon"), Works),
    (Rights("-dac_override"), Works),
    (Rights("-dac_read_search"), Works),
    (Rights("-checkpoint_restore"), Works),
    (Rights("-sys_resource"), Works),
    (Rights("-net_admin"), Works),
    (Rights("-syslog"), Works),
    (
        Rights("-sys_ptrace"),
        Names("missing: CAP_SYS_PTRACE", "setcap"),
    ),
    (
        Rights("-bpf,-sys_admin"),
        Names("without CAP_BPF", "cap_bpf"),
    ),
    (
        Rights("-perfmon,-sys_admin"),
        Names("without CAP_PERFMON", "cap_perfmon"),
    ),
    (
        Rights("-all"),
        Names("missing: CAP_BPF CAP_PERFMON CAP_SYS_PTRACE", "sudo"),
    ),
    (Rights("-all,+bpf"), Names("missing: CAP_PERFMON", "setcap")),
    (
        Rights("-all,+bpf,+perfmon"),
        Names("missing: CAP_SYS_PTRACE", "setcap"),
    ),
    (
        Rights("-all,+sys_admin"),
        Names("missing: CAP_SYS_PTRACE", "setcap"),
    ),
    (Rights("-all,+sys_admin,+sys_ptrace"), Works),
    (Mounts(NO_TRACEFS, ALL), Works),
    (
        Mounts(NO_TRACEFS, "-sys_admin"),
        Names("CAP_SYS_ADMIN", "mount -t tracefs"),
    ),
    (Mounts(TRACEFS, "-sys_admin"), Works),
    (Mounts(TRACEFS, "-all,+bpf,+perfmon,+sys_ptrace"), Works),
    (Mounts(READ_ONLY, ALL), Works),
    (
        Mounts(NO_BTF, ALL),
        Names("BTF: /sys/kernel/btf/vmlinux", "CONFIG_DEBUG_INFO_BTF"),
    ),
    (Mounts("mount -t tmpfs none /proc/sys", ALL), Works),
    (Mounts(HIDDEN, ALL), Works),
    (Mounts(HIDDEN, "-sys_ptrace"), Names("hidepid", "setcap")),
    (Mounts("mount -t tmpfs none /sys/fs/cgroup", ALL), Works),
    (
        Denied(EPERM, "bpf"),
        Names("loading a program is not permitted", "seccomp"),
    ),
    (Denied(ENOSYS, "bpf"), Names("no bpf()", "seccomp")),
    (
        Denied(EPERM, "perf_event_open"),
        Names("perf_event_open", "seccomp"),
    ),
    (
        Denied(ENOSYS, "perf_event_open"),
        Names("perf_event_open", "seccomp"),
    ),
    (Denied(EPERM, "pidfd_open"), Names("pidfd_open", "seccomp")),
    (
        Denied(ENOSYS, "pidfd_open"),
        Names("pidfd_open", "newer kernel"),
    ),
    (
        Denied(EPERM, "mount,unshare"),
        Names("mounting it is forbidden", "seccomp"),
    ),
    (Denied(EPERM, "process_vm_readv"), Works),
    (
        Denied(EPERM, "bpf,perf_event_open,mount,unshare,process_vm_readv"),
        Names("loading a program is not permitted", "--privileged"),
    ),
    (Runs(&["unshare", "--net", "--ipc", "--uts"]), Works),
    (
        Runs(&["unshare", "--user", "--map-root-user"]),
        Names("user namespace", "root of the machine"),
    ),
    (
        Runs(&["unshare", "--pid", "--fork"]),
        Names("pid namespace", "hostPID"),
    ),
    (Runs(&["setpriv", "--no-new-privs"]), Works),
    (Runs(&["prlimit", "--nofile=16:1024"]), Works),
    (
        Runs(&["prlimit", "--nofile=32:32"]),
        Names("open files: 32", "ulimit -n"),
    ),
];

#[test]
fn each_works_or_is_named() -> Result<()> {
    let (steady, next) = (steady()?, AtomicUsize::new(0));
    let pid = steady.pid().to_string();
    let work = || -> Result<()> {
        while let Some(cell) = CELLS.get(next.fetch_add(1, Relaxed)) {
            let (before, said) = attach(&cell.0, &pid)?;
            judge(&cell.1, &said).with_context(|| before.join(" "))?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(work)).collect();
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().ok().context("a thread panicked")?)
    })
}

fn judge(ends: &Ends, said: &Outcome) -> Result<()> {
    match ends {
        Works => {
            ensure!(
                said.code == Some(DONE) && said.stderr.is_empty(),
                "{said:?}"
            );
            said.report().map(drop)
        }
        Names(error, hint) => {
            refused(said, UNSUPPORTED, error)?;
            ensure!(said.complaint()?.1.contains(hint), "{said:?}");
            Ok(())
        }
    }
}

/// Also what went before the tool.
fn attach(through: &Through, pid: &str) -> Result<(Vec<String>, Outcome)> {
    let bounded = |rights: &str| ["setpriv".to_owned(), format!("--bounding-set={rights}")];
    let mounts = |script: &str| {
        let script = format!("{script}\nexec \"$@\"");
        ["unshare", "--mount", "sh", "-ec", &script, "sh"].map(str::to_owned)
    };
    let before: Vec<String> = match through {
        Rights(rights) => bounded(rights).to_vec(),
        Mounts(script, rights) => [&mounts(script)[..], &bounded(rights)].concat(),
        Denied(error, calls) => {
            let deny = Program::build_c("deny")?.display().to_string();
            let denied = [deny, (*error).to_owned(), (*calls).to_owned()];
            // Where tracefs is mounted, the tool need not mount it.
            [&mounts(NO_TRACEFS)[..], &denied].concat()
        }
        Runs(words) => words.iter().map(|word| (*word).to_owned()).collect(),
    };
    let mut command = Command::new(&before[0]);
    command.args(&before[1..]).arg(tracer_binary()?).args([
        "attach",
        "--pid",
        pid,
        "--duration",
        "100ms",
        "--json",
    ]);
    // Hooks of another family do without perf events, where the kernel has it.
    if matches!(through, Denied(..)) {
        command.args(["--hooks", "tracepoint"]);
    }
    Ok((before, outcome(&mut command)?))
}
