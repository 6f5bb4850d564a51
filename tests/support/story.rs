//! The four stories of the project as running services, each with its healthy twin.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::go::GoVersion;
use super::program::{Flag, Program};
use super::running::Running;

/// Connecting the first users of a service takes a while on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// A service with a disease, and the same one without.
#[derive(Clone, Copy, Debug)]
pub struct Story {
    /// As `cargo xtask demo` calls it.
    pub name: &'static str,
    /// What the service is.
    pub about: &'static str,
    /// The rule that finds it.
    pub rule: &'static str,
    /// Functions whose lines are guilty.
    pub guilty: &'static [&'static str],
    /// Its folder under `tests/programs`.
    pub program: &'static str,
    /// What builds it.
    pub go: GoVersion,
    sick: Mode,
    healthy: Mode,
}

/// Arguments, and the value of `GODEBUG`.
#[derive(Clone, Copy, Debug)]
struct Mode(&'static [&'static str], &'static str);

/// In the order of the project's description.
pub const STORIES: &[Story] = &[
    Story {
        name: "story1",
        about: "a proxy that makes a Secret Manager client for each request",
        rule: "client-per-request",
        guilty: &["main.(*proxy).ServeHTTP"],
        program: "secrets",
        go: GoVersion::GO_1_27,
        sick: Mode(&["leak"], ""),
        healthy: Mode(&["share"], ""),
    },
    Story {
        name: "story2",
        about: "a Go 1.15 service that drops 400 MiB, which stay in RSS",
        ..DROPPED
    },
    Story {
        name: "story2-go1.12",
        about: "a Go 1.12 service that drops 400 MiB, which stay in RSS",
        go: GoVersion::GO_1_12,
        sick: Mode(FREE, ""),
        healthy: Mode(FREE, "madvdontneed=1"),
        ..DROPPED
    },
    Story {
        name: "story2-go1.26",
        about: "a Go 1.26 service with GODEBUG=madvdontneed=0 that drops 400 MiB",
        go: GoVersion::GO_1_26,
        sick: Mode(DROP, "madvdontneed=0"),
        ..DROPPED
    },
    Story {
        name: "story3",
        about: "a websocket service that loses users and gains memory",
        rule: "retained-after-close",
        guilty: &[],
        program: "websockets",
        go: GoVersion::GO_1_15,
        sick: Mode(&["leak"], ""),
        healthy: Mode(&["clear"], ""),
    },
    Story {
        name: "story4",
        about: "a shop with ten call sites of gRPC, three of which dial for each request",
        ..DIALLED
    },
    Story {
        name: "story4-2019",
        about: "the same with the gRPC and the Go of 2019",
        program: "grpc_calls_2019",
        go: GoVersion::GO_1_13,
        ..DIALLED
    },
];

/// Drops what it holds after three seconds.
const DROP: &[&str] = &["-hold", "3"];
/// And calls `debug.FreeOSMemory`, without which Go 1.12 gives nothing back for five minutes.
const FREE: &[&str] = &["-hold", "3", "-free"];

const DROPPED: Story = Story {
    name: "",
    about: "",
    rule: "lazily-freed",
    guilty: &[],
    program: "lazily_freed",
    go: GoVersion::GO_1_15,
    sick: Mode(DROP, ""),
    healthy: Mode(DROP, "madvdontneed=1"),
};

const DIALLED: Story = Story {
    name: "",
    about: "",
    rule: "client-per-request",
    guilty: &["main.quote", "main.refund", "main.track"],
    program: "grpc_calls",
    go: GoVersion::GO_1_27,
    sick: Mode(&["leak"], ""),
    healthy: Mode(&["share"], ""),
};

impl Story {
    /// The one of this name.
    ///
    /// # Errors
    /// If there is none.
    pub fn named(name: &str) -> Result<&'static Self> {
        let found = STORIES.iter().find(|story| story.name == name);
        found.with_context(|| format!("there is no story {name:?}"))
    }

    /// Starts the service, or its healthy twin, and waits until it serves.
    ///
    /// # Errors
    /// If it cannot be built or started.
    pub fn start(&self, is_healthy: bool, flags: &[Flag]) -> Result<Running> {
        let Mode(args, godebug) = if is_healthy { self.healthy } else { self.sick };
        let executable = Program::build(self.program, self.go, flags)?;
        let mut command = Command::new(executable);
        let service = Running::start(command.args(args).env("GODEBUG", godebug))?;
        service.event("ready", PATIENCE)?;
        Ok(service)
    }
}
