//! Messages of the other samples: memory, descriptors, cgroup.

use super::fact::same_fields;
use crate::event;

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct MemorySample {
    #[prost(uint64, tag = "1")]
    rss: u64,
    #[prost(uint64, tag = "2")]
    anonymous: u64,
    #[prost(uint64, optional, tag = "3")]
    lazy_free: Option<u64>,
    #[prost(uint64, optional, tag = "4")]
    file: Option<u64>,
    #[prost(uint64, optional, tag = "5")]
    shared: Option<u64>,
    #[prost(uint64, optional, tag = "6")]
    anon_huge: Option<u64>,
    #[prost(uint64, optional, tag = "7")]
    swap: Option<u64>,
    #[prost(uint64, optional, tag = "8")]
    private: Option<u64>,
}

same_fields!(MemorySample, {
    rss, anonymous, lazy_free, file, shared, anon_huge, swap, private,
});

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Descriptors {
    #[prost(message, repeated, tag = "1")]
    descriptors: Vec<Descriptor>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Descriptor {
    #[prost(sint32, tag = "1")]
    fd: i32,
    #[prost(oneof = "DescriptorKind", tags = "2, 3, 4, 5")]
    kind: Option<DescriptorKind>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum DescriptorKind {
    #[prost(uint64, tag = "2")]
    Socket(u64),
    #[prost(message, tag = "3")]
    Pipe(Nothing),
    #[prost(string, tag = "4")]
    Anonymous(String),
    #[prost(message, tag = "5")]
    File(Nothing),
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
struct Nothing {}

impl From<&[event::Descriptor]> for Descriptors {
    fn from(descriptors: &[event::Descriptor]) -> Self {
        let descriptors = descriptors
            .iter()
            .map(|event::Descriptor { fd, kind }| {
                let kind = match kind {
                    event::DescriptorKind::Socket { inode } => DescriptorKind::Socket(*inode),
                    event::DescriptorKind::Pipe => DescriptorKind::Pipe(Nothing {}),
                    event::DescriptorKind::Anonymous(name) => {
                        DescriptorKind::Anonymous(name.clone())
                    }
                    event::DescriptorKind::File => DescriptorKind::File(Nothing {}),
                };
                Descriptor {
                    fd: *fd,
                    kind: Some(kind),
                }
            })
            .collect();
        Self { descriptors }
    }
}

impl Descriptors {
    pub(super) fn into_event(self) -> Option<Vec<event::Descriptor>> {
        self.descriptors
            .into_iter()
            .map(|Descriptor { fd, kind }| {
                let kind = match kind? {
                    DescriptorKind::Socket(inode) => event::DescriptorKind::Socket { inode },
                    DescriptorKind::Pipe(Nothing {}) => event::DescriptorKind::Pipe,
                    DescriptorKind::Anonymous(name) => event::DescriptorKind::Anonymous(name),
                    DescriptorKind::File(Nothing {}) => event::DescriptorKind::File,
                };
                Some(event::Descriptor { fd, kind })
            })
            .collect()
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct CgroupSample {
    #[prost(enumeration = "CgroupVersion", tag = "1")]
    version: i32,
    #[prost(string, tag = "2")]
    path: String,
    #[prost(uint64, optional, tag = "3")]
    usage: Option<u64>,
    #[prost(uint64, optional, tag = "4")]
    limit: Option<u64>,
    #[prost(uint64, optional, tag = "5")]
    high: Option<u64>,
    #[prost(uint64, optional, tag = "6")]
    anon: Option<u64>,
    #[prost(uint64, optional, tag = "7")]
    file: Option<u64>,
    #[prost(uint64, optional, tag = "8")]
    sock: Option<u64>,
    #[prost(uint64, optional, tag = "9")]
    oom_kills: Option<u64>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, prost::Enumeration)]
#[repr(i32)]
enum CgroupVersion {
    Unknown = 0,
    V1 = 1,
    V2 = 2,
}

impl From<&event::CgroupSample> for CgroupSample {
    fn from(sample: &event::CgroupSample) -> Self {
        let event::CgroupSample {
            version,
            path,
            usage,
            limit,
            high,
            anon,
            file,
            sock,
            oom_kills,
        } = sample.clone();
        let version = match version {
            event::CgroupVersion::V1 => CgroupVersion::V1,
            event::CgroupVersion::V2 => CgroupVersion::V2,
        } as i32;
        Self {
            version,
            path,
            usage,
            limit,
            high,
            anon,
            file,
            sock,
            oom_kills,
        }
    }
}

impl CgroupSample {
    pub(super) fn into_event(self) -> Option<event::CgroupSample> {
        let Self {
            version,
            path,
            usage,
            limit,
            high,
            anon,
            file,
            sock,
            oom_kills,
        } = self;
        let version = match CgroupVersion::try_from(version).ok()? {
            CgroupVersion::Unknown => return None,
            CgroupVersion::V1 => event::CgroupVersion::V1,
            CgroupVersion::V2 => event::CgroupVersion::V2,
        };
        Some(event::CgroupSample {
            version,
            path,
            usage,
            limit,
            high,
            anon,
            file,
            sock,
            oom_kills,
        })
    }
}
