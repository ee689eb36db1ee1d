//! Asking the engine for the value of an expression or the changes of a query, in this process: no
//! files, no child.

use std::sync::Arc;

use tidegate_core::clock::SystemClock;
use tidegate_core::registry::Registry;
use tidegate_core::{Column, Dialect, Error};
use tidegate_sql::{PlanOptions, plan_query};

use crate::javatext;

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It ran.
    Rows {
        /// `[INT, STRING NOT NULL]`
        types: String,
        /// The only value as `'text'`, `x00ff`, `NULL` or as it is; the changes of a query as
        /// `+I[1, x] ; -U[1, x]`.
        rows: String,
    },
    /// It was refused before it ran.
    Refused(String),
    /// It ran into an error.
    Failed(String),
}

/// Asks in a dialect, with settings.
pub struct Asker {
    dialect: Dialect,
    settings: Vec<(String, String)>,
    runtime: tokio::runtime::Runtime,
}

impl Asker {
    /// Every change of every row, as Flink's plain mode gives them; in UTC until set otherwise.
    pub fn new(dialect: Dialect) -> Self {
        let mut asker = Self::with(dialect, &[]);
        asker.reset();
        asker
    }
    /// With these settings and the dialect's own defaults.
    pub fn with(dialect: Dialect, settings: &[(&str, &str)]) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let settings = settings.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Asker { dialect, settings, runtime }
    }
    /// Sets a key.
    pub fn set(&mut self, key: &str, value: &str) {
        self.settings.retain(|(k, _)| k != key);
        self.settings.push((key.to_owned(), value.to_owned()));
    }
    /// Back to how it began.
    pub fn reset(&mut self) {
        self.settings = vec![
            ("table.local-time-zone".to_owned(), "UTC".to_owned()),
            ("table.exec.mini-batch.enabled".to_owned(), "false".to_owned()),
        ];
    }
    /// `SELECT …`, or a bare expression.
    pub fn ask(&self, text: &str) -> Answer {
        let is_query = text.get(..6).is_some_and(|t| t.eq_ignore_ascii_case("select"));
        let query = if is_query { text.to_owned() } else { format!("SELECT {text}") };
        let registry = Registry::new();
        let mut options = PlanOptions::new(&registry);
        options.settings.clone_from(&self.settings);
        options.dialect = Some(self.dialect);
        let planned = match plan_query("", &query, &options) {
            Ok(planned) => planned,
            Err(all) => return Answer::Refused(join(&all)),
        };
        let types: Vec<String> = planned.columns.iter().map(|c| c.data_type.to_string()).collect();
        let changes = tidegate_runtime::job::query_changes(
            Arc::new(planned.plan),
            Arc::new(registry),
            Arc::new(SystemClock),
            None,
            None,
        );
        match self.runtime.block_on(changes) {
            Err(e) => Answer::Failed(e.to_string()),
            Ok((columns, batches)) => {
                let mut rows = Vec::new();
                for b in &batches {
                    let arrays = b.rows.columns();
                    rows.extend((0..b.len()).map(|i| match &columns[..] {
                        [only] if !is_query => value(&arrays[0], i, only),
                        _ => javatext::show_row(b.kind(i).symbol(), arrays, &columns, i),
                    }));
                }
                Answer::Rows { types: format!("[{}]", types.join(", ")), rows: rows.join(" ; ") }
            }
        }
    }
}

fn value(array: &arrow_array::ArrayRef, i: usize, column: &Column) -> String {
    let ty = &column.data_type.ty;
    match javatext::show(array, i, ty) {
        _ if arrow_array::Array::is_null(array, i) => "NULL".to_owned(),
        text if ty.is_text() => format!("'{text}'"),
        text => text,
    }
}

fn join(errors: &[Error]) -> String {
    errors.iter().map(Error::to_string).collect::<Vec<_>>().join(" | ")
}
