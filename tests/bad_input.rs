//! Each wrong or impossible request: one `error:` line, one `hint:` line, the documented exit code.

mod bad_input {
    mod addresses;
    mod ask;
    mod ends;
    mod flags;
    mod goroutines;
    mod grid;
    mod input;
    mod leftovers;
    mod names;
    mod output;
    mod places;
    mod processes;
    mod rights;
    mod runtimes;
    mod sockets;
    mod streams;
    mod symbols;
}
