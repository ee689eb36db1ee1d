//! What goes wrong around a job: its directory, its targets, its disk.

mod copies;
mod disks;
mod fences;
mod outages;
