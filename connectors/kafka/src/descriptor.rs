//! Names, options and meaning of Kafka tables; no client.

mod blink;
mod fence;
mod fetch;
mod flink;
mod metadata;
mod offsets;
mod uflink;
mod upsert;

pub(crate) use blink::own_options as blink_options;
pub use blink::{Blink, BlinkOptions};
#[cfg(feature = "client")]
pub(crate) use fence::FENCE;
#[cfg(feature = "client")]
pub(crate) use fetch::FETCH;
pub use flink::{Flink, FlinkOptions};
pub use uflink::{UFlink, UFlinkOptions};
pub use upsert::Upsert;

#[cfg(test)]
mod tests;
