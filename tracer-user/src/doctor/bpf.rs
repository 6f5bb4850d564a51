//! What the kernel's BPF can do: asked by loading, not by version.

use std::fs::File;
use std::io::{self, Read as _};

use aya::maps::MapType;
use aya::programs::{ProgramError, ProgramType};
use aya::sys::{
    BpfHelper, SyscallError, is_helper_supported, is_map_supported, is_program_supported,
};
use humansize::{BINARY, format_size};
use rustix::io::Errno;

use super::Finding;
use crate::proc::{SHORT, read_capped, release};

const BTF: &str = "/sys/kernel/btf/vmlinux";
const LOCKDOWN: &str = "/sys/kernel/security/lockdown";

/// `BTF_MAGIC` of the kernel's `include/uapi/linux/btf.h`.
const BTF_MAGIC: u16 = 0xeb9f;

pub(super) fn syscall() -> Finding {
    syscall_answered(is_program_supported(ProgramType::RawTracePoint).map_err(cause))
}

fn syscall_answered(answer: Result<bool, io::Error>) -> Finding {
    let error = match answer {
        Ok(true) => return Finding::ok("a program was loaded"),
        Ok(false) => {
            return Finding::missing(
                "this kernel runs no tracing programs",
                "use a kernel built with CONFIG_BPF_EVENTS",
            );
        }
        Err(error) => error,
    };
    match Errno::from_io_error(&error) {
        Some(Errno::NOSYS) => Finding::missing(
            "this kernel has no bpf()",
            "use a kernel built with CONFIG_BPF_SYSCALL; in a container, a seccomp profile that allows bpf",
        ),
        Some(Errno::PERM | Errno::ACCESS) => Finding::missing(
            format!("loading a program is not permitted ({error})"),
            "run it as root; in a container, --privileged or a seccomp profile that allows bpf and perf_event_open",
        ),
        _ => Finding::missing(
            format!("loading a program failed ({error})"),
            "dmesg may say why",
        ),
    }
}

pub(super) fn ring_buffer() -> Finding {
    let answer = is_map_supported(MapType::RingBuf);
    let kernel = release::read().map_or_else(
        |_| "this kernel".to_owned(),
        |release| format!("Linux {}", release.text),
    );
    ring_buffer_answered(&kernel, answer.map_err(|error| error.io_error))
}

fn ring_buffer_answered(kernel: &str, answer: Result<bool, io::Error>) -> Finding {
    match answer {
        Ok(true) => Finding::ok("a map was made"),
        Ok(false) => Finding::missing(
            format!("{kernel} has no BPF ring buffer"),
            "use Linux 5.8 or newer",
        ),
        Err(error) => Finding::missing(
            format!("a ring buffer could not be made ({error})"),
            "run it as root; before Linux 5.11 also: ulimit -l unlimited",
        ),
    }
}

pub(super) fn btf() -> Finding {
    let mut start = [0; 2];
    let size = File::open(BTF).and_then(|mut file| {
        file.read_exact(&mut start)?;
        Ok(file.metadata()?.len())
    });
    btf_found(size, start)
}

fn btf_found(size: io::Result<u64>, start: [u8; 2]) -> Finding {
    let hint = "use a kernel built with CONFIG_DEBUG_INFO_BTF, as distributions do since 2020-2021";
    match size {
        Ok(size) if u16::from_ne_bytes(start) == BTF_MAGIC => {
            Finding::ok(format!("{BTF}, {}", format_size(size, BINARY)))
        }
        Ok(_) => Finding::missing(format!("{BTF} is no BTF"), hint),
        Err(error) => Finding::missing(format!("{BTF} cannot be read ({error})"), hint),
    }
}

pub(super) fn lockdown() -> Finding {
    let file = read_capped(LOCKDOWN, SHORT);
    file.map_or_else(
        |_| lockdown_probed(probe_read()),
        |text| lockdown_told(&text),
    )
}

/// The file reads `none [integrity] confidentiality`, the current level in brackets.
fn lockdown_told(text: &[u8]) -> Finding {
    let text = String::from_utf8_lossy(text);
    let current = text.split(['[', ']']).nth(1).unwrap_or_default();
    if current == "confidentiality" {
        return Finding::missing(
            "confidentiality: the kernel refuses bpf_probe_read, perf and tracefs to everyone",
            "boot with lockdown=integrity or none (secure boot may set it)",
        );
    }
    Finding::ok(if current.is_empty() {
        "not told"
    } else {
        current
    })
}

/// Without securityfs: locked down, a kernel no longer knows the helper that reads its memory.
fn probe_read() -> Result<bool, io::Error> {
    let helper = BpfHelper::BPF_FUNC_probe_read_kernel;
    is_helper_supported(ProgramType::RawTracePoint, helper).map_err(cause)
}

fn lockdown_probed(allowed: Result<bool, io::Error>) -> Finding {
    match allowed {
        Ok(true) => Finding::ok("bpf_probe_read_kernel is allowed (securityfs is not mounted)"),
        Ok(false) => Finding::missing(
            "bpf_probe_read_kernel is refused: locked down, or older than Linux 5.5",
            "boot with lockdown=integrity or none (secure boot may set it)",
        ),
        Err(error) => Finding::limited(
            format!("not known ({error})"),
            "mount it: sudo mount -t securityfs securityfs /sys/kernel/security",
        ),
    }
}

/// What the kernel said, out of what the loader made of it.
pub(super) fn cause(error: ProgramError) -> io::Error {
    match error {
        ProgramError::SyscallError(SyscallError { io_error, .. }) => io_error,
        other => io::Error::other(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Status;

    #[track_caller]
    fn check(found: &Finding, status: Status, detail: &str) {
        assert_eq!((found.status, found.detail.as_str()), (status, detail));
        assert_eq!(found.hint.is_some(), status != Status::Ok);
    }

    fn errno(errno: Errno) -> io::Error {
        io::Error::from(errno)
    }

    #[test]
    fn no_syscall_no_permission_no_programs() {
        check(
            &syscall_answered(Ok(true)),
            Status::Ok,
            "a program was loaded",
        );
        check(
            &syscall_answered(Ok(false)),
            Status::Missing,
            "this kernel runs no tracing programs",
        );
        check(
            &syscall_answered(Err(errno(Errno::NOSYS))),
            Status::Missing,
            "this kernel has no bpf()",
        );
        check(
            &syscall_answered(Err(errno(Errno::PERM))),
            Status::Missing,
            "loading a program is not permitted (Operation not permitted (os error 1))",
        );
        check(
            &syscall_answered(Err(errno(Errno::NOMEM))),
            Status::Missing,
            "loading a program failed (Cannot allocate memory (os error 12))",
        );
    }

    #[test]
    fn ring_buffers() {
        check(
            &ring_buffer_answered("Linux 5.4.0", Ok(true)),
            Status::Ok,
            "a map was made",
        );
        check(
            &ring_buffer_answered("Linux 5.4.0", Ok(false)),
            Status::Missing,
            "Linux 5.4.0 has no BPF ring buffer",
        );
        check(
            &ring_buffer_answered("Linux 5.4.0", Err(errno(Errno::PERM))),
            Status::Missing,
            "a ring buffer could not be made (Operation not permitted (os error 1))",
        );
    }

    #[test]
    fn btf_files() {
        let magic = BTF_MAGIC.to_ne_bytes();
        check(
            &btf_found(Ok(5_519_912), magic),
            Status::Ok,
            "/sys/kernel/btf/vmlinux, 5.26 MiB",
        );
        check(
            &btf_found(Ok(9), *b"xx"),
            Status::Missing,
            "/sys/kernel/btf/vmlinux is no BTF",
        );
        check(
            &btf_found(Err(errno(Errno::NOENT)), [0; 2]),
            Status::Missing,
            "/sys/kernel/btf/vmlinux cannot be read (No such file or directory (os error 2))",
        );
    }

    #[test]
    fn lockdown_levels() {
        check(
            &lockdown_told(b"[none] integrity confidentiality\n"),
            Status::Ok,
            "none",
        );
        check(
            &lockdown_told(b"none [integrity] confidentiality\n"),
            Status::Ok,
            "integrity",
        );
        check(
            &lockdown_told(b"none integrity [confidentiality]\n"),
            Status::Missing,
            "confidentiality: the kernel refuses bpf_probe_read, perf and tracefs to everyone",
        );
        check(&lockdown_told(b"\xff"), Status::Ok, "not told");
        check(
            &lockdown_probed(Ok(true)),
            Status::Ok,
            "bpf_probe_read_kernel is allowed (securityfs is not mounted)",
        );
        check(
            &lockdown_probed(Ok(false)),
            Status::Missing,
            "bpf_probe_read_kernel is refused: locked down, or older than Linux 5.5",
        );
        check(
            &lockdown_probed(Err(errno(Errno::PERM))),
            Status::Limited,
            "not known (Operation not permitted (os error 1))",
        );
    }
}
