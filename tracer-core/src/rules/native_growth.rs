//! Memory outside of Go's heap that grows: C libraries, and what the program maps itself.

use super::growth::{Growth, at_rest, how_much_longer};
use super::stand_ins::largest;
use super::threshold::Threshold;
use super::words::{clear, per_minute, unsure};
use super::{Explanation, Need, Rule, Verdict};
use crate::event::GoResidency;
use crate::ledger::trend::Trend;
use crate::process::Process;
use crate::report::{Evidence, growth_lines, mib};

/// The arenas of glibc drift upwards in healthy programs with C code, for minutes.
const DRIFT_BYTES: Threshold = Threshold::new(8.0 * 1_048_576.0);

/// Memory that the Go runtime does not know of.
pub struct NativeGrowth;

impl Rule for NativeGrowth {
    fn name(&self) -> &'static str {
        "native-growth"
    }

    fn title(&self) -> &'static str {
        "memory that Go does not manage grows: C libraries, or mappings the program makes"
    }

    fn explain(&self) -> Explanation {
        Explanation {
            looks_for: "Resident anonymous memory in mappings that do not belong to the Go runtime: \
                the C library's heap and arenas, and what the program itself maps. It is found when \
                it rises steadily by more than 8 MiB, as fast at the end as at the beginning. No Go \
                profile shows it.",
            refuted_by: "Growth that stops: the arenas of the C library fill for minutes in healthy \
                programs.",
            remedy: "Look at the stacks that touched new memory: the outermost Go function is the \
                one that called C. Free what C.malloc and C.CString return, close handles of C \
                libraries, unmap what is mapped.",
            false_friends: "Thread stacks and arenas of the C library grow with the number of \
                threads, and then stay.",
            example: EXAMPLE,
        }
    }

    fn needs(&self) -> &'static [Need] {
        &[Need::Time]
    }

    fn judge(&self, process: &Process) -> Verdict {
        let residency = process.go().residency();
        if residency.seen() == 0 {
            return unsure("which memory is Go's and which is not was not read");
        }
        match Growth::of_bytes(residency, |now: &GoResidency| Some(now.native)) {
            Growth::TooEarly { readings, seconds } => {
                unsure(how_much_longer(readings, seconds, "reading"))
            }
            movement @ (Growth::Flat(trend) | Growth::Levelled(trend)) => clear(format!(
                "memory outside of Go's heap {}, to {}",
                at_rest(&trend, matches!(movement, Growth::Levelled(_))),
                mib(trend.last)
            )),
            Growth::Steady(trend) if trend.growth() as f64 >= DRIFT_BYTES.get() => {
                found(process, &trend)
            }
            Growth::Steady(trend) | Growth::Unsteady(trend) => unsure(format!(
                "memory outside of Go's heap grew by {}: arenas of the C library that fill do that \
                 too. Watch until it stops, or goes on",
                mib(trend.growth().unsigned_abs())
            )),
        }
    }
}

fn found(process: &Process, trend: &Trend) -> Verdict {
    // What Go allocates is touched by Go code, as is what the program maps itself.
    let (by_c, by_go): (Vec<_>, Vec<_>) = growth_lines(process)
        .into_iter()
        .filter(|line| {
            let innermost = line.stack.first();
            innermost.is_some_and(|frame| !frame.function.starts_with("runtime."))
        })
        .partition(|line| {
            let mut frames = line.stack.iter();
            frames.any(|frame| frame.function == "runtime.cgocall")
        });
    // If C code touched most of what grew, what Go code touched is its heap.
    let c_bytes = by_c.iter().map(|line| line.bytes);
    let most = trend.growth().unsigned_abs() / 2;
    let is_c = c_bytes.fold(0, u64::saturating_add) > most;
    let by_go = by_go.into_iter().filter(|_| !is_c);
    let lines = by_c.into_iter().chain(by_go);
    let origins = largest(lines.map(|line| (line.origin, line.bytes)).collect());
    Verdict::Found {
        headline: format!(
            "memory outside of Go's heap grew from {} to {} in {:.0} s ({})",
            mib(trend.first),
            mib(trend.last),
            trend.seconds,
            per_minute(trend.slope)
        ),
        evidence: vec![
            Evidence::bytes("at the first reading", trend.first),
            Evidence::bytes("at the last one", trend.last),
            Evidence::growth("growth", trend.growth()),
        ],
        origins,
        refuted_by: "growth that stops when it is watched for some minutes".to_owned(),
        remedy:
            "Free what C code allocates (C.free after C.malloc and C.CString), close handles of \
            C libraries, and unmap what the program maps: no Go profile shows this memory."
                .to_owned(),
        leak: true,
    }
}

const EXAMPLE: &str = "\
package main

// #include <stdlib.h>
// #include <string.h>
import \"C\"
import \"time\"

func main() {
	for {
		C.memset(C.malloc(64<<10), 1, 64<<10) // never freed
		time.Sleep(10 * time.Millisecond)
	}
}
";
