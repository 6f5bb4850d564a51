//! Events that stand for others: what one is worth whose stack was taken.
//!
//! The kernel side takes the stack of an event of `b` bytes with the probability
//! `1 - exp(-b / mean)`. One that has a stack counts as the inverse of that: so counts and bytes by
//! stack are right on average, whatever the sizes.

/// How stacks were sampled.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Sampling {
    /// Of so many bytes on average one is drawn, and its event keeps its stack.
    pub mean_bytes: u64,
}

/// How many events one stands for, in parts of [`Weight::WHOLE`]: sums of whole numbers are the
/// same on every machine.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Weight(u64);

impl Sampling {
    /// The weight of an event of so many bytes whose stack was taken.
    #[must_use]
    pub fn weight(self, bytes: u64) -> Weight {
        let taken = -(-(bytes as f64) / self.mean_bytes as f64).exp_m1();
        // Too small to be drawn saturates, and no such event was taken.
        Weight((Weight::WHOLE as f64 / taken).round() as u64)
    }
}

impl Weight {
    /// The parts of one event.
    pub const WHOLE: u64 = 1 << 16;

    /// An event that stands for itself.
    pub const ONE: Self = Self(Self::WHOLE);

    /// The parts that it is worth.
    #[must_use]
    pub const fn parts(self) -> u64 {
        self.0
    }

    /// So much of something, as often as this.
    #[must_use]
    pub fn times(self, amount: u64) -> u64 {
        whole(u128::from(self.0) * u128::from(amount))
    }
}

/// The events that so many parts make, rounded; as many as there can be where they are more.
pub(crate) fn whole(parts: u128) -> u64 {
    let whole = u128::from(Weight::WHOLE);
    u64::try_from((parts + whole / 2) / whole).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(mean_bytes: u64, bytes: u64, count: f64) {
        let weight = Sampling { mean_bytes }.weight(bytes);
        let found = weight.parts() as f64 / Weight::WHOLE as f64;
        assert!((found - count).abs() <= count * 1e-5, "{found}");
        let estimate = weight.times(bytes) as f64;
        let exact = count * bytes as f64;
        assert!((estimate - exact).abs() <= 1.0 + exact * 1e-5, "{estimate}");
    }

    #[test]
    fn an_event_is_worth_the_inverse_of_its_chance() {
        check(524_288, 1, 524_288.5);
        check(524_288, 4096, 128.500_65);
        check(524_288, 65_536, 8.510_41);
        check(524_288, 524_288, 1.581_977);
        check(524_288, 8 << 30, 1.0);
        check(8 << 30, 1, 8_589_934_592.5);
    }

    #[test]
    fn what_cannot_be_taken_does_no_harm() {
        let weight = Sampling { mean_bytes: 4096 }.weight(0);
        assert_eq!((weight.parts(), weight.times(0)), (u64::MAX, 0));
        assert_eq!(Weight::ONE.times(u64::MAX), u64::MAX);
    }
}
