//! Readers: each turns the key or value of a message into the slots of a row, in its own way.

use tidegate_core::raw::ByteRange;
use tidegate_core::scan::Root;

use super::csv::CsvLines;
use super::problem::OnBad;
use crate::json::program::Program;
use crate::json::run::{Runner, Slot};
use crate::json::scan::{Broken, Kind};

/// How a reader finds values.
#[derive(Debug)]
pub(crate) enum Way {
    /// The bytes as a whole are the only value.
    Whole,
    /// Paths of JSON functions over text: a broken document has no values.
    Chains(Program, Runner),
    /// Columns of the json format: a broken document is a broken record.
    Columns(Program, Runner),
    /// Columns of delimited text.
    Csv(CsvLines),
}

/// One way of reading one half of the messages.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(crate) root: Root,
    pub(crate) way: Way,
    pub(crate) on_broken: OnBad,
    /// Slots of a row.
    pub(crate) width: usize,
    /// The slots of the chunk's rows.
    pub(crate) slots: Vec<Slot>,
    /// Rows that the program could not read by itself.
    pub(crate) slow: Vec<bool>,
}

/// How reading a message went.
pub(crate) enum ReadOutcome {
    Fine,
    /// No record by rule: a comment.
    Nothing,
    /// Not JSON, and by the rule of JSON functions all NULL.
    NotJson(Broken),
    /// No record.
    Broken(String),
}

impl Reader {
    pub(crate) fn new(root: Root, way: Way, on_broken: OnBad) -> Self {
        let width = match &way {
            Way::Whole => 1,
            Way::Chains(program, _) | Way::Columns(program, _) => program.slots(),
            Way::Csv(lines) => lines.columns,
        };
        Reader { root, way, on_broken, width, slots: Vec::new(), slow: Vec::new() }
    }

    /// Makes room for a chunk.
    pub(crate) fn start(&mut self, rows: usize) {
        self.slots.resize(rows * self.width, Slot::MISSING);
        self.slow.clear();
        self.slow.resize(rows, false);
        match &mut self.way {
            Way::Chains(_, runner) | Way::Columns(_, runner) => runner.arena.clear(),
            Way::Csv(lines) => lines.arena.clear(),
            Way::Whole => {}
        }
    }

    /// Reads one message into the slots of `row`.
    #[inline]
    pub(crate) fn read(&mut self, data: &[u8], range: Option<ByteRange>, row: usize) -> ReadOutcome {
        let slots = &mut self.slots[row * self.width..(row + 1) * self.width];
        let Some(ByteRange { start, end }) = range else {
            slots.fill(Slot::NULL);
            self.slow[row] = false;
            return ReadOutcome::Fine;
        };
        let (from, to) = (start as usize, end as usize);
        match &mut self.way {
            Way::Whole => slots[0] = Slot { start, end, kind: Kind::Text, arena: false },
            Way::Chains(program, runner) => match runner.read(program, data, from, to, slots) {
                Ok(slow) => self.slow[row] = slow,
                Err(mut broken) => {
                    slots.fill(Slot::MISSING);
                    self.slow[row] = false;
                    broken.at = broken.at.saturating_sub(from);
                    return ReadOutcome::NotJson(broken);
                }
            },
            Way::Columns(program, runner) => {
                let from = if data[from..to].starts_with(b"\xef\xbb\xbf") { from + 3 } else { from };
                if let Err(mut broken) = runner.read(program, data, from, to, slots) {
                    broken.at = broken.at.saturating_sub(from);
                    return ReadOutcome::Broken(broken.to_string());
                }
            }
            Way::Csv(lines) => {
                if lines.is_comment(&data[from..to]) {
                    return ReadOutcome::Nothing;
                }
                if let Err(reason) = lines.read(data, from, to, slots) {
                    return ReadOutcome::Broken(reason);
                }
            }
        }
        ReadOutcome::Fine
    }

    /// A slot of a row, and its bytes.
    #[inline(always)]
    pub(crate) fn value<'a>(&'a self, data: &'a [u8], row: usize, slot: usize) -> (Slot, &'a [u8]) {
        let slot = self.slots[row * self.width + slot];
        let bytes = if slot.arena { self.arena() } else { data };
        (slot, bytes.get(slot.start as usize..slot.end as usize).unwrap_or(&[]))
    }

    /// A slot of a row, and the bytes it points into.
    #[inline(always)]
    pub(crate) fn place<'a>(&'a self, data: &'a [u8], row: usize, slot: usize) -> (Slot, &'a [u8]) {
        let slot = self.slots[row * self.width + slot];
        (slot, if slot.arena { self.arena() } else { data })
    }

    /// Whether all slots of the chunk point into the messages, and no row is slow.
    pub(crate) fn is_plain(&self) -> bool {
        self.arena().is_empty() && !self.slow.contains(&true)
    }

    fn arena(&self) -> &[u8] {
        match &self.way {
            Way::Chains(_, runner) | Way::Columns(_, runner) => &runner.arena,
            Way::Csv(lines) => &lines.arena,
            Way::Whole => &[],
        }
    }
}
