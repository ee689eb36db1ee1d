//! Kafka as a source, in the spelling of every dialect: where reading starts and ends, which topics,
//! what of a record becomes columns, and what a consumer group is told.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod bounds;
mod columns;
mod dialects;
mod fetching;
mod groups;
mod isolation;
mod reading;
mod starts;
mod topics;
mod upsert;
