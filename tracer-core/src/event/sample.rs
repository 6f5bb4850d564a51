//! What `/proc` said at one instant.

/// One line of `/proc/PID/maps`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mapping {
    /// First address.
    pub start: u64,
    /// First address after it.
    pub end: u64,
    /// `PROT_READ` 1, `PROT_WRITE` 2, `PROT_EXEC` 4.
    pub prot: u32,
    /// `MAP_SHARED` rather than `MAP_PRIVATE`.
    pub shared: bool,
    /// Where its pages come from.
    pub backing: Backing,
}

/// Where the pages of a mapping come from.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Backing {
    /// No file. The name is empty, or the kernel's: `[heap]`, `[stack]`, `[anon: Go: heap]`.
    Anonymous {
        /// As in `/proc/PID/maps`.
        name: String,
    },
    /// A file.
    File {
        /// Path as the target sees it.
        path: String,
        /// Offset of the first byte.
        offset: u64,
        /// Inode number.
        inode: u64,
    },
}

/// RSS and its parts, summed over the process, in bytes (`smaps_rollup`, `status`).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct MemorySample {
    /// Resident set size.
    pub rss: u64,
    /// Resident anonymous memory, `LazyFree` included.
    pub anonymous: u64,
    /// Given back with `MADV_FREE`, not yet taken by the kernel.
    pub lazy_free: Option<u64>,
    /// Resident pages of files.
    pub file: Option<u64>,
    /// Resident shared memory (tmpfs, shared anonymous).
    pub shared: Option<u64>,
    /// In huge anonymous pages.
    pub anon_huge: Option<u64>,
    /// Swapped out.
    pub swap: Option<u64>,
    /// Unique set size: private pages only.
    pub private: Option<u64>,
}

/// `/proc/PID/smaps`: who uses what, all read in one pass.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct MemoryDetail {
    /// In address order.
    pub mappings: Vec<MappingUse>,
    /// Nanoseconds the read took: the jitter of the instant.
    pub took_ns: u64,
}

/// One mapping's share of RSS, in bytes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MappingUse {
    /// The mapping.
    pub mapping: Mapping,
    /// Resident.
    pub rss: u64,
    /// Resident and anonymous.
    pub anonymous: u64,
    /// Given back with `MADV_FREE`; `None` on kernels before 4.12.
    pub lazy_free: Option<u64>,
    /// In huge anonymous pages.
    pub anon_huge: u64,
    /// Swapped out.
    pub swap: u64,
}

/// An open file descriptor of the target.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Descriptor {
    /// Its number.
    pub fd: i32,
    /// What it refers to.
    pub kind: DescriptorKind,
}

/// What a descriptor refers to.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum DescriptorKind {
    /// A socket, by inode.
    Socket {
        /// Inode of the socket.
        inode: u64,
    },
    /// A pipe or FIFO.
    Pipe,
    /// `eventfd`, `timerfd`, `epoll`, … as the kernel names it.
    Anonymous(String),
    /// A regular file, directory or device.
    File,
}

/// The memory cgroup the target is in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CgroupSample {
    /// Which hierarchy the numbers come from.
    pub version: CgroupVersion,
    /// Path below the mount point.
    pub path: String,
    /// Bytes charged; on the root of v2 unknown.
    pub usage: Option<u64>,
    /// Hard limit; `None` is unlimited.
    pub limit: Option<u64>,
    /// Soft limit (`memory.high`); `None` is unlimited or v1.
    pub high: Option<u64>,
    /// Anonymous memory charged.
    pub anon: Option<u64>,
    /// Page cache charged.
    pub file: Option<u64>,
    /// Kernel socket buffers charged.
    pub sock: Option<u64>,
    /// Processes the kernel killed here for memory.
    pub oom_kills: Option<u64>,
}

/// The two cgroup hierarchies.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CgroupVersion {
    /// `memory.usage_in_bytes` and friends.
    V1,
    /// `memory.current` and friends.
    V2,
}
