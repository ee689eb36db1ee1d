//! NOT, IS NULL, IS TRUE.

use std::sync::Arc;

use arrow_array::{Array, BooleanArray};
use arrow_buffer::BooleanBuffer;
use arrow_schema::DataType as ArrowType;

use super::branch::tristate;
use super::kernel::Kernel;
use super::value::booleans;

/// `NOT a`
pub(super) fn not() -> Kernel {
    Box::new(|call| {
        let values = call.booleans(0)?;
        Ok(booleans(call.rows, |i| values.get(i).map(|b| !b)))
    })
}

/// `a IS NULL`, or with `negated` IS NOT NULL.
pub(super) fn is_null(negated: bool) -> Kernel {
    Box::new(move |call| {
        let array = &call.args[0].array;
        let valid = match array.nulls() {
            _ if array.data_type() == &ArrowType::Null => BooleanBuffer::new_unset(call.rows),
            None => BooleanBuffer::new_set(call.rows),
            Some(nulls) => nulls.inner().clone(),
        };
        Ok(Arc::new(BooleanArray::new(if negated { valid } else { !&valid }, None)))
    })
}

/// `a IS [NOT] TRUE|FALSE`; never NULL.
pub(super) fn is_bool(value: bool, negated: bool) -> Kernel {
    Box::new(move |call| {
        let (truth, falsity) = tristate(&call.args[0], call.rows)?;
        let bits = if value { truth } else { falsity };
        Ok(Arc::new(BooleanArray::new(if negated { !&bits } else { bits }, None)))
    })
}
