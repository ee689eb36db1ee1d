//! The casts of a chain: which change a text, and the one that ends it.

use tidegate_core::Scalar;
use tidegate_core::scan::{CastFlavor, CastRule};
use tidegate_core::types::{DataType, MAX_LENGTH, SqlType};

use crate::text::cast;
use crate::text::zone::Zone;

/// Whether a cast of text to a text type changes anything: only Flink's to CHAR(n) and VARCHAR(n) does.
pub(crate) fn changes_text(to: &SqlType, rule: CastRule) -> bool {
    rule.flavor == CastFlavor::Flink && !matches!(to, SqlType::VarChar(MAX_LENGTH))
}

/// Text cast to a text type.
pub(crate) fn fit(text: String, to: &SqlType, rule: CastRule) -> String {
    if changes_text(to, rule) { cast::fit_text(&text, to).into_owned() } else { text }
}

/// Text cast to any other type.
pub(crate) fn text_to(text: &str, to: &DataType, rule: CastRule, zone: &Zone) -> Result<Scalar, String> {
    cast::text_to_scalar(text, &to.ty, rule.flavor, zone).map_err(|problem| problem.reason(text))
}
