//! `tidegate.fence`: where an exactly-once sink keeps how far it is. The same in all dialects.

use tidegate_core::options::{CheckedOptions, OptionKind, OptionSpec};
use tidegate_core::table::TableBinding;

/// The option.
pub(crate) const FENCE: OptionSpec = OptionSpec::new(
    "tidegate.fence",
    OptionKind::OneOf(&["topic", "group"]),
    "Where exactly-once writes keep how far they are: a compacted topic, or the offset of a consumer group.",
)
.default("topic");

const LIMIT: &str = "the fence is an offset of a consumer group, which the broker forgets \
    offsets.retention.minutes (7 days by default) after it was last written, daily at the latest: after a longer \
    downtime the job refuses to start where rows may or may not have been applied (--reset-fence), and an older copy \
    of its directory is no longer told apart";

/// What the option means for a table.
pub(super) fn apply(binding: &mut TableBinding, options: &CheckedOptions) {
    if options.get(FENCE.name) != Some("group") {
        return;
    }
    if binding.exactly_once {
        binding.limit = Some(LIMIT.to_owned());
    } else {
        binding.notes.push(format!("option '{}' has no effect here: at least once needs no fence", FENCE.name));
    }
}
