//! The generator as a source: splits, positions, pace.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow_array::builder::{BinaryBuilder, StringBuilder};
use arrow_array::{ArrayRef, RecordBatch};
use async_trait::async_trait;
use tidegate_core::change::ChangeBatch;
use tidegate_core::clock::{Clock, SystemClock};
use tidegate_core::source::{BatchLimits, Read, Resolved, Source, SplitReader};
use tidegate_core::split::{Bound, Position, Split, StartMode};
use tidegate_core::types::arrow_schema;
use tidegate_core::{Column, Error, Result, SqlType};

use super::columns::Due;
use super::{Rows, Settings};

/// A generated table. Start modes have no meaning here: rows begin with the first.
pub(super) struct DatagenSource {
    name: String,
    columns: Arc<[Column]>,
    settings: Arc<Settings>,
}

impl DatagenSource {
    pub(super) fn new(name: &str, columns: Vec<Column>, settings: Settings) -> Self {
        DatagenSource { name: name.to_owned(), columns: columns.into(), settings: Arc::new(settings) }
    }
}

/// A position: how many rows of the split have been made, and when the source was first started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct At {
    made: u64,
    started_ms: i64,
}

impl At {
    fn position(self) -> Position {
        Position(format!("{}@{}", self.made, self.started_ms))
    }
    fn parse(position: &Position) -> Result<At> {
        let parsed = position
            .0
            .split_once('@')
            .and_then(|(n, t)| Some(At { made: n.parse().ok()?, started_ms: t.parse().ok()? }));
        parsed.ok_or_else(|| Error::user(format!("'{position}' is not a position of datagen")))
    }
}

#[async_trait]
impl Source for DatagenSource {
    async fn splits(&self) -> Result<Vec<Split>> {
        // Other options make other rows under the same positions.
        let identity = format!("datagen seed {} splits {}", self.settings.seed, self.settings.splits);
        let split = |k| Split {
            id: format!("{}-{k}", self.name),
            topic: self.name.clone(),
            partition: k as i32,
            identity: identity.clone(),
        };
        Ok((0..self.settings.splits).map(split).collect())
    }

    async fn resolve(&self, _: &Split, _: &StartMode) -> Result<Resolved> {
        let at = At { made: 0, started_ms: SystemClock.now_millis() };
        Ok(Resolved { position: at.position(), skipped: Some(0) })
    }

    async fn bound(&self, _: &Split, _: &Bound) -> Result<Option<Position>> {
        match self.settings.rows {
            Some(_) => Ok(None),
            None => Err(Error::user(format!("table '{}' never ends: a bounded run would wait for ever", self.name))
                .help("add 'number-of-rows' to its options")),
        }
    }

    async fn open(&self, split: &Split, at: &Position, end: Option<&Position>) -> Result<Box<dyn SplitReader>> {
        let at = At::parse(at)?;
        let (k, n) = (split.partition as u64, self.settings.splits);
        let all = self.settings.rows.map_or(u64::MAX, |rows| rows.saturating_sub(k).div_ceil(n));
        let end = end.map(At::parse).transpose()?.map_or(all, |e| e.made.min(all));
        Ok(Box::new(Reader {
            columns: self.columns.clone(),
            settings: self.settings.clone(),
            split: k,
            at,
            end,
            opened: Instant::now(),
            opened_at: at.made,
        }))
    }
}

struct Reader {
    columns: Arc<[Column]>,
    settings: Arc<Settings>,
    split: u64,
    at: At,
    end: u64,
    opened: Instant,
    opened_at: u64,
}

impl Reader {
    /// How many rows may have been made by now.
    fn due(&self) -> u64 {
        let Some(rate) = self.settings.rate else { return u64::MAX };
        let nanos = self.opened.elapsed().as_nanos() * u128::from(rate) / u128::from(self.settings.splits);
        self.opened_at.saturating_add((nanos / 1_000_000_000) as u64)
    }

    fn make(&self, numbers: &[u64]) -> Result<RecordBatch> {
        let (seed, started_ms) = (self.settings.seed, self.at.started_ms);
        let columns: Vec<ArrayRef> = match &self.settings.rows_of {
            Rows::Fields(fields) => {
                let due = Due { started_ms, rate: self.settings.rate };
                fields.iter().map(|f| f.column(seed, numbers, due)).collect::<Result<_>>()?
            }
            Rows::Messages { classroom, key, message } => {
                let (mut keys, mut messages) = (Texts::default(), Texts::default());
                for n in numbers {
                    let keyed = classroom.write(seed, *n, started_ms, &mut keys.all, &mut messages.all);
                    keys.close(keyed);
                    messages.close(true);
                }
                let mut columns = vec![messages.column(&self.columns[*message].data_type.ty)];
                if let Some(k) = key {
                    columns.insert(*k, keys.column(&self.columns[*k].data_type.ty));
                }
                columns
            }
        };
        RecordBatch::try_new(arrow_schema(&self.columns), columns).map_err(|e| Error::internal(format!("datagen: {e}")))
    }
}

impl SplitReader for Reader {
    fn read(&mut self, limits: &BatchLimits) -> Result<Read> {
        if self.at.made >= self.end {
            return Ok(Read::End);
        }
        let until = Instant::now() + limits.wait;
        let mut due = self.due();
        while due <= self.at.made {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(Read::Nothing);
            }
            std::thread::sleep(left.min(Duration::from_millis(5)));
            due = self.due();
        }
        // A generated message has some 300 bytes.
        let rows = limits.rows.min(limits.bytes / 256 + 1).max(1) as u64;
        let to = self.at.made.saturating_add(rows).min(due).min(self.end);
        let numbers: Vec<u64> = (self.at.made..to).map(|i| self.split + i * self.settings.splits).collect();
        let batch = self.make(&numbers)?;
        self.at.made = to;
        Ok(Read::Rows(ChangeBatch::append(batch), self.position()))
    }

    fn position(&self) -> Position {
        self.at.position()
    }
}

/// Texts one after the other, NULL where there is none.
#[derive(Default)]
struct Texts {
    all: String,
    ends: Vec<(usize, bool)>,
}

impl Texts {
    fn close(&mut self, there: bool) {
        self.ends.push((self.all.len(), there));
    }

    fn column(&self, ty: &SqlType) -> ArrayRef {
        let starts = std::iter::once(0).chain(self.ends.iter().map(|(e, _)| *e));
        let texts = starts.zip(&self.ends).map(|(start, (end, there))| there.then(|| &self.all[start..*end]));
        let (items, bytes) = (self.ends.len(), self.all.len());
        if ty.is_bytes() {
            let mut out = BinaryBuilder::with_capacity(items, bytes);
            texts.for_each(|t| out.append_option(t));
            Arc::new(out.finish())
        } else {
            let mut out = StringBuilder::with_capacity(items, bytes);
            texts.for_each(|t| out.append_option(t));
            Arc::new(out.finish())
        }
    }
}
