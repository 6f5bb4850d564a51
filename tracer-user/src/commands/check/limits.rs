//! Limits that a user sets beside the rules.

use tracer_core::report::{Report, SocketOrigin};

use super::{Finding, Kind};
use crate::cli::CheckArgs;

const MIB: f64 = 1_048_576.0;

/// The limits that were set and exceeded.
pub(super) fn exceeded<'a>(report: &'a Report, args: &CheckArgs) -> Vec<Finding<'a>> {
    let growth = args.max_growth.and_then(|most| growth(report, most));
    let sockets = args.max_sockets_per_origin.into_iter().flat_map(|most| {
        let sockets = report.sockets.iter();
        let origins = sockets.flat_map(|sockets| &sockets.origins);
        origins
            .filter(move |origin| origin.open > most)
            .map(move |origin| too_many(origin, most))
    });
    growth.into_iter().chain(sockets).collect()
}

fn growth(report: &Report, most: u64) -> Option<Finding<'static>> {
    const NAME: &str = "--max-growth";
    let rate = report.memory.as_ref()?.use_bytes_per_minute;
    let mib = |bytes: f64| bytes / MIB;
    let Some(rate) = rate else {
        return Some(Finding {
            name: NAME,
            kind: Kind::Unsure,
            message: "how fast the memory in use grows was not measured".to_owned(),
            places: Vec::new(),
        });
    };
    (rate > i64::try_from(most).unwrap_or(i64::MAX)).then(|| Finding {
        name: NAME,
        kind: Kind::Leak,
        message: format!(
            "the memory in use grows by {:.1} MiB a minute, more than {:.1}",
            mib(rate as f64),
            mib(most as f64)
        ),
        places: Vec::new(),
    })
}

fn too_many(origin: &SocketOrigin, most: u64) -> Finding<'_> {
    Finding {
        name: "--max-sockets-per-origin",
        kind: Kind::Leak,
        message: format!(
            "{} sockets of one origin are open, more than {most}",
            origin.open
        ),
        places: origin.origin.iter().collect(),
    }
}
