//! Recovery steps: each one file, and one line in [`perform`].

pub mod redrive;
