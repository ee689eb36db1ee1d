//! Connections to a cluster: configuration, what librdkafka says on the side, and waiting for
//! answers without waiting in vain.

mod admin;
mod context;
mod settings;

pub use admin::{Connection, admin_client};
pub use context::Context;
pub use settings::{Settings, fetch_bytes};
