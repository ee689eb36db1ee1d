//! The sending side of a cut: splits batches by the hash of columns and hands them to the inboxes
//! of the tasks behind the cut.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{Array, ArrayRef, NullArray, UInt32Array};
use tidegate_core::Result;

use crate::batch::{Batch, Local};
use crate::hash::{hash_columns, owner};

use super::graph::Route;
use super::inbox::{Inbox, Message};

/// One sending task's end of a cut.
pub struct Exchange {
    route: Route,
    /// Index of the sending task.
    task: usize,
    /// Inbox and channel of every receiving task.
    targets: Vec<(Arc<Inbox>, usize)>,
}

impl Exchange {
    /// The end of task `task`.
    pub fn new(route: Route, task: usize, targets: Vec<(Arc<Inbox>, usize)>) -> Self {
        Exchange { route, task, targets }
    }

    /// Sends rows. The order of the rows of one key is kept. Where they came from is forgotten, since
    /// it would keep the undecoded bytes alive in every queue, but for batches with a NULL key: the
    /// target may refuse that row, and then has to say where it came from.
    ///
    /// # Errors
    /// Where the job is being torn down or a key cannot be hashed.
    pub fn rows(&self, mut batch: Batch) -> Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        let Route::Hash(columns) = &self.route else {
            batch.origin = None;
            return self.to(self.task % self.targets.len(), batch);
        };
        let partial = batch.local == Some(Local::Partials);
        if partial || columns.iter().flatten().all(|c| batch.change.rows.column(*c).null_count() == 0) {
            batch.origin = None;
        }
        if self.targets.len() == 1 || columns.is_empty() {
            return self.to(0, batch);
        }
        // Partial results go where the rows they were made of would have gone.
        let hashes = if partial {
            batch.change.rows.column(0).as_primitive::<UInt64Type>().values().to_vec()
        } else {
            hashes(columns, &batch)?
        };
        let tasks = self.targets.len() as u32;
        let mut of: Vec<Vec<u32>> = vec![Vec::new(); self.targets.len()];
        for (row, hash) in hashes.into_iter().enumerate() {
            of[owner(hash, tasks) as usize].push(row as u32);
        }
        for (target, rows) in of.into_iter().enumerate() {
            if rows.len() == batch.len() {
                return self.to(target, batch);
            }
            if !rows.is_empty() {
                self.to(target, batch.take(&UInt32Array::from(rows))?)?;
            }
        }
        Ok(())
    }

    /// Sends a watermark or barrier to every receiver.
    ///
    /// # Errors
    /// Where the job is being torn down.
    pub fn broadcast(&self, message: &Message) -> Result<()> {
        self.targets.iter().try_for_each(|(inbox, channel)| inbox.send(*channel, message.clone()))
    }

    fn to(&self, target: usize, batch: Batch) -> Result<()> {
        let (inbox, channel) = &self.targets[target];
        inbox.send(*channel, Message::Batch(Box::new(batch)))
    }
}

fn hashes(columns: &[Option<usize>], batch: &Batch) -> Result<Vec<u64>> {
    let keys: Vec<ArrayRef> = columns
        .iter()
        .map(|c| match c {
            Some(c) => batch.change.rows.column(*c).clone(),
            None => Arc::new(NullArray::new(batch.len())),
        })
        .collect();
    hash_columns(&keys, batch.len())
}
