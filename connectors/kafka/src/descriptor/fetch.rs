//! `tidegate.fetch`: who fetches what a source reads. The same in all dialects.

use tidegate_core::options::{OptionKind, OptionSpec};

/// The option.
pub(crate) const FETCH: OptionSpec = OptionSpec::new(
    "tidegate.fetch",
    OptionKind::OneOf(&["direct", "librdkafka"]),
    "Who fetches: Tidegate itself where it can (no TLS or login, Kafka 3.1 or newer), or always librdkafka.",
)
.default("direct");
