//! Names, options and meaning of HBase tables; no client.

mod cloud;
mod flink;
mod rowkey;
mod uflink;

pub use cloud::{CloudHBase, CloudHBaseOptions};
pub use flink::{Flink, FlinkOptions};
pub use rowkey::{KeyPart, parse as parse_row_key};
pub use uflink::{UFlink, UFlinkOptions};

#[cfg(test)]
mod tests;
