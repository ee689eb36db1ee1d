//! Windows over event time or processing time.
//!
//! A window fires once the watermark has reached its last instant, and then its state is gone. A row
//! is late for a window exactly if the watermark in force when its record was read had already
//! reached that instant: [`crate::batch::Batch::marks`] says so row by row, which does not depend on
//! how rows are batched. Rows that are late for all their windows are counted. Windows over
//! processing time fire by the clock, and at the end of the input: unlike Flink's they are not lost
//! there.
//!
//! Where an exchange stands before an aggregate, a local part stands before that ([`local`]).

pub mod aggregate;
pub mod assign;
mod by_window;
mod intake;
pub mod local;
#[cfg(test)]
mod local_tests;
mod part;
mod partials;
pub mod session;
pub mod table;
mod tables;
#[cfg(test)]
mod tests;

use arrow_array::{Array, ArrayRef};
use tidegate_core::Result;

use self::assign::millis;
use crate::batch::Batch;
use crate::operator::{BadRow, Output};

/// The times of a batch in ms, and for each row whether it has one; rows without go to
/// [`Output::bad_row`], if they are among the selected ones.
///
/// # Errors
/// Where the policy is to stop.
fn times(
    batch: &Batch,
    time: Option<usize>,
    selected: Option<&[u32]>,
    now_ms: i64,
    out: &mut dyn Output,
) -> Result<(Vec<i64>, Option<ArrayRef>)> {
    let Some(time) = time else { return Ok((vec![now_ms; batch.len()], None)) };
    let column = batch.change.rows.column(time);
    if column.null_count() == 0 {
        return Ok((millis(column)?, None));
    }
    for row in rows(batch, selected).filter(|i| column.is_null(*i)) {
        let name = batch.change.rows.schema().field(time).name().clone();
        let origin = batch.origin.clone().map(|o| (o, row));
        out.bad_row(BadRow {
            origin,
            reason: format!("the event time {name} is NULL, so the row belongs to no window"),
            class: "null-time",
        })?;
    }
    Ok((millis(column)?, Some(column.clone())))
}

/// The selected rows of a batch, or all.
fn rows(batch: &Batch, selected: Option<&[u32]>) -> impl Iterator<Item = usize> {
    let n = selected.map_or(batch.len(), <[u32]>::len);
    (0..n).map(move |i| selected.map_or(i, |rows| rows[i] as usize))
}
