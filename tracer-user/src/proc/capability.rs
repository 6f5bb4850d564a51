//! Which rights this process has, and which it lacks.

use std::io;

use super::status;

/// A right of the kernel, and what the tool needs it for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Capability {
    /// Name as `capabilities(7)` has it.
    pub name: &'static str,
    /// What fails without it.
    pub purpose: &'static str,
    /// Without it nothing can be attached; the others are needed for processes of other users.
    pub essential: bool,
    bit: u32,
    /// An older, wider right that includes this one.
    included_in: Option<u32>,
}

const SYS_ADMIN: u32 = 21;
const DAC_OVERRIDE: u32 = 1;

/// What tracing a process of any user takes.
pub const NEEDED: &[Capability] = &[
    Capability {
        name: "CAP_BPF",
        purpose: "load eBPF programs",
        essential: true,
        bit: 39,
        included_in: Some(SYS_ADMIN),
    },
    Capability {
        name: "CAP_PERFMON",
        purpose: "attach them and read memory of the target",
        essential: true,
        bit: 38,
        included_in: Some(SYS_ADMIN),
    },
    Capability {
        name: "CAP_SYS_PTRACE",
        purpose: "look into processes of other users",
        essential: false,
        bit: 19,
        included_in: None,
    },
    Capability {
        name: "CAP_DAC_READ_SEARCH",
        purpose: "read their executables, and tracefs",
        essential: false,
        bit: 2,
        included_in: Some(DAC_OVERRIDE),
    },
    Capability {
        name: "CAP_CHECKPOINT_RESTORE",
        purpose: "read their executables through map_files",
        essential: false,
        bit: 40,
        included_in: Some(SYS_ADMIN),
    },
];

/// The effective capabilities of a process, as the bits of `/proc/PID/status`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Effective(pub u64);

impl Effective {
    /// Those of the calling thread.
    ///
    /// # Errors
    /// When `/proc` is not there.
    pub fn read() -> io::Result<Self> {
        Ok(Self(status::read_own()?.capabilities.unwrap_or(0)))
    }

    /// Has the right to mount, among much else.
    #[must_use]
    pub fn is_admin(self) -> bool {
        self.0 & (1 << SYS_ADMIN) != 0
    }

    /// What of [`NEEDED`] is lacking.
    pub fn missing(self) -> impl Iterator<Item = &'static Capability> {
        NEEDED.iter().filter(move |needed| !self.has(needed))
    }

    fn has(self, needed: &Capability) -> bool {
        let bits = [Some(needed.bit), needed.included_in];
        bits.into_iter()
            .flatten()
            .any(|bit| self.0 & (1 << bit) != 0)
    }
}

/// How to get the rights: as root, or for this program file for good.
#[must_use]
pub fn how_to_grant() -> String {
    let program = std::env::current_exe();
    how_to_grant_to(
        &program.map_or_else(|_| "tracer".to_owned(), |path| path.display().to_string()),
    )
}

fn how_to_grant_to(program: &str) -> String {
    let names: Vec<String> = NEEDED
        .iter()
        .map(|needed| needed.name.to_lowercase())
        .collect();
    format!(
        "run it with sudo, or grant the rights once: sudo setcap {}+ep {program}",
        names.join(",")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bits: u64, missing: &[&str]) {
        let found: Vec<&str> = Effective(bits)
            .missing()
            .map(|needed| needed.name)
            .collect();
        assert_eq!(found, missing);
    }

    #[test]
    fn what_is_missing() {
        check(0x01ff_ffff_ffff, &[]);
        check(
            0,
            &[
                "CAP_BPF",
                "CAP_PERFMON",
                "CAP_SYS_PTRACE",
                "CAP_DAC_READ_SEARCH",
                "CAP_CHECKPOINT_RESTORE",
            ],
        );
        check(1 << 21, &["CAP_SYS_PTRACE", "CAP_DAC_READ_SEARCH"]);
        check(
            1 << 39 | 1 << 38,
            &[
                "CAP_SYS_PTRACE",
                "CAP_DAC_READ_SEARCH",
                "CAP_CHECKPOINT_RESTORE",
            ],
        );
        // What Docker grants by default.
        check(
            0x0000_0000_a804_25fb,
            &[
                "CAP_BPF",
                "CAP_PERFMON",
                "CAP_SYS_PTRACE",
                "CAP_CHECKPOINT_RESTORE",
            ],
        );
    }

    #[test]
    fn one_line_grants_them_all() {
        assert_eq!(
            how_to_grant_to("/usr/bin/tracer"),
            "run it with sudo, or grant the rights once: sudo setcap \
             cap_bpf,cap_perfmon,cap_sys_ptrace,cap_dac_read_search,cap_checkpoint_restore+ep /usr/bin/tracer",
        );
    }
}
