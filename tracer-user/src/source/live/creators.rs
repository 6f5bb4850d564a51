//! When it is watched who creates goroutines.
//!
//! Each creation costs the target a trap, so the watch begins when there is something to explain,
//! and has a budget.

use tracer_core::event::{CreatorWatch, EventKind, Mapping};
use tracer_core::process::Request;

use super::{
    Live, Sink,
    budget::{Begins, Budget, Spent},
};
use crate::cli::Creators as Wanted;
use crate::go::Binary;
use crate::kernel::{Probe, Probes, Programs};
use crate::proc::target::Target;
use crate::source::inspect::{self, Places};

/// The watch on creations.
pub(super) struct Creators {
    wanted: Wanted,
    places: Result<Places, String>,
    state: State,
    begins: Begins,
}

enum State {
    Idle,
    Watching {
        /// Kept for the probes to stay.
        _probes: Probes,
        budget: Budget,
    },
    /// Until something keeps growing.
    Waiting,
    Over,
}

impl Creators {
    pub(super) fn new(wanted: Wanted, places: Result<Places, String>) -> Self {
        Self {
            wanted,
            places,
            state: State::Idle,
            begins: Begins::default(),
        }
    }

    /// Where the new g is found at the probe, for the kernel side.
    pub(super) fn new_g(&self) -> u32 {
        self.places.as_ref().map_or(0, |places| places.new_g)
    }

    /// A creation was seen.
    pub(super) fn count(&mut self) {
        if let State::Watching { budget, .. } = &mut self.state {
            budget.hit(1);
        }
    }

    /// Begins the watch if it is to last from the start.
    pub(super) fn begin_if_asked(
        &mut self,
        programs: &mut Programs,
        pid: u32,
    ) -> Option<CreatorWatch> {
        (self.wanted == Wanted::On).then(|| self.begin(programs, pid, "asked for"))
    }

    fn begin(&mut self, programs: &mut Programs, pid: u32, reason: &str) -> CreatorWatch {
        let places = self.places.as_ref().map_err(|error| error.clone().into());
        let attempt = places.and_then(|places| {
            let offsets = places.offsets.iter();
            let probes: Vec<_> = offsets.map(|offset| (Probe::Goroutine, *offset)).collect();
            programs.probe(pid, &probes)
        });
        match attempt {
            Ok(probes) => {
                self.state = State::Watching {
                    _probes: probes,
                    budget: Budget::new(),
                };
                CreatorWatch {
                    watching: true,
                    reason: reason.to_owned(),
                }
            }
            Err(refusal) => {
                refusal.warn("who creates goroutines");
                self.state = State::Over;
                CreatorWatch {
                    watching: false,
                    reason: refusal.reason,
                }
            }
        }
    }

    /// Ends the watch when it has cost enough.
    fn end_if_spent(&mut self, worthwhile: bool) -> Option<CreatorWatch> {
        let State::Watching { budget, .. } = &self.state else {
            return None;
        };
        let Spent {
            reason,
            until_growth,
        } = budget.spent("creations", worthwhile)?;
        let again = until_growth && self.begins.again();
        self.state = if again { State::Waiting } else { State::Over };
        Some(CreatorWatch {
            watching: false,
            reason,
        })
    }
}

impl Live {
    /// Begins or ends the watch where it is time.
    pub(super) fn mind_creators(&mut self, sink: &mut Sink, requests: &[Request]) {
        let pid = self.target.pid();
        let keeps_growing = self.keeps_growing.creators;
        let Self {
            creators, programs, ..
        } = self;
        let watch = match (&creators.state, creators.wanted) {
            (State::Idle, Wanted::On) => creators.begin_if_asked(programs, pid),
            (State::Idle, Wanted::Auto) => {
                let wanted = requests.contains(&Request::WatchCreators);
                let reason = "sockets or goroutines grow";
                wanted.then(|| creators.begin(programs, pid, reason))
            }
            (State::Watching { .. }, wanted) => {
                creators.end_if_spent(wanted == Wanted::On || keeps_growing)
            }
            (State::Waiting, _) => {
                let reason = "sockets or goroutines keep growing";
                keeps_growing.then(|| creators.begin(programs, pid, reason))
            }
            (State::Idle, Wanted::Off) | (State::Over, _) => None,
        };
        if let Some(watch) = watch {
            let begins = watch.watching;
            sink.push_now(EventKind::CreatorWatch(watch));
            if begins {
                self.look_at_births();
            }
        }
    }

    /// The process runs another program.
    pub(super) fn renew_creators(&mut self, places: Result<Places, String>) {
        self.creators = Creators::new(self.creators.wanted, places);
    }
}

/// Where goroutines are created in what a process runs.
pub(super) fn places(
    target: &Target,
    binary: Option<&Binary>,
    mappings: &[Mapping],
) -> Result<Places, String> {
    let binary = binary.filter(|binary| binary.is_go);
    let binary = binary.ok_or("it is not a Go program")?;
    inspect::places(target.pid(), binary, mappings, &target.exe_path)
}
