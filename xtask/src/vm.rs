//! `cargo xtask vm`: the tool on other kernels, in QEMU, with real Go programs inside.
//!
//! ```text
//! kernel::fetch: apt, cached ──┐
//! initramfs::build: the tool, ─┴─▶ machine::boot ─▶ guest::run, as init ─▶ a line a cell ─▶ table
//!   Go programs, this program
//! ```

mod arch;
mod archive;
mod cell;
pub(crate) mod guest;
mod initramfs;
mod kernel;
mod libraries;
mod machine;

use std::path::PathBuf;
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use clap::Args;

use crate::setup;
use crate::step::failure;
use arch::Arch;
use cell::Cell;
use kernel::{KERNELS, Kernel};

#[derive(Args, Default)]
pub(crate) struct Options {
    /// One series, as 6.1; all of them if none is named
    #[arg(long)]
    kernel: Option<String>,
    /// One architecture, amd64 or arm64; both if none is named
    #[arg(long)]
    arch: Option<String>,
    /// A kernel of your own, with the drivers of a serial console and BTF built in
    #[arg(long, value_name = "FILE", conflicts_with = "kernel")]
    kernel_image: Option<PathBuf>,
    /// Print one JSON object a cell and line
    #[arg(long)]
    json: bool,
    /// One check; all of them if none is named
    #[arg(last = true)]
    check: Option<String>,
}

/// A kernel file with what is expected of it.
struct Guest {
    name: String,
    arch: Arch,
    image: PathBuf,
    families: &'static [&'static str],
}

#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "its result, and progress"
)]
pub(crate) fn run(options: &Options) -> Result<()> {
    let start = Instant::now();
    let checks = guest::chosen(options.check.as_deref())?;
    let kernels = chosen(options)?;
    setup::vm()?;
    let guests = match &options.kernel_image {
        Some(image) => vec![Guest {
            name: image.display().to_string(),
            arch: kernels.first().context("an architecture")?.arch,
            image: image.clone(),
            families: &[],
        }],
        None => kernels.into_iter().map(fetched).collect::<Result<_>>()?,
    };
    let cells = boot_all(&guests, &checks)?;
    if options.json {
        for cell in &cells {
            println!("{}", cell.json());
        }
    } else {
        print!("{}", cell::table(&cells));
    }
    let failed = cells.iter().filter(|cell| !cell.ok).count();
    eprintln!(
        "vm: {} kernels, {} cells, {failed} failed ({:.0} s)",
        guests.len(),
        cells.len(),
        start.elapsed().as_secs_f64()
    );
    if failed > 0 {
        bail!(
            "{failed} of {} cells of the kernel matrix failed",
            cells.len()
        );
    }
    Ok(())
}

fn chosen(options: &Options) -> Result<Vec<&'static Kernel>> {
    let wanted = |kernel: &&Kernel| {
        let series = options.kernel.as_deref();
        let arch = options.arch.as_deref();
        series.is_none_or(|series| series == kernel.series)
            && arch.is_none_or(|arch| arch == kernel.arch.name())
    };
    let kernels: Vec<_> = KERNELS.iter().filter(wanted).collect();
    if kernels.is_empty() {
        let name = |kernel: &Kernel| format!("{} {}", kernel.series, kernel.arch.name());
        let names: Vec<_> = KERNELS.iter().map(name).collect();
        return Err(failure(
            "there is no such kernel in the matrix",
            format!("there are: {}", names.join(", ")),
        ));
    }
    Ok(kernels)
}

fn fetched(kernel: &'static Kernel) -> Result<Guest> {
    let name = format!("{} {}", kernel.series, kernel.arch.name());
    Ok(Guest {
        image: kernel::fetch(kernel).with_context(|| format!("fetch Linux {name}"))?,
        name,
        arch: kernel.arch,
        families: kernel.families,
    })
}

/// Boots all guests, as many at a time as there are processors, in any order.
#[expect(clippy::print_stderr, reason = "progress")]
fn boot_all(guests: &[Guest], checks: &[&'static guest::Check]) -> Result<Vec<Cell>> {
    let mut archives = Vec::new();
    for arch in Arch::ALL {
        if guests.iter().any(|guest| guest.arch == *arch) {
            archives.push((*arch, initramfs::build(*arch)?));
        }
    }
    let waiting = Mutex::new(guests.iter().enumerate());
    let done = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let next = waiting.lock().ok().and_then(|mut queue| queue.next());
                    let Some((place, guest)) = next else { return };
                    let archive = archives.iter().find(|(arch, _)| *arch == guest.arch);
                    let Some((_, archive)) = archive else { return };
                    let run = machine::boot(guest, archive, checks);
                    let bad = run.cells.iter().filter(|cell| !cell.ok).count();
                    eprintln!(
                        "vm: {}: {} cells, {bad} failed ({:.0} s)",
                        guest.name,
                        run.cells.len(),
                        run.took.as_secs_f64()
                    );
                    if let Ok(mut done) = done.lock() {
                        done.push((place, run.cells));
                    }
                }
            });
        }
    });
    let mut runs = done.into_inner().unwrap_or_default();
    runs.sort_by_key(|(place, _)| *place);
    Ok(runs.into_iter().flat_map(|(_, cells)| cells).collect())
}
