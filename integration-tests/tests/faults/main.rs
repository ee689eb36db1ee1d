//! What goes wrong around a job: its directory, its targets, its disk.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "tests fail by panicking")]

mod copies;
mod disks;
mod fences;
mod outages;
