//! The numbers that rules compare with.

#[cfg(test)]
use std::panic::Location;

/// A number that decides. A test changes it, to see whether a recording is then judged otherwise.
#[derive(Clone, Copy)]
pub(crate) struct Threshold {
    value: f64,
    /// Where it is set.
    #[cfg(test)]
    set_at: &'static Location<'static>,
}

impl Threshold {
    #[track_caller]
    pub(super) const fn new(value: f64) -> Self {
        Self {
            value,
            #[cfg(test)]
            set_at: Location::caller(),
        }
    }

    #[cfg(not(test))]
    pub(crate) fn get(self) -> f64 {
        self.value
    }

    #[cfg(test)]
    pub(crate) fn get(self) -> f64 {
        super::mutations::asked(self.set_at, self.value)
    }
}
