//! What a bench prints: one JSON object for each cell.

use serde_json::json;

/// The median of some runs, and what 80 % of them lie between.
pub(crate) fn print([bench, tool, mode, on]: [&str; 4], unit: &str, mut values: Vec<f64>) {
    values.sort_by(f64::total_cmp);
    let at = |tenths: usize| values[(values.len() - 1) * tenths / 10];
    let line = json!({
        "bench": bench, "tool": tool, "mode": mode, "binary": on, "unit": unit,
        "value": at(5), "p10": at(1), "p90": at(9), "runs": values.len(),
    });
    println!("{line}");
}
