//! Each wrong or impossible request: one `error:` line, one `hint:` line, the documented exit code.

mod bad_input {
    mod addresses;
    mod ask;
    mod ends;
    mod flags;
    mod grid;
    mod input;
    mod leftovers;
    mod names;
    mod output;
    mod places;
    mod processes;
    mod rights;
    mod streams;
    mod symbols;
}
