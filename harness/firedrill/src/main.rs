//! The firedrill program.
fn main() {}
