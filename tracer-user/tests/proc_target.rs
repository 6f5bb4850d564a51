//! Opening real processes: living, dead, foreign, and what only looks like a process.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, geteuid};
use rustix::thread::{Gid, Uid, gettid, set_thread_gid, set_thread_uid};
use tracer_user::doctor;
use tracer_user::failure::{ExitStatus, Failure};
use tracer_user::proc::target::Target;
use tracer_user::proc::{cgroup, fds, is_gone, maps, memory, smaps};

/// A child that is killed and reaped when the test ends, however it ends.
struct Sleeper(Child);

impl Sleeper {
    fn start(environment: &[(&str, &str)]) -> Self {
        let mut command = Command::new("sleep");
        command
            .arg("600")
            .env_clear()
            .envs(environment.iter().copied());
        let sleeper = Self(command.stdin(Stdio::null()).spawn().unwrap());
        // Until it has replaced our program by its own, it is still us.
        wait_until(|| {
            std::fs::read(format!("/proc/{}/comm", sleeper.pid())).unwrap() == b"sleep\n"
        });
        sleeper
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[track_caller]
fn wait_until(happened: impl Fn() -> bool) {
    let started = Instant::now();
    while !happened() {
        assert!(
            started.elapsed() < Duration::from_secs(20),
            "waited in vain"
        );
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[track_caller]
fn refused(pid: u32, status: ExitStatus, error: &str) -> Failure {
    let failure = Target::open(pid).unwrap_err();
    assert_eq!(failure.status, status, "{failure:?}");
    assert!(failure.error.starts_with(error), "{failure:?}");
    assert!(!failure.hint.is_empty() && !failure.hint.contains('\n'));
    failure
}

/// Runs as a user without rights, which leaves the other threads alone.
fn as_nobody<T: Send>(run: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let nobody = scope.spawn(|| {
            if geteuid().is_root() {
                set_thread_gid(Gid::from_raw(65534)).unwrap();
                set_thread_uid(Uid::from_raw(65534)).unwrap();
            }
            run()
        });
        nobody.join().unwrap()
    })
}

#[test]
fn a_living_process_is_opened_and_seen_to_exit() {
    let mut child = Sleeper::start(&[("SECRET", "x"), ("GODEBUG", "madvdontneed=1")]);
    let target = Target::open(child.pid()).unwrap();
    assert_eq!((target.pid(), target.comm.as_str()), (child.pid(), "sleep"));
    assert_eq!(target.process_id().tgid, child.pid());
    assert!(target.process_id().start_ticks > 0);
    assert_eq!(target.godebug.as_deref(), Some("madvdontneed=1"));
    assert_eq!(
        (target.inner_pid, target.is_32bit, target.exe_deleted),
        (None, false, false)
    );
    assert_eq!(target.uid, geteuid().as_raw());
    let mut bytes = Vec::new();
    target.open_exe().unwrap().read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes, std::fs::read(&target.exe_path).unwrap());
    let refusal = target.not_go(&bytes);
    let expected = format!(
        "pid {} (sleep) is not a Go program: it looks like C",
        child.pid()
    );
    assert_eq!(refusal.error, expected);

    assert!(!target.has_exited());
    child.0.kill().unwrap();
    wait_until(|| target.has_exited());
    // A zombie as long as it is not waited for.
    refused(
        child.pid(),
        ExitStatus::Unsupported,
        &format!("pid {} (sleep) has exited: it is a zombie", child.pid()),
    );
    child.0.wait().unwrap();
    let gone = format!("there is no process with pid {}", child.pid());
    refused(child.pid(), ExitStatus::Unsupported, &gone);
    assert!(target.open_exe().is_err());
}

#[test]
fn samplers_say_when_a_process_is_gone() {
    let mut child = Sleeper::start(&[]);
    let pid = child.pid();
    assert!(!maps::read(pid).unwrap().is_empty());
    child.0.kill().unwrap();
    child.0.wait().unwrap();
    assert!(is_gone(&maps::read(pid).unwrap_err()));
    assert!(is_gone(&smaps::read(pid).unwrap_err()));
    assert!(is_gone(&fds::read(pid).unwrap_err()));
    assert!(is_gone(&memory::sample(pid).unwrap_err()));
    assert!(is_gone(&cgroup::read(pid).unwrap_err()));
}

#[test]
fn an_executable_that_was_deleted_is_still_read() {
    let directory = tempfile::tempdir().unwrap();
    let copy = directory.path().join("sleep (deleted)");
    std::fs::copy("/bin/sleep", &copy).unwrap();
    let child = Sleeper(Command::new(&copy).arg("600").spawn().unwrap());
    wait_until(|| std::fs::read_link(format!("/proc/{}/exe", child.pid())).unwrap() == copy);
    let before = Target::open(child.pid()).unwrap();
    assert_eq!(
        (before.exe_path.as_str(), before.exe_deleted),
        (copy.to_str().unwrap(), false)
    );
    std::fs::remove_file(&copy).unwrap();
    let after = Target::open(child.pid()).unwrap();
    assert_eq!(
        (after.exe_path.as_str(), after.exe_deleted),
        (copy.to_str().unwrap(), true)
    );
    assert!(after.open_exe().unwrap().metadata().unwrap().len() > 0);
}

#[test]
fn numbers_that_are_no_process() {
    refused(0, ExitStatus::Usage, "0 is not a pid");
    refused(u32::MAX, ExitStatus::Usage, "4294967295 is not a pid");
    refused(
        4_194_303,
        ExitStatus::Unsupported,
        "there is no process with pid 4194303",
    );
    let own = std::process::id();
    refused(
        own,
        ExitStatus::Unsupported,
        &format!("pid {own} is this tracer itself"),
    );
}

#[test]
fn a_thread_names_its_process() {
    std::thread::scope(|scope| {
        let (say, tid) = std::sync::mpsc::channel();
        let (end, ended) = std::sync::mpsc::channel::<()>();
        scope.spawn(move || {
            say.send(Pid::as_raw(Some(gettid())).cast_unsigned())
                .unwrap();
            ended.recv().unwrap_err();
        });
        let tid = tid.recv().unwrap();
        let failure = refused(tid, ExitStatus::Unsupported, &format!("{tid} ("));
        assert!(
            failure.error.ends_with(" is a thread, not a process"),
            "{failure:?}"
        );
        assert_eq!(
            failure.hint,
            format!("trace its process: --pid {}", std::process::id())
        );
        drop(end);
    });
}

#[test]
fn kernel_threads_are_refused() {
    // In a container pid 2 need not be the parent of kernel threads.
    let comm = std::fs::read_to_string("/proc/2/comm").unwrap_or_default();
    if comm == "kthreadd\n" {
        refused(
            2,
            ExitStatus::Unsupported,
            "pid 2 (kthreadd) is a kernel thread",
        );
    }
}

#[test]
fn processes_of_others_are_refused_without_rights() {
    let child = Sleeper::start(&[]);
    let failure = as_nobody(|| {
        // Without root to start with, only a process of root is another's.
        let pid = if geteuid().is_root() { child.pid() } else { 1 };
        Target::open(pid).unwrap_err()
    });
    assert_eq!(failure.status, ExitStatus::Unsupported);
    assert!(
        failure.error.starts_with("no permission to look into pid "),
        "{failure:?}"
    );
    assert!(
        failure
            .error
            .contains("missing: CAP_BPF CAP_PERFMON CAP_SYS_PTRACE"),
        "{failure:?}"
    );
    assert!(
        failure
            .hint
            .contains("sudo setcap cap_bpf,cap_perfmon,cap_sys_ptrace"),
        "{failure:?}"
    );
}

#[test]
fn without_rights_preflight_names_them() {
    let (failure, diagnosis) = as_nobody(|| (doctor::preflight().unwrap_err(), doctor::run(None)));
    assert_eq!(failure.status, ExitStatus::Unsupported);
    let missing = "capabilities: without CAP_BPF CAP_PERFMON CAP_SYS_PTRACE \
                   CAP_DAC_READ_SEARCH CAP_CHECKPOINT_RESTORE";
    assert_eq!(failure.error, missing);
    assert!(diagnosis.obstacles().contains(&"capabilities"));
    assert_eq!(diagnosis.exit_status(), 3);
    let last = diagnosis.text().lines().last().unwrap().to_owned();
    assert!(last.starts_with("this machine cannot run tracer as it is; missing: capabilities"));
}

#[test]
fn a_diagnosis_of_a_process() {
    let child = Sleeper::start(&[]);
    let found = doctor::run(Some(child.pid())).target.unwrap();
    let names: Vec<&str> = found.lines.iter().map(|line| line.name).collect();
    let expected = [
        "process",
        "executable",
        "namespaces",
        "memory",
        "descriptors",
        "its cgroup",
    ];
    assert_eq!(names, expected);
    // It is no Go program.
    let executable = &found.lines[1].finding;
    assert_eq!(executable.status, doctor::Status::Missing);
    assert!(
        executable.detail.ends_with("it looks like C"),
        "{executable:?}"
    );
    assert_eq!(found.refused, Some(ExitStatus::Unsupported));
    let nobody = doctor::run(Some(4_194_303));
    assert_eq!(nobody.exit_status(), 3);
    assert!(nobody.text().ends_with("; pid 4194303 cannot be traced\n"));
}
