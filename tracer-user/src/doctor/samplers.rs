//! What the kernel tells about memory in `/proc` and the cgroups, tried on ourselves.

use std::io;

use humansize::{BINARY, format_size};
use tracer_core::event::{CgroupSample, CgroupVersion};

use super::Finding;
use crate::proc::{SHORT, cgroup, memory, read_capped, smaps};

/// Our own smaps is far smaller.
const SMAPS: u64 = 16 << 20;

pub(super) fn smaps_rollup() -> Finding {
    let text = read_capped("/proc/self/smaps_rollup", SHORT);
    let sample = text.map(|text| memory::parse_rollup(&text, None));
    match sample {
        Ok(Some(_)) => Finding::ok("RSS and its parts in one read"),
        Ok(None) => rollup_missing("it is incomplete"),
        Err(error) => rollup_missing(&error.to_string()),
    }
}

fn rollup_missing(why: &str) -> Finding {
    Finding::limited(
        format!("{why}: LazyFree and huge pages are not told"),
        "use Linux 4.14 or newer, built with CONFIG_PROC_PAGE_MONITOR",
    )
}

pub(super) fn lazy_free() -> Finding {
    let text = read_capped("/proc/self/smaps", SMAPS);
    lazy_free_told(text.map(|text| smaps::tells_lazy_free(&text)))
}

fn lazy_free_told(told: io::Result<bool>) -> Finding {
    let hint = "use Linux 4.12 or newer, built with CONFIG_PROC_PAGE_MONITOR";
    match told {
        Ok(true) => Finding::ok("smaps tells memory given back with MADV_FREE"),
        Ok(false) => Finding::limited("smaps does not tell memory given back with MADV_FREE", hint),
        Err(error) => Finding::limited(format!("smaps cannot be read ({error})"), hint),
    }
}

pub(super) fn memory_cgroup() -> Finding {
    cgroup_found(cgroup::read(std::process::id()))
}

pub(super) fn cgroup_found(sample: io::Result<CgroupSample>) -> Finding {
    match sample {
        Ok(sample) => {
            let version = match sample.version {
                CgroupVersion::V1 => "v1",
                CgroupVersion::V2 => "v2",
            };
            let limit = sample.limit.map_or("no limit".to_owned(), |limit| {
                format!("limit {}", format_size(limit, BINARY))
            });
            Finding::ok(format!("{version} {}, {limit}", sample.path))
        }
        Err(error) => Finding::limited(
            format!("not read ({error}): limits and OOM kills are not told"),
            "mount the cgroup hierarchy of the machine, in a container with its cgroup namespace",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Status;

    #[track_caller]
    fn check(found: &Finding, status: Status, detail: &str) {
        assert_eq!((found.status, found.detail.as_str()), (status, detail));
        assert_eq!(found.hint.is_some(), status != Status::Ok);
    }

    fn sample(version: CgroupVersion, limit: Option<u64>) -> CgroupSample {
        let path = "/a".to_owned();
        let none = None;
        CgroupSample {
            version,
            path,
            usage: none,
            limit,
            high: none,
            anon: none,
            file: none,
            sock: none,
            oom_kills: none,
        }
    }

    #[test]
    fn cgroups() {
        check(
            &cgroup_found(Ok(sample(CgroupVersion::V1, None))),
            Status::Ok,
            "v1 /a, no limit",
        );
        check(
            &cgroup_found(Ok(sample(CgroupVersion::V2, Some(1 << 30)))),
            Status::Ok,
            "v2 /a, limit 1 GiB",
        );
        check(
            &cgroup_found(Err(io::Error::other("not mounted"))),
            Status::Limited,
            "not read (not mounted): limits and OOM kills are not told",
        );
    }

    #[test]
    fn smaps_of_kernels() {
        check(
            &lazy_free_told(Ok(true)),
            Status::Ok,
            "smaps tells memory given back with MADV_FREE",
        );
        check(
            &lazy_free_told(Ok(false)),
            Status::Limited,
            "smaps does not tell memory given back with MADV_FREE",
        );
        check(
            &lazy_free_told(Err(io::Error::other("x"))),
            Status::Limited,
            "smaps cannot be read (x)",
        );
        check(
            &rollup_missing("x"),
            Status::Limited,
            "x: LazyFree and huge pages are not told",
        );
    }
}
