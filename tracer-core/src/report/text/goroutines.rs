//! Goroutines by where they were created.

use super::Page;
use crate::report::Goroutines;
use crate::report::numbers::plural;

/// Creation sites shown; the JSON report has more.
const CREATORS: usize = 8;
/// Places shown where the goroutines of a site wait.
const PLACES: usize = 3;

pub(super) fn show(page: &mut Page, goroutines: &Goroutines) {
    page.heading("goroutines");
    let growth = goroutines.growth.map_or(String::new(), |growth| {
        let rate = rate(growth, goroutines.growth_per_minute);
        format!(", {growth:+} while watching{rate}")
    });
    page.paragraph(&format!("{} alive{growth}", goroutines.total));
    if goroutines.sampled < goroutines.total {
        page.paragraph(&format!(
            "{} of them were looked at; the counts below are scaled up",
            goroutines.sampled
        ));
    }
    for site in goroutines.sites.iter().take(CREATORS) {
        let growth = site
            .growth
            .filter(|growth| *growth != 0)
            .map_or(String::new(), |growth| {
                let rate = rate(growth, site.growth_per_minute);
                format!(" ({growth:+}{rate})")
            });
        let turnover = match (site.created, site.ended) {
            (None | Some(0), None | Some(0)) => String::new(),
            (created, Some(ended)) => {
                let created = created.unwrap_or(0);
                format!(", {created} created and {ended} ended")
            }
            (Some(created), None) => format!(", {created} seen to be created"),
        };
        // One place for all of them takes no line of its own.
        let doing = match (&site.waits[..], &site.waiting_on) {
            ([wait], _) if wait.count >= site.count => format!(", {}", wait.place()),
            (_, Some(doing)) => format!(", {doing}"),
            (_, None) => String::new(),
        };
        let creator = site.created_by.as_ref().map_or(String::new(), |creator| {
            format!(", created by {}", creator.place())
        });
        let sockets = site
            .open_sockets
            .filter(|sockets| *sockets > 0)
            .map_or(String::new(), |sockets| {
                format!(", have opened {} that are open", plural(sockets, "socket"))
            });
        page.item(
            "    ",
            "        ",
            &format!(
                "{}{growth} {}{creator}{turnover}{doing}{sockets}",
                site.count,
                site.start.place()
            ),
        );
        if site
            .waits
            .first()
            .is_some_and(|wait| wait.count < site.count)
        {
            for wait in site.waits.iter().take(PLACES) {
                let text = format!("{} in {}", wait.count, wait.place());
                page.item("        ", "            ", &text);
            }
        }
    }
}

/// Nothing where nothing grew.
fn rate(growth: i64, per_minute: Option<i64>) -> String {
    per_minute
        .filter(|_| growth != 0)
        .map_or(String::new(), |rate| format!(", {rate:+} a minute"))
}
