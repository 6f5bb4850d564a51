//! The Linux side.
