//! `cargo xtask demo [STORY] [--healthy]`: one of the four stories of the project, live.

use std::process::Command;
use std::time::Instant;

use anyhow::Result;
use tracer_tests::{STORIES, Story};

use crate::command::{cargo, shown};
use crate::setup;
use crate::step::failure;

/// Which story, and how it is told.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// A story, by its name; `list` tells them
    #[arg(default_value = "story2")]
    story: String,
    /// Watch the healthy twin instead
    #[arg(long)]
    healthy: bool,
    /// How many seconds to watch
    #[arg(long, default_value_t = 20)]
    seconds: u32,
}

const NEXT: &str = "\
What to try next (root; PID is any Go process of yours):
  cargo xtask demo list
  target/release/tracer attach --pid PID -d 30s
  target/release/tracer attach --pid PID -d 30s -o growth.trace
  target/release/tracer analyze growth.trace
  target/release/tracer explain";

#[expect(clippy::print_stdout, reason = "a command that explains itself")]
pub(crate) fn run(options: &Options) -> Result<()> {
    if options.story == "list" {
        for story in STORIES {
            println!("{:14} {}", story.name, story.about);
        }
        return Ok(());
    }
    let story = Story::named(&options.story)
        .map_err(|error| failure(error.to_string(), "`cargo xtask demo list` tells them"))?;
    if !tracer_tests::host_has_bpf() {
        return Err(failure(
            "attaching needs root and a kernel with BPF and BTF",
            "run `cargo xtask demo` in a root shell (`sudo -i`); containers need --privileged",
        ));
    }
    let start = Instant::now();
    setup::demo(story)?;
    shown(&mut cargo(&["build", "--release", "--bin", "tracer"]))?;

    let service = story.start(options.healthy, &[])?;
    let twin = if options.healthy {
        ", made healthy"
    } else {
        ""
    };
    let (pid, seconds) = (service.pid().to_string(), format!("{}s", options.seconds));
    println!(
        "demo: ready after {:.0} s. Process {pid} is {}{twin}.\n\
         demo: tracer attach --pid {pid} -d {seconds}\n",
        start.elapsed().as_secs_f64(),
        story.about,
    );
    let attach = ["attach", "--pid", &pid, "--duration", &seconds];
    shown(Command::new(tracer_tests::tracer_binary()?).args(attach))?;
    // Ends the service.
    drop(service);
    println!("\n{NEXT}");
    Ok(())
}
