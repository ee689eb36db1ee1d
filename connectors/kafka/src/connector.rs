//! Descriptors with the client behind them. What a table means differs, opening it does not.

use std::sync::Arc;

use async_trait::async_trait;
use tidegate_core::Result;
use tidegate_core::options::CheckedOptions;
use tidegate_core::registry::{Connector, Descriptor};
use tidegate_core::sink::OpenSink;
use tidegate_core::source::Source;
use tidegate_core::table::{BoundTable, TableBinding, TableSpec};

use crate::open;

/// A spelling of Kafka tables that can be opened.
pub(crate) struct Opening<D>(pub(crate) D);

#[async_trait]
impl<D: Connector> Connector for Opening<D> {
    fn descriptor(&self) -> &Descriptor {
        self.0.descriptor()
    }
    fn declare(&self, table: TableSpec) -> Result<TableSpec> {
        self.0.declare(table)
    }
    fn bind(&self, table: &TableSpec, options: &CheckedOptions) -> Result<TableBinding> {
        self.0.bind(table, options)
    }
    async fn open_source(&self, table: &BoundTable) -> Result<Arc<dyn Source>> {
        open::source(table)
    }
    async fn open_sink(&self, table: &BoundTable) -> Result<OpenSink> {
        open::sink(table).await
    }
}
