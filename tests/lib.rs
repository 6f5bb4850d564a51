//! Support for the black-box tests: build Go programs, run the tool, read its report.
