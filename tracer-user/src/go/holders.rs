//! Who holds objects of the heap: from sampled objects back to the roots of the collector.
//!
//! ```text
//! specials ─▶ samples ─┐
//! spans ───────────────┼▶ Search ─▶ Graph ─▶ owners, by name, with a path by type
//! variables, frames, ──┘
//! timers, finalizers
//! ```
//!
//! The process goes on meanwhile, so each link that is told is read again first. An owner that is
//! not certain is none. Go 1.13 and newer; frames and nameless variables on amd64 only.

mod bits;
mod chain;
mod chunks;
mod filter;
mod frames;
mod goroutines;
mod graph;
#[cfg(test)]
mod hostile;
mod index;
mod module;
mod objects;
mod owners;
mod path;
mod queue;
mod roots;
mod samples;
mod search;
mod spans;
mod stacks;
mod types;
mod variables;

use std::collections::HashSet;
use std::ops::Range;

use tracer_core::event::HeldSite;

use super::Table;
use super::image::Image;
use super::runtime::heap_profile::HeapProfile;
use super::runtime::{Doubt, Globals, Memory, ObjectLayout};
use module::Module;
use objects::{Kept, Objects};
use roots::{MAX_WORDS, Root, Roots};
use search::{End, Search};
use spans::LeftOut;
use stacks::{Reader, Stacks};
use variables::{Name, Variables};

pub use samples::Wanted;

/// A running program and what its file says.
pub struct Subject<'s, M: ?Sized> {
    /// Its memory.
    pub memory: &'s M,
    /// Where its runtime keeps what.
    pub globals: &'s Globals,
    /// Its functions.
    pub table: &'s Table,
    /// What was added to link-time addresses.
    pub bias: u64,
}

/// What a search has found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Found {
    /// By site.
    pub sites: Vec<HeldSite>,
    /// Why some of it is missing.
    pub incomplete: Option<String>,
    /// Not all of the heap was looked at.
    pub is_part: bool,
}

/// Why there can be no search.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    /// The layout of this release is not known.
    #[error("objects of Go 1.{0} cannot be followed: Go 1.13 and newer are known")]
    UnknownRelease(u32),
    /// The tables that say where pointers are were not found.
    #[error("the program's list of variables (moduledata) was not found")]
    NoModule,
    /// The runtime could not be read.
    #[error(transparent)]
    Doubt(#[from] Doubt),
    /// Nothing to follow.
    #[error("no object of these sites that was looked at has survived a collection")]
    NoSamples,
}

/// Finds who holds the objects that are wanted.
///
/// `pause` is asked after each MiB whether to go on.
///
/// # Errors
/// When what is needed cannot be read.
pub fn find<M: Memory + ?Sized>(
    subject: &Subject<'_, M>,
    file: &[u8],
    profile: Option<&HeapProfile>,
    wanted: &Wanted,
    pause: &mut dyn FnMut() -> bool,
) -> Result<Found, Error> {
    let Subject {
        memory,
        globals,
        table,
        bias,
    } = *subject;
    let minor = globals.layout.minor();
    let layout = globals.layout.objects.ok_or(Error::UnknownRelease(minor))?;
    let place = table.module_data().ok_or(Error::NoModule)?;
    let module = Module::read(memory, &layout, place.wrapping_add(bias)).ok_or(Error::NoModule)?;
    let image = Image::parse(file).map_err(|_| Error::NoModule)?;
    let mut names = name_variables(&image, table, &module, bias);
    let mut objects = Objects::read(memory, globals, &layout)?;
    let kept = objects.kept(&layout);
    let samples = samples::choose(&mut objects, &kept, profile, wanted)?;
    let mut stacks = Reader {
        memory,
        table,
        module: &module,
        layout: &layout,
        bias,
        amd64: image.arch == "amd64",
    }
    .read(globals, |value| objects.span(value).is_some())?;

    let mut roots = Roots::default();
    add_variables(&mut roots, &mut names, subject, &objects, &module);
    roots.add_processors(&objects, memory, globals, &layout);
    roots.add_goroutines(&objects, &mut stacks);
    roots.add_kept(&kept);
    queue::add(&mut roots, memory, &module, &globals.finalizer_queue);
    roots.add_pools(&objects, memory, &globals.pools);
    roots.seal();

    let targets: Vec<(u64, u64)> = samples.objects();
    let mut search = Search::new(memory, &mut objects, &roots, pause);
    let end = search.run(&targets);
    let graph = search.graph;
    let capped = graph.capped || roots.capped || graph.is_cut();
    let describe = owners::Describe {
        subject,
        layout: &layout,
        module: &module,
        names: &names,
        stacks: &stacks,
        graph: &graph,
        objects: &objects,
    };
    let sites = describe.sites(&samples);
    let room = objects.left_out();
    drop(objects);
    let (sites, freed) = leave_out_freed(subject, &layout, sites, room);
    let left_out = match room {
        // Samples of the profile are in none of these.
        LeftOut::Plain if profile.is_some() => LeftOut::Nothing,
        left_out => left_out,
    };
    Ok(Found {
        sites,
        incomplete: incomplete(end, capped, left_out, &module, &stacks, freed),
        is_part: left_out != LeftOut::Nothing,
    })
}

/// Objects that nobody held may have been freed since they were chosen: those are left out, and
/// counted.
fn leave_out_freed<M: Memory + ?Sized>(
    subject: &Subject<'_, M>,
    layout: &ObjectLayout,
    sites: Vec<(HeldSite, Vec<u64>)>,
    room: LeftOut,
) -> (Vec<HeldSite>, u64) {
    let is_held = sites.iter().all(|(_, others)| others.is_empty());
    let now = (!is_held).then(|| Objects::read(subject.memory, subject.globals, layout));
    let mut now = now.and_then(Result::ok);
    // What a look has no room for is not freed.
    now = now.filter(|now| now.left_out() == room && !matches!(room, LeftOut::Others(_)));
    let kept = now.as_ref().map(|objects| objects.kept(layout));
    let sampled: HashSet<u64> = kept
        .into_iter()
        .flatten()
        .filter(|(_, kept)| matches!(kept, Kept::Sampled(_)))
        .map(|(base, _)| base)
        .collect();
    let mut freed = 0;
    let sites = sites.into_iter().filter_map(|(mut site, others)| {
        if let Some(now) = &mut now {
            let mut is_there = |base: &u64| match site.site {
                Some(_) => sampled.contains(base),
                None => now.has_survived(*base),
            };
            let there = others.iter().filter(|base| is_there(base)).count();
            let gone = (others.len() - there) as u64;
            site.sampled -= gone;
            freed += gone;
        }
        (site.sampled > 0).then_some(site)
    });
    (sites.collect(), freed)
}

fn name_variables<'t>(
    image: &Image<'_>,
    table: &'t Table,
    module: &Module,
    bias: u64,
) -> Variables<'t> {
    let linked = |range: &Range<u64>| range.start.wrapping_sub(bias)..range.end.wrapping_sub(bias);
    let ranges: Vec<Range<u64>> = module.ranges().map(linked).collect();
    Variables::read(image, table, &ranges)
}

/// Variables of packages, and the timers that the runtime kept in one of its own (Go 1.13).
fn add_variables<M: Memory + ?Sized>(
    roots: &mut Roots,
    names: &mut Variables<'_>,
    subject: &Subject<'_, M>,
    objects: &Objects<'_, M>,
    module: &Module,
) {
    let (memory, bias) = (subject.memory, subject.bias);
    let (mut pointers, mut words) = (Vec::new(), Vec::new());
    module.pointers(memory, |place, value| {
        if pointers.len().max(words.len()) >= MAX_WORDS {
            roots.capped = true;
        } else if module.is_variable(value) {
            pointers.push((value.wrapping_sub(bias), place.wrapping_sub(bias)));
        } else if objects.span(value).is_some() && !subject.globals.pools.contains(&place) {
            // The lists of pools reach all that a pool is a field of, and own none of it.
            words.push((value, place));
        }
    });
    names.set_pointers(pointers);
    for (value, place) in words {
        match names.name(place.wrapping_sub(bias)) {
            Some(Name::Runtime(name)) if name.to_lowercase().contains("timer") => {
                roots.add(value, Root::Timer);
            }
            Some(Name::Runtime(_)) => {}
            // One without a name is an owner that cannot be told; it ends the search all the same.
            Some(Name::Symbol(_) | Name::Code(_)) | None => {
                roots.add(value, Root::Variable(place));
            }
        }
    }
}

fn incomplete(
    end: End,
    capped: bool,
    left_out: LeftOut,
    module: &Module,
    stacks: &Stacks,
    freed: u64,
) -> Option<String> {
    let running = stacks.left_out;
    if let (End::Complete, LeftOut::Others(spans)) = (end, left_out) {
        return Some(format!(
            "the heap is so large that {spans} of its spans were left out: what only they hold has \
             no owner here"
        ));
    }
    let why = match end {
        End::Stopped => "the search was stopped before it was complete",
        End::TooDeep => "the objects are held by chains that are too long",
        End::TooWide => "the heap is spread over more than 2 TiB",
        End::Complete if capped => "more objects hold these than are followed",
        End::Complete if left_out == LeftOut::Plain => {
            "the heap is so large that objects without pointers were left out"
        }
        End::Complete if module.has_others => {
            "the program has loaded plugins: what only their variables hold has no owner here"
        }
        End::Complete if stacks.not_read => {
            "frames of goroutines are read on amd64 only: what only they hold has no owner here"
        }
        End::Complete if running > 0 => {
            return Some(format!(
                "{running} goroutines were running: what only they hold has no owner here"
            ));
        }
        End::Complete if freed > 0 => {
            return Some(format!(
                "{freed} more objects were freed while they were followed: they are left out"
            ));
        }
        End::Complete => return None,
    };
    Some(why.to_owned())
}
