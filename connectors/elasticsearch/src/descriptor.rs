//! Names, options and meaning of Elasticsearch tables; no client.

mod blink;
mod flink;
mod uflink;

pub use blink::{Blink, BlinkOptions};
pub use flink::{Flink, FlinkOptions};
pub use uflink::{UFlink, UFlinkOptions};

#[cfg(test)]
mod tests;
