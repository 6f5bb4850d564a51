//! The heap at which the next collection ends.

use super::super::layout::Layout;
use super::super::record::Record;

/// Enough of `gcControllerState` for all that is read.
pub(super) const CONTROLLER_SIZE: u64 = 352;

/// Room that the goal leaves above where a collection was triggered.
const RUNWAY: u64 = 64 << 10;

/// Room that it leaves below the memory limit, at least.
const HEADROOM: u64 = 1 << 20;

/// As `gcController.heapGoal()` computes it (`heapGoalInternal` and `memoryLimitHeapGoal` in
/// `runtime/mgcpacer.go`, Go 1.19 to 1.27); before, it is stored.
pub(super) fn of(controller: Record<'_>, layout: &Layout) -> u64 {
    let fields = &layout.controller;
    let value = |field: Option<u64>| field.map_or(0, |field| controller.u64(field));
    let by_percent = value(fields.heap_goal);
    if fields.memory_limit.is_none() {
        return by_percent;
    }
    let percent_of_headroom = if layout.minor >= 21 { 3 } else { 0 };
    let by_limit = Limited {
        limit: value(fields.memory_limit),
        ready: value(fields.mapped_ready),
        heap: value(fields.heap_free)
            .wrapping_add(value(fields.total_alloc))
            .wrapping_sub(value(fields.total_free)),
        marked: value(fields.heap_marked),
    }
    .goal(percent_of_headroom);
    if by_limit < by_percent {
        return by_limit;
    }
    let goal = by_percent.max(value(fields.sweep_min_trigger));
    match value(fields.triggered) {
        u64::MAX => goal,
        triggered => goal.max(triggered.saturating_add(RUNWAY)),
    }
}

/// What the goal under a memory limit depends on.
#[derive(Clone, Copy, Debug)]
struct Limited {
    limit: u64,
    /// Mapped and not given back.
    ready: u64,
    /// Free heap and objects.
    heap: u64,
    marked: u64,
}

impl Limited {
    fn goal(self, percent_of_headroom: u64) -> u64 {
        let other = self.ready.saturating_sub(self.heap);
        let overage = self.ready.saturating_sub(self.limit);
        let taken = other.saturating_add(overage);
        if taken >= self.limit {
            return self.marked;
        }
        let goal = self.limit - taken;
        let headroom = (goal / 100 * percent_of_headroom).max(HEADROOM);
        let goal = goal.saturating_sub(headroom).max(headroom);
        goal.max(self.marked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[track_caller]
    fn check(limit: u64, ready: u64, heap: u64, expected: u64) {
        let limited = Limited {
            limit: limit * MIB,
            ready: ready * MIB,
            heap: heap * MIB,
            marked: 5 * MIB,
        };
        assert_eq!(limited.goal(0), expected * MIB);
    }

    #[test]
    fn goals_under_a_limit() {
        check(100, 50, 40, 89);
        check(100, 120, 110, 69);
        check(100, 90, 0, 9);
        check(100, 150, 10, 5);
        check(1, 0, 0, 5);
    }

    #[test]
    fn headroom_grows_with_the_goal_from_1_21_on() {
        let limited = Limited {
            limit: 1000 * MIB,
            ready: 0,
            heap: 0,
            marked: 0,
        };
        assert_eq!(limited.goal(0), 999 * MIB);
        assert_eq!(limited.goal(3), 1000 * MIB - 1000 * MIB / 100 * 3);
    }
}
