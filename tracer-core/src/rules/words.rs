//! Sentences that several rules share.

use super::Verdict;
use crate::report::signed_mib;

/// Not there, in one sentence.
pub(super) fn clear(headline: impl Into<String>) -> Verdict {
    Verdict::Clear {
        headline: headline.into(),
        evidence: Vec::new(),
    }
}

/// Not to be judged, and why.
pub(super) fn unsure(missing: impl Into<String>) -> Verdict {
    Verdict::Unsure {
        missing: missing.into(),
    }
}

/// `+12.3 MiB a minute`, of bytes a second.
pub(super) fn per_minute(slope: f64) -> String {
    format!("{} a minute", signed_mib((slope * 60.0) as i64))
}

/// `12 %`.
pub(super) fn percent(part: u64, whole: u64) -> String {
    format!("{:.0} %", 100.0 * part as f64 / whole.max(1) as f64)
}
