//! Reading answers made by hand, and fetching from a cluster in memory.

mod answers;
mod leaders;
mod made;
mod meanings;
