//! UFlink's `postgre`: known, and refused.

use tidegate_core::options::CheckedOptions;
use tidegate_core::registry::{Connector, Descriptor};
use tidegate_core::table::{TableBinding, TableSpec};
use tidegate_core::{Dialect, Error, Result};

/// A name that says why it does not work.
pub struct Postgre;

impl Connector for Postgre {
    fn descriptor(&self) -> &Descriptor {
        const IT: &Descriptor = &Descriptor {
            names: &["postgre", "postgresql"],
            dialect: Dialect::UFlink,
            options: super::mysql::OWN,
            source: false,
            sink: true,
            lookup: false,
        };
        IT
    }

    fn bind(&self, _: &TableSpec, _: &CheckedOptions) -> Result<TableBinding> {
        Err(Error::user("PostgreSQL tables are not supported: there is no client for its protocol")
            .help("write to MySQL, or run with another sink"))
    }
}
