//! Messages of mappings, and of what each of them holds.

use crate::event;

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Mappings {
    #[prost(message, repeated, tag = "1")]
    mappings: Vec<Mapping>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Mapping {
    #[prost(uint64, tag = "1")]
    start: u64,
    #[prost(uint64, tag = "2")]
    end: u64,
    #[prost(uint32, tag = "3")]
    prot: u32,
    #[prost(bool, tag = "4")]
    shared: bool,
    #[prost(oneof = "Backing", tags = "5, 6")]
    backing: Option<Backing>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Backing {
    #[prost(string, tag = "5")]
    Anonymous(String),
    #[prost(message, tag = "6")]
    File(File),
}

#[derive(Clone, PartialEq, prost::Message)]
struct File {
    #[prost(string, tag = "1")]
    path: String,
    #[prost(uint64, tag = "2")]
    offset: u64,
    #[prost(uint64, tag = "3")]
    inode: u64,
}

impl From<&event::Mapping> for Mapping {
    fn from(mapping: &event::Mapping) -> Self {
        let event::Mapping {
            start,
            end,
            prot,
            shared,
            backing,
        } = mapping;
        let backing = match backing {
            event::Backing::Anonymous { name } => Backing::Anonymous(name.clone()),
            event::Backing::File {
                path,
                offset,
                inode,
            } => Backing::File(File {
                path: path.clone(),
                offset: *offset,
                inode: *inode,
            }),
        };
        let (start, end, prot, shared) = (*start, *end, *prot, *shared);
        Self {
            start,
            end,
            prot,
            shared,
            backing: Some(backing),
        }
    }
}

impl Mapping {
    fn into_event(self) -> Option<event::Mapping> {
        let Self {
            start,
            end,
            prot,
            shared,
            backing,
        } = self;
        let backing = match backing? {
            Backing::Anonymous(name) => event::Backing::Anonymous { name },
            Backing::File(File {
                path,
                offset,
                inode,
            }) => event::Backing::File {
                path,
                offset,
                inode,
            },
        };
        Some(event::Mapping {
            start,
            end,
            prot,
            shared,
            backing,
        })
    }
}

impl From<&[event::Mapping]> for Mappings {
    fn from(mappings: &[event::Mapping]) -> Self {
        Self {
            mappings: mappings.iter().map(Mapping::from).collect(),
        }
    }
}

impl Mappings {
    pub(super) fn into_event(self) -> Option<Vec<event::Mapping>> {
        self.mappings.into_iter().map(Mapping::into_event).collect()
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct MemoryDetail {
    #[prost(message, repeated, tag = "1")]
    mappings: Vec<MappingUse>,
    #[prost(uint64, tag = "2")]
    took_ns: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct MappingUse {
    #[prost(message, optional, tag = "1")]
    mapping: Option<Mapping>,
    #[prost(uint64, tag = "2")]
    rss: u64,
    #[prost(uint64, tag = "3")]
    anonymous: u64,
    #[prost(uint64, optional, tag = "4")]
    lazy_free: Option<u64>,
    #[prost(uint64, tag = "5")]
    anon_huge: u64,
    #[prost(uint64, tag = "6")]
    swap: u64,
}

impl From<&event::MappingUse> for MappingUse {
    fn from(mapping_use: &event::MappingUse) -> Self {
        let event::MappingUse {
            mapping,
            rss,
            anonymous,
            lazy_free,
            anon_huge,
            swap,
        } = mapping_use;
        Self {
            mapping: Some(mapping.into()),
            rss: *rss,
            anonymous: *anonymous,
            lazy_free: *lazy_free,
            anon_huge: *anon_huge,
            swap: *swap,
        }
    }
}

impl MappingUse {
    fn into_event(self) -> Option<event::MappingUse> {
        let Self {
            mapping,
            rss,
            anonymous,
            lazy_free,
            anon_huge,
            swap,
        } = self;
        let mapping = mapping?.into_event()?;
        Some(event::MappingUse {
            mapping,
            rss,
            anonymous,
            lazy_free,
            anon_huge,
            swap,
        })
    }
}

impl From<&event::MemoryDetail> for MemoryDetail {
    fn from(detail: &event::MemoryDetail) -> Self {
        let event::MemoryDetail { mappings, took_ns } = detail;
        Self {
            mappings: mappings.iter().map(MappingUse::from).collect(),
            took_ns: *took_ns,
        }
    }
}

impl MemoryDetail {
    pub(super) fn into_event(self) -> Option<event::MemoryDetail> {
        let Self { mappings, took_ns } = self;
        let mappings = mappings
            .into_iter()
            .map(MappingUse::into_event)
            .collect::<Option<_>>()?;
        Some(event::MemoryDetail { mappings, took_ns })
    }
}
