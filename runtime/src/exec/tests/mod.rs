//! Tests of execution as a whole.

mod doubles;
mod graphs;
mod jobs;
mod locals;
mod panics;
mod plans;
mod windows;
