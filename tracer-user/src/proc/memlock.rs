//! `RLIMIT_MEMLOCK`: before Linux 5.11 it bounds what BPF maps may take.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::release;

/// From here on BPF memory is charged to the memory cgroup, and the limit is of no concern.
pub(crate) const CHARGED_TO_CGROUP: (u64, u64) = (5, 11);

const UNLIMITED: Rlimit = Rlimit {
    current: None,
    maximum: None,
};

/// Raises the limit as far as it goes. Says so when BPF maps may not fit all the same, which is
/// no reason to stop: the kernel answers when the maps are made.
#[must_use]
pub fn raise() -> Option<String> {
    let before = getrlimit(Resource::Memlock);
    if before == UNLIMITED || setrlimit(Resource::Memlock, UNLIMITED).is_ok() {
        return None;
    }
    let maximum = before.maximum;
    // What is left without CAP_SYS_RESOURCE. When even that is refused, the old limit is said.
    let raised = setrlimit(
        Resource::Memlock,
        Rlimit {
            current: maximum,
            maximum,
        },
    );
    let reached = if raised.is_ok() {
        maximum
    } else {
        before.current
    };
    warning(reached, release::read().ok()?.version)
}

fn warning(reached: Option<u64>, version: (u64, u64)) -> Option<String> {
    let bytes = reached.filter(|_| version < CHARGED_TO_CGROUP)?;
    let (major, minor) = version;
    Some(format!(
        "BPF maps of Linux {major}.{minor} are bound by RLIMIT_MEMLOCK, which stays at {bytes} bytes \
         without CAP_SYS_RESOURCE"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_old_kernels_are_worth_a_warning() {
        assert_eq!(warning(Some(65536), (5, 11)), None);
        assert_eq!(warning(Some(65536), (6, 1)), None);
        assert_eq!(warning(None, (5, 10)), None);
        assert_eq!(
            warning(Some(65536), (5, 10)).as_deref(),
            Some(
                "BPF maps of Linux 5.10 are bound by RLIMIT_MEMLOCK, which stays at 65536 bytes without CAP_SYS_RESOURCE"
            ),
        );
    }

    #[test]
    fn the_limit_never_falls() {
        let rank = |limit: Option<u64>| limit.unwrap_or(u64::MAX);
        let before = rank(getrlimit(Resource::Memlock).current);
        let _ = raise();
        assert!(rank(getrlimit(Resource::Memlock).current) >= before);
    }
}
