//! `tracer holders` against programs whose owners are known: who it says keeps their objects is who
//! does, plain and stripped, or nobody.

mod holders {
    pub(crate) mod answer;
    pub(crate) mod extended;
    pub(crate) mod gorilla;
    pub(crate) mod healthy;
    pub(crate) mod recorded;
    pub(crate) mod ways;
}

use holders::ways::release;

tracer_tests::releases!(release);
