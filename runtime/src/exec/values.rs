//! Constant rows as a source: one split that is read once, so that a restarted job does not emit
//! them again.

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_select::concat::concat_batches;
use async_trait::async_trait;
use tidegate_core::source::{BatchLimits, Read, Resolved, Source, SplitReader};
use tidegate_core::split::{Bound, Position, Split, StartMode};
use tidegate_core::types::arrow_schema;
use tidegate_core::{ChangeBatch, Clock, Error, Result};
use tidegate_plan::{Expr, Node};

use crate::expr::{EvalContext, Program, RowErrors};

/// The rows.
pub struct Values {
    rows: RecordBatch,
}

const START: &str = "start";
const DONE: &str = "done";

impl Values {
    /// Of a node with these rows.
    ///
    /// # Errors
    /// Where an expression cannot be computed.
    pub fn new(node: &Node, rows: &[Vec<Expr>], clock: &dyn Clock) -> Result<Self> {
        let schema = arrow_schema(&node.columns);
        let one = RecordBatch::try_new_with_options(
            arrow_schema(&[]),
            Vec::new(),
            &RecordBatchOptions::new().with_row_count(Some(1)),
        )
        .map_err(|e| Error::internal(e.to_string()))?;
        let context = EvalContext { now_micros: clock.now_micros() };
        let mut batches = Vec::new();
        for exprs in rows {
            let mut errors = RowErrors::default();
            let columns = Program::compile(exprs, &[])?.evaluate(&one, &context, &mut errors)?;
            if let Some(e) = errors.errors.first() {
                return Err(Error::user(e.reason.clone()).at(exprs.first().map(|e| e.span).unwrap_or_default()));
            }
            let options = RecordBatchOptions::new().with_row_count(Some(1));
            let row = RecordBatch::try_new_with_options(schema.clone(), columns, &options)
                .map_err(|e| Error::internal(format!("constant rows: {e}")))?;
            batches.push(row);
        }
        let rows = concat_batches(&schema, &batches).map_err(|e| Error::internal(format!("constant rows: {e}")))?;
        Ok(Values { rows })
    }
}

#[async_trait]
impl Source for Values {
    async fn splits(&self) -> Result<Vec<Split>> {
        Ok(vec![Split { id: "values".into(), topic: "VALUES".into(), partition: 0, identity: String::new() }])
    }
    async fn resolve(&self, _: &Split, _: &StartMode) -> Result<Resolved> {
        Ok(Resolved { position: Position(START.into()), skipped: None })
    }
    async fn bound(&self, _: &Split, _: &Bound) -> Result<Option<Position>> {
        Ok(None)
    }
    async fn open(&self, _: &Split, at: &Position, _: Option<&Position>) -> Result<Box<dyn SplitReader>> {
        Ok(Box::new(ValuesReader { rows: (at.0 == START).then(|| self.rows.clone()) }))
    }
}

struct ValuesReader {
    rows: Option<RecordBatch>,
}

impl SplitReader for ValuesReader {
    fn read(&mut self, _: &BatchLimits) -> Result<Read> {
        Ok(self.rows.take().map_or(Read::End, |rows| Read::Rows(ChangeBatch::append(rows), Position(DONE.into()))))
    }
    fn position(&self) -> Position {
        Position(if self.rows.is_some() { START } else { DONE }.into())
    }
}
