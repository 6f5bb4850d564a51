//! Goroutines that a server's library starts: each may serve a stream or a request, of which one connection
//! carries many.

use super::goroutine_leak::{gained, goroutines, growing, started};
use super::growth::Growth;
use super::open_sockets::accepted;
use crate::event::Frame;
use crate::names;
use crate::process::Process;
use crate::report::{GoroutineSite, Goroutines, OwnLine, Sockets, StackFrame, plural};

/// What a server has started that was started once itself are so many goroutines at the least, if it is these
/// that grow.
const EACH_SERVES: u64 = 10;

/// That goroutines grow, most of which a library started, of its own or on behalf of a server that the
/// service started once, while accepted connections are open: users who stay may need them.
pub(super) fn streams(process: &Process) -> Option<String> {
    let Growth::Steady(trend) = goroutines(process) else {
        return None;
    };
    let census = Goroutines::on(process)?;
    let sites = growing(&census, &trend);
    let served = sites
        .iter()
        .copied()
        .filter(|site| is_served(process, site));
    let served: Vec<&GoroutineSite> = served.collect();
    let most = served.first()?;
    let accepted = accepted(&Sockets::on(process)?);
    (accepted > 0 && gained(&served) > gained(&sites) / 2).then(|| {
        format!(
            "goroutines went from {} to {}, most of them started by {}, and no line of the service is known \
             that asked for each: each may serve a stream or a request of the {}. Watch while as many end as \
             begin",
            trend.first,
            trend.last,
            started(most).place(),
            plural(accepted, "accepted connection"),
        )
    })
}

/// Whether no line of the service began or started these, nor, as far as creations were watched, had more than
/// a few started that started all the others.
fn is_served(process: &Process, site: &GoroutineSite) -> bool {
    let is_own = |frame: &StackFrame| {
        let frame = Frame {
            function: frame.function.clone(),
            go: true,
            ..Frame::default()
        };
        names::is_own(&frame, process.facts())
    };
    let serves = |own: &OwnLine| own.starters.saturating_mul(EACH_SERVES) <= own.created;
    site.asked_by.iter().all(serves) && !is_own(started(site)) && !is_own(&site.start)
}
