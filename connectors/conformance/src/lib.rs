//! The test kit that every sink must pass, ours or a user's.
//!
//! A sink's author writes a test that hands the kit two things: how to open the sink (each opening
//! as another process would, over one target that is empty at first) and how to read the target
//! back. The kit then does what a runtime and its crashes do: claims, applies, repeats, leaves gaps,
//! comes back as another incarnation, drops calls half-way. It answers with the first obligation of
//! [`tidegate_core::sink`] that was not kept, in words.
//!
//! ```
//! # use tidegate_conformance::{doubles::Memory, fenced_sink};
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let target = Memory::new();
//! fenced_sink(async || Ok(target.open()), async || Ok(target.rows())).await.unwrap();
//! # }
//! ```
//! A table for the kit has the columns of [`rows::columns`], keyed by `id` or not; a message sink gets
//! values that [`rows::number_of`] reads back.
//!
//! [`doubles`] are sinks in memory with one fault each. The kit's own tests show that it finds them
//! all; whoever changes the kit should add the fault it looks for.

mod append;
pub mod doubles;
mod failure;
mod fenced;
pub mod rows;
mod upsert;

pub use append::append_sink;
pub use failure::Failure;
pub use fenced::fenced_sink;
pub use upsert::upsert_sink;
