//! One number of a bench: a median, and how far the runs lie apart.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

/// What was measured.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    pub(crate) bench: String,
    pub(crate) tool: String,
    pub(crate) mode: String,
    /// What it was measured on; empty if the bench says it.
    pub(crate) on: String,
    pub(crate) measure: Measure,
    pub(crate) value: f64,
    pub(crate) p10: f64,
    pub(crate) p90: f64,
    /// How many runs, or pairs of runs, the median is taken of.
    pub(crate) runs: usize,
    /// Pairs that the machine disturbed.
    pub(crate) discarded: usize,
    /// Where the tool tells what it has seen.
    pub(crate) events: Option<Events>,
}

/// What a number means.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Measure {
    /// Time with the tool over time without.
    Ratio,
    /// A rate, a size or a time in this unit.
    Unit(String),
}

/// What the load did, over all runs of a cell, and what became of it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Events {
    pub(crate) expected: u64,
    pub(crate) received: u64,
    pub(crate) lost: u64,
}

impl Events {
    pub(crate) fn add(&mut self, other: &Self) {
        self.expected += other.expected;
        self.received += other.received;
        self.lost += other.lost;
    }
}

impl Measure {
    pub(crate) fn unit(unit: &str) -> Self {
        Self::Unit(unit.to_owned())
    }
}

impl Cell {
    /// The median of some runs.
    pub(crate) fn of_runs(names: [&str; 4], measure: Measure, mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |tenths: usize| values[(values.len() - 1) * tenths / 10];
        let [bench, tool, mode, on] = names.map(str::to_owned);
        Self {
            bench,
            tool,
            mode,
            on,
            measure,
            value: at(5),
            p10: at(1),
            p90: at(9),
            runs: values.len(),
            discarded: 0,
            events: None,
        }
    }

    /// A line that a bench of a crate printed, or [`Self::json`].
    pub(crate) fn parse(line: &str) -> Result<Self> {
        let fields: Value = serde_json::from_str(line).context("not a JSON object")?;
        let text = |name: &str| Some(fields[name].as_str()?.to_owned());
        let number = |name: &str| fields[name].as_f64();
        let count = |name: &str| fields[name].as_u64();
        let measured = || match number("ratio") {
            Some(ratio) => Some((Measure::Ratio, ratio)),
            None => Some((Measure::Unit(text("unit")?), number("value")?)),
        };
        let events = || {
            Some(Events {
                expected: count("expected")?,
                received: count("received")?,
                lost: count("lost")?,
            })
        };
        let cell = || {
            let (measure, value) = measured()?;
            Some(Self {
                bench: text("bench")?,
                tool: text("tool")?,
                mode: text("mode")?,
                on: text("binary").or(text("on")).unwrap_or_default(),
                measure,
                value,
                p10: number("p10")?,
                p90: number("p90")?,
                runs: count("runs").or(count("pairs"))? as usize,
                discarded: count("discarded").unwrap_or(0) as usize,
                events: events(),
            })
        };
        cell().with_context(|| format!("a field is missing in {line}"))
    }

    pub(crate) fn json(&self) -> Value {
        let mut line = json!({
            "bench": self.bench, "tool": self.tool, "mode": self.mode,
            "p10": self.p10, "p90": self.p90, "pairs": self.runs, "discarded": self.discarded,
        });
        match &self.measure {
            Measure::Ratio => line["ratio"] = self.value.into(),
            Measure::Unit(unit) => {
                line["value"] = self.value.into();
                line["unit"] = unit.as_str().into();
            }
        }
        if !self.on.is_empty() {
            line["on"] = self.on.as_str().into();
        }
        if let Some(events) = self.events {
            line["expected"] = events.expected.into();
            line["received"] = events.received.into();
            line["lost"] = events.lost.into();
        }
        line
    }

    /// The value as people read it.
    pub(crate) fn shown(&self, value: f64) -> String {
        match self.measure {
            Measure::Ratio => format!("×{value:.3}"),
            Measure::Unit(_) => short(value),
        }
    }
}

/// The headings of `row`.
pub(crate) const HEADINGS: [&str; 11] = [
    "bench", "tool", "mode", "median", "unit", "10 %", "90 %", "pairs", "expected", "lost", "on",
];

/// A cell as words.
pub(crate) fn row(cell: &Cell) -> [String; 11] {
    let unit = match &cell.measure {
        Measure::Ratio => "time",
        Measure::Unit(unit) => unit,
    };
    let count = |of: fn(&Events) -> u64| {
        cell.events
            .as_ref()
            .map_or_else(|| "-".to_owned(), |events| of(events).to_string())
    };
    [
        cell.bench.clone(),
        cell.tool.clone(),
        cell.mode.clone(),
        cell.shown(cell.value),
        unit.to_owned(),
        cell.shown(cell.p10),
        cell.shown(cell.p90),
        cell.runs.to_string(),
        count(|events| events.expected),
        count(|events| events.lost),
        cell.on.clone(),
    ]
}

/// A line for each cell.
pub(crate) fn table(cells: &[Cell]) -> String {
    let mut text = line(&HEADINGS.map(str::to_owned));
    for cell in cells {
        text += &line(&row(cell));
    }
    text
}

fn line(words: &[String; 11]) -> String {
    let [
        bench,
        tool,
        mode,
        median,
        unit,
        p10,
        p90,
        pairs,
        expected,
        lost,
        on,
    ] = words;
    let line = format!(
        "{bench:10} {tool:16} {mode:20} {median:>10} {unit:12} {p10:>10} {p90:>10} {pairs:>5} \
         {expected:>12} {lost:>8}  {on}"
    );
    format!("{}\n", line.trim_end())
}

/// Three digits that count: `7.91 M`, `16.4`.
pub(crate) fn short(number: f64) -> String {
    match number {
        number if number >= 1e6 => format!("{:.2} M", number / 1e6),
        number if number >= 1e3 => format!("{:.1} k", number / 1e3),
        number => format!("{number:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_and_its_spread() {
        let values = (1..=11).rev().map(f64::from).collect();
        let mut cell = Cell::of_runs(["mm", "tracer", "full_stacks", ""], Measure::Ratio, values);
        cell.events = Some(Events {
            expected: 30,
            received: 29,
            lost: 1,
        });
        let expected = json!({
            "bench": "mm", "tool": "tracer", "mode": "full_stacks", "ratio": 6.0, "p10": 2.0, "p90": 10.0,
            "pairs": 11, "discarded": 0, "expected": 30, "received": 29, "lost": 1,
        });
        assert_eq!(cell.json(), expected);
    }

    #[test]
    fn a_line_of_a_crate_is_read() {
        let line = r#"{"bench": "symbols", "tool": "tracer", "mode": "unique", "binary": "go",
            "value": 7.5, "unit": "lookups/s", "p10": 7, "p90": 8, "runs": 3}"#;
        let expected = json!({
            "bench": "symbols", "tool": "tracer", "mode": "unique", "on": "go",
            "value": 7.5, "unit": "lookups/s", "p10": 7.0, "p90": 8.0, "pairs": 3, "discarded": 0,
        });
        assert_eq!(Cell::parse(line).expect("a whole line").json(), expected);
        assert!(Cell::parse("{}").is_err());
    }

    #[test]
    fn a_printed_line_comes_back() {
        let names = ["http", "tracer", "full_stacks", "p99"];
        let mut cell = Cell::of_runs(names, Measure::Ratio, vec![1.5, 1.25]);
        cell.events = Some(Events {
            expected: 30,
            received: 29,
            lost: 1,
        });
        let line = cell.json();
        assert_eq!(Cell::parse(&line.to_string()).expect("whole").json(), line);
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!(short(7_912_345.0), "7.91 M");
        assert_eq!(short(1_200.0), "1.2 k");
        assert_eq!(short(16.4), "16.40");
    }
}
