//! Who holds objects. Sites and owners are two lists, since no list may stand in a list.

use crate::event;

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Holders {
    #[prost(message, repeated, tag = "1")]
    sites: Vec<HeldSite>,
    #[prost(message, repeated, tag = "2")]
    owners: Vec<Owner>,
    #[prost(uint64, tag = "3")]
    took_ns: u64,
    #[prost(uint64, tag = "4")]
    bytes_read: u64,
    #[prost(string, optional, tag = "5")]
    incomplete: Option<String>,
    #[prost(bool, tag = "6")]
    is_part: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
struct HeldSite {
    #[prost(uint64, optional, tag = "1")]
    site: Option<u64>,
    #[prost(uint64, tag = "2")]
    object_bytes: u64,
    #[prost(uint64, tag = "3")]
    live_bytes: u64,
    #[prost(uint64, tag = "4")]
    sampled: u64,
    #[prost(uint64, tag = "5")]
    reached: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Owner {
    #[prost(uint32, tag = "1")]
    site: u32,
    #[prost(enumeration = "OwnerKind", tag = "2")]
    kind: i32,
    #[prost(string, tag = "3")]
    name: String,
    #[prost(string, tag = "4")]
    used_by: String,
    #[prost(uint64, tag = "5")]
    objects: u64,
    #[prost(uint64, tag = "6")]
    shared: u64,
    #[prost(string, tag = "7")]
    path: String,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, prost::Enumeration)]
#[repr(i32)]
enum OwnerKind {
    Unknown = 0,
    Variable = 1,
    VariableByCode = 2,
    Goroutine = 3,
    Timer = 4,
    Finalizer = 5,
}

/// Between the lines of a text that stands for a list.
const BREAK: &str = "\n";

impl From<&event::Holders> for Holders {
    fn from(holders: &event::Holders) -> Self {
        let sites = holders.sites.iter().map(|site| HeldSite {
            site: site.site,
            object_bytes: site.object_bytes,
            live_bytes: site.live_bytes,
            sampled: site.sampled,
            reached: site.reached,
        });
        let owners =
            holders.sites.iter().zip(0..).flat_map(|(site, index)| {
                site.owners.iter().map(move |owner| Owner::of(owner, index))
            });
        Self {
            sites: sites.collect(),
            owners: owners.collect(),
            took_ns: holders.took_ns,
            bytes_read: holders.bytes_read,
            incomplete: holders.incomplete.clone(),
            is_part: holders.is_part,
        }
    }
}

impl Holders {
    /// `None` when a newer writer knows other kinds of owners.
    pub(super) fn into_event(self) -> Option<event::Holders> {
        let sites = self.sites.into_iter().map(|site| event::HeldSite {
            site: site.site,
            object_bytes: site.object_bytes,
            live_bytes: site.live_bytes,
            sampled: site.sampled,
            reached: site.reached,
            owners: Vec::new(),
        });
        let mut sites: Vec<event::HeldSite> = sites.collect();
        for owner in self.owners {
            let site = sites.get_mut(owner.site as usize)?;
            site.owners.push(owner.into_event()?);
        }
        Some(event::Holders {
            sites,
            took_ns: self.took_ns,
            bytes_read: self.bytes_read,
            incomplete: self.incomplete,
            is_part: self.is_part,
        })
    }
}

impl Owner {
    fn of(owner: &event::Owner, site: u32) -> Self {
        let kind = match owner.kind {
            event::OwnerKind::Variable => OwnerKind::Variable,
            event::OwnerKind::VariableByCode => OwnerKind::VariableByCode,
            event::OwnerKind::Goroutine => OwnerKind::Goroutine,
            event::OwnerKind::Timer => OwnerKind::Timer,
            event::OwnerKind::Finalizer => OwnerKind::Finalizer,
        };
        Self {
            site,
            kind: kind as i32,
            name: owner.name.clone(),
            used_by: owner.used_by.join(BREAK),
            objects: owner.objects,
            shared: owner.shared,
            path: owner.path.join(BREAK),
        }
    }

    fn into_event(self) -> Option<event::Owner> {
        let kind = match self.kind() {
            OwnerKind::Unknown => return None,
            OwnerKind::Variable => event::OwnerKind::Variable,
            OwnerKind::VariableByCode => event::OwnerKind::VariableByCode,
            OwnerKind::Goroutine => event::OwnerKind::Goroutine,
            OwnerKind::Timer => event::OwnerKind::Timer,
            OwnerKind::Finalizer => event::OwnerKind::Finalizer,
        };
        Some(event::Owner {
            kind,
            name: self.name,
            used_by: list(&self.used_by),
            objects: self.objects,
            shared: self.shared,
            path: list(&self.path),
        })
    }
}

fn list(lines: &str) -> Vec<String> {
    lines
        .split(BREAK)
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect()
}
