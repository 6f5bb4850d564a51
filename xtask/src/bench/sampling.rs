//! `sampling`: whether what is estimated from a sample is right, with a thousand seeds.

use anyhow::{Context as _, Result};

use super::Options;
use super::cell::Cell;
use super::library;

/// What is measured of the worst load.
pub(super) const WORST: &str = "worst of all";

pub(super) fn run(_: &Options) -> Result<Vec<Cell>> {
    let mut cells = library::cells::<&str>("sampling", &[])?;
    let worst = |mode: &str, is_worse: fn(f64, f64) -> bool| {
        let of_mode = cells.iter().filter(|cell| cell.mode == mode);
        let worst = of_mode.reduce(|a, b| if is_worse(b.value, a.value) { b } else { a });
        let mut cell = worst
            .with_context(|| format!("nothing says {mode}"))?
            .clone();
        WORST.clone_into(&mut cell.on);
        anyhow::Ok(cell)
    };
    let worst = [
        worst("bias", |a, b| a > b)?,
        worst("within 3 sigma", |a, b| a < b)?,
    ];
    cells.extend(worst);
    Ok(cells)
}
