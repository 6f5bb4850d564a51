//! Which objects are followed.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use tracer_core::ledger::go::in_use;

use super::Error;
use super::objects::{Kept, Objects};
use super::spans::Span;
use crate::go::runtime::Memory;
use crate::go::runtime::heap_profile::HeapProfile;

/// What is asked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Wanted {
    /// The sites, by their number in the heap profile; all when `None`.
    pub sites: Option<Vec<u64>>,
    /// Sites that are followed, those with most bytes first.
    pub max_sites: usize,
    /// Objects of each.
    pub per_site: usize,
}

impl Default for Wanted {
    fn default() -> Self {
        Self {
            sites: None,
            max_sites: 32,
            per_site: 64,
        }
    }
}

/// Objects of one site.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Site {
    pub(super) id: Option<u64>,
    pub(super) object_bytes: u64,
    pub(super) live_bytes: u64,
    /// Where they are, and their size.
    pub(super) objects: Vec<(u64, u64)>,
}

/// The objects of all sites, which lie one behind the other in the graph.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Samples {
    pub(super) sites: Vec<Site>,
}

impl Samples {
    pub(super) fn objects(&self) -> Vec<(u64, u64)> {
        self.sites
            .iter()
            .flat_map(|site| site.objects.iter().copied())
            .collect()
    }
}

/// Chooses objects that a collection has seen: by site where there is a profile, else by size.
pub(super) fn choose<M: Memory + ?Sized>(
    objects: &mut Objects<'_, M>,
    kept: &[(u64, Kept)],
    profile: Option<&HeapProfile>,
    wanted: &Wanted,
) -> Result<Samples, Error> {
    let mut sites = match profile {
        Some(profile) => by_site(objects, kept, profile, wanted),
        None => by_size(objects, wanted.per_site),
    };
    sites.sort_by_key(|site| (Reverse(site.live_bytes), site.id, site.object_bytes));
    sites.truncate(wanted.max_sites);
    if sites.is_empty() {
        return Err(Error::NoSamples);
    }
    Ok(Samples { sites })
}

/// Among the objects that the heap profiler has sampled.
fn by_site<M: Memory + ?Sized>(
    objects: &mut Objects<'_, M>,
    kept: &[(u64, Kept)],
    profile: &HeapProfile,
    wanted: &Wanted,
) -> Vec<Site> {
    let mut by_bucket: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for (base, kept) in kept {
        if let Kept::Sampled(bucket) = kept
            && objects.has_survived(*base)
        {
            by_bucket.entry(*bucket).or_default().push(*base);
        }
    }
    let mut sites = Vec::new();
    for (bucket, _) in profile.buckets() {
        let all = wanted.sites.as_ref();
        let is_wanted = all.is_none_or(|sites| sites.contains(&bucket.id));
        let Some(found) = by_bucket.remove(&bucket.id).filter(|_| is_wanted) else {
            continue;
        };
        let (_, live) = in_use(&bucket.event(), profile.rate);
        let chosen = spread(&found, wanted.per_site);
        let sized = chosen.filter_map(|base| objects.object(base));
        sites.push(Site {
            id: Some(bucket.id),
            object_bytes: bucket.size,
            live_bytes: live,
            objects: sized.collect(),
        });
    }
    sites
}

/// Slots that are looked at for each object that is followed.
const LOOKS: u64 = 4;

/// Among all objects of a size, evenly by their place; those with spans of their own are one size.
fn by_size<M: Memory + ?Sized>(objects: &mut Objects<'_, M>, per_site: usize) -> Vec<Site> {
    let mut by_class: BTreeMap<u8, Vec<Span>> = BTreeMap::new();
    for span in objects.spans() {
        by_class.entry(span.class).or_default().push(*span);
    }
    let mut sites = Vec::new();
    for (class, spans) in by_class {
        let bytes: u64 = spans.iter().map(|span| span.end - span.start).sum();
        let looks = per_site as u64 * LOOKS;
        let (mut looked, mut found) = (0, Vec::new());
        // The sums grow with the spans, so that one pass over these will do.
        let (mut before, mut next) = (0, 0);
        for span in spans {
            let size = span.end - span.start;
            while looked < looks && next < before + size {
                let base = span.base(span.start + (next - before));
                let is_new = found.last() != Some(&base);
                if is_new && objects.has_survived(base) {
                    found.push(base);
                }
                looked += 1;
                next = (u128::from(bytes) * u128::from(looked) / u128::from(looks)) as u64;
            }
            before += size;
        }
        let live = u128::from(bytes) * found.len() as u128 / u128::from(looked.max(1));
        let object_bytes = match class {
            0 | 1 => 0,
            _ => found
                .first()
                .and_then(|base| objects.object(*base))
                .map_or(0, |(_, size)| size),
        };
        let chosen = spread(&found, per_site).filter_map(|base| objects.object(base));
        let objects: Vec<(u64, u64)> = chosen.collect();
        if !objects.is_empty() {
            let live_bytes = live as u64;
            sites.push(Site {
                id: None,
                object_bytes,
                live_bytes,
                objects,
            });
        }
    }
    sites
}

/// So many of them, evenly.
fn spread(all: &[u64], count: usize) -> impl Iterator<Item = u64> {
    let count = count.min(all.len());
    (0..count).map(move |index| all[index * all.len() / count])
}
