//! `blackhole`: rows are counted and thrown away. For measuring.

use async_trait::async_trait;
use tidegate_core::Result;
use tidegate_core::dialect::Dialect;
use tidegate_core::options::{CheckedOptions, OptionKind, OptionSpec};
use tidegate_core::registry::{Connector, Descriptor};
use tidegate_core::sink::{OpenSink, SinkInput, SinkLevel};
use tidegate_core::table::{BoundTable, Resource, SinkChanges, TableBinding, TableSpec};

use super::option;

const OPTIONS: &[OptionSpec] =
    &[option("property-version", OptionKind::Ignored, "1", "there is one version of the options")];

pub(super) struct Blackhole {
    descriptor: Descriptor,
}

impl Blackhole {
    pub(super) fn new(dialect: Dialect) -> Self {
        let descriptor =
            Descriptor { names: &["blackhole"], dialect, options: OPTIONS, source: false, sink: true, lookup: false };
        Blackhole { descriptor }
    }
}

#[async_trait]
impl Connector for Blackhole {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn bind(&self, _: &TableSpec, _: &CheckedOptions) -> Result<TableBinding> {
        let mut binding = TableBinding::new(Resource::Own);
        binding.sink = SinkChanges::All;
        Ok(binding)
    }

    async fn open_sink(&self, table: &BoundTable) -> Result<OpenSink> {
        let identity = format!("blackhole {}", table.spec.name);
        Ok(OpenSink { input: SinkInput::Columns, level: SinkLevel::Discard, identity })
    }
}
