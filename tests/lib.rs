//! Support for the black-box tests: build Go programs, run the tool, read its report.
//!
//! ```text
//! Program::build ──▶ Running::start ──▶ attach(pid) ──▶ Outcome { code, stdout, stderr }
//!  (Go version,       (stdin, stdout      (the release      compared with the program's own
//!   stripped, PIE)     line by line)       binary)          counters and with Smaps::read
//! ```

mod support {
    pub(crate) mod churn;
    pub(crate) mod counted;
    pub(crate) mod endurance;
    pub(crate) mod go;
    pub(crate) mod host;
    pub(crate) mod leftovers;
    pub(crate) mod outcome;
    pub(crate) mod program;
    pub(crate) mod running;
    pub(crate) mod smaps;
    pub(crate) mod sockets;
    pub(crate) mod story;
    pub(crate) mod tool;
}

pub use support::churn::{Churned, churn, reuse_descriptors};
pub use support::counted::{Counted, own_stacks, skipped};
pub use support::endurance::{Stopped, accounts_add_up, attach_and_detach, stop_the_reader};
pub use support::go::GoVersion;
pub use support::host::{
    copy_executable, host_has_bpf, kib_line, sockets_of, status_bytes, target_directory,
    workspace_root,
};
pub use support::leftovers::KernelObjects;
pub use support::outcome::{Outcome, Report, functions, list};
pub use support::program::{Flag, Program};
pub use support::running::Running;
pub use support::smaps::Smaps;
pub use support::sockets::{
    SocketCounts, check_open, check_sockets, counted_sockets, told_sockets,
};
pub use support::story::{STORIES, Story};
pub use support::tool::{Tool, attach, run, tracer_binary};
