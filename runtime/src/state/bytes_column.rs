//! One byte string or NULL a group: short ones in place, longer ones in a shared arena. Replacing a
//! value allocates nothing.

use tidegate_formats::text::buffer::WideBuffer;

use super::physical::BytesView;
use tidegate_formats::text::short;

/// Byte strings by dense index.
#[derive(Debug, Default)]
pub struct BytesColumn {
    arena: Vec<u8>,
    cells: Vec<Cell>,
    dead: usize,
}

/// Up to [`INLINE`] bytes in place; longer: where they start (u64) and how much room is there (u32).
#[derive(Debug, Clone, Copy)]
struct Cell {
    len: u32,
    data: [u8; INLINE],
}

/// A date and time as text, the longest value that many jobs keep, has 19.
const INLINE: usize = 20;
const NULL: u32 = u32::MAX;
const EMPTY: Cell = Cell { len: NULL, data: [0; INLINE] };
const COMPACT_FROM: usize = 1 << 16;

impl Cell {
    fn is_outside(self) -> bool {
        self.len != NULL && self.len as usize > INLINE
    }
    fn start(self) -> usize {
        let d = self.data;
        u64::from_le_bytes([d[0], d[1], d[2], d[3], d[4], d[5], d[6], d[7]]) as usize
    }
    fn room(self) -> usize {
        let d = self.data;
        if self.is_outside() { u32::from_le_bytes([d[8], d[9], d[10], d[11]]) as usize } else { 0 }
    }
    fn outside(len: usize, start: usize, room: usize) -> Cell {
        let mut data = [0; INLINE];
        data[..8].copy_from_slice(&(start as u64).to_le_bytes());
        data[8..12].copy_from_slice(&(room as u32).to_le_bytes());
        Cell { len: len as u32, data }
    }
    fn inline(value: &[u8]) -> Cell {
        let mut data = [0; INLINE];
        short::copy(&mut data[..value.len()], value);
        Cell { len: value.len() as u32, data }
    }
}

impl BytesColumn {
    /// Makes indices below `n` valid; new ones are NULL.
    pub fn grow(&mut self, n: usize) {
        if n > self.cells.len() {
            self.cells.resize(n, EMPTY);
        }
    }
    /// Whether there is a value at an index.
    pub fn is_valid(&self, i: u32) -> bool {
        self.cells[i as usize].len != NULL
    }
    /// The value at an index; NULL is empty.
    pub fn get(&self, i: u32) -> &[u8] {
        let cell = &self.cells[i as usize];
        match cell.len {
            NULL => &[],
            len if len as usize <= INLINE => &cell.data[..len as usize],
            len => &self.arena[cell.start()..cell.start() + len as usize],
        }
    }
    /// Appends the value at an index to `out`; false for NULL.
    pub fn append_to(&self, i: u32, out: &mut WideBuffer) -> bool {
        let cell = &self.cells[i as usize];
        match cell.len {
            NULL => return false,
            len if len as usize <= INLINE => out.padded(&cell.data, len as usize),
            len => out.slice(&self.arena[cell.start()..cell.start() + len as usize]),
        }
        true
    }
    /// Replaces a value.
    pub fn set(&mut self, i: u32, value: &[u8]) {
        let cell = &mut self.cells[i as usize];
        // With nothing in the arena there is no room to give back, and the old value need not be waited for.
        let room = if self.arena.is_empty() { 0 } else { cell.room() };
        if value.len() <= INLINE {
            *cell = Cell::inline(value);
            self.dead += room;
        } else if value.len() <= room {
            let start = cell.start();
            cell.len = value.len() as u32;
            self.arena[start..start + value.len()].copy_from_slice(value);
        } else {
            *cell = Cell::outside(value.len(), self.arena.len(), value.len());
            self.arena.extend_from_slice(value);
            self.dead += room;
        }
        self.compact_if_worth_it();
    }
    /// Replaces a value by a row of a column.
    #[inline]
    pub fn set_row(&mut self, i: u32, column: BytesView<'_>, row: usize) {
        match column.padded(row) {
            // What stands behind a cell's length means nothing.
            Some((data, len)) if self.arena.is_empty() => {
                self.cells[i as usize] = Cell { len: len as u32, data: *data };
            }
            _ => self.set(i, column.value(row)),
        }
    }
    /// Adds bytes to the end of a value; NULL is empty.
    pub fn append(&mut self, i: u32, more: &[u8]) {
        let cell = self.cells[i as usize];
        let old = self.get(i).len();
        let len = old + more.len();
        if len <= INLINE {
            let cell = &mut self.cells[i as usize];
            cell.data[old..len].copy_from_slice(more);
            cell.len = len as u32;
            return;
        }
        if len > cell.room() {
            let (start, room) = (self.arena.len(), len.next_power_of_two());
            if cell.is_outside() {
                self.arena.extend_from_within(cell.start()..cell.start() + old);
            } else {
                self.arena.extend_from_slice(&cell.data[..old]);
            }
            self.arena.resize(start + room, 0);
            self.dead += cell.room();
            self.cells[i as usize] = Cell::outside(len, start, room);
        }
        let cell = &mut self.cells[i as usize];
        cell.len = len as u32;
        let at = cell.start() + old;
        self.arena[at..at + more.len()].copy_from_slice(more);
        self.compact_if_worth_it();
    }
    /// Makes a value NULL and gives its room back.
    pub fn clear(&mut self, i: u32) {
        self.dead += self.cells[i as usize].room();
        self.cells[i as usize] = EMPTY;
        self.compact_if_worth_it();
    }
    fn compact_if_worth_it(&mut self) {
        if self.dead <= COMPACT_FROM || self.dead * 2 <= self.arena.len() {
            return;
        }
        let mut arena = Vec::with_capacity(self.arena.len() - self.dead);
        for cell in self.cells.iter_mut().filter(|c| c.is_outside()) {
            let (start, room) = (arena.len(), cell.room());
            arena.extend_from_slice(&self.arena[cell.start()..cell.start() + room]);
            *cell = Cell::outside(cell.len as usize, start, room);
        }
        self.arena = arena;
        self.dead = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::test_data::Random;

    #[test]
    fn rows_of_a_column_are_values() {
        use crate::state::physical::{View, view};
        let texts: Vec<String> =
            (0..60).map(|n| "abcdefghijklmnopqrstuvwxyz".chars().cycle().take(n).collect()).collect();
        let order: Vec<usize> = (0..60).chain((0..21).rev()).collect();
        let array: arrow_array::ArrayRef =
            std::sync::Arc::new(arrow_array::StringArray::from_iter_values(order.iter().map(|n| &texts[*n])));
        let View::Bytes(rows) = view(&array).unwrap() else { unreachable!() };
        let mut column = BytesColumn::default();
        column.grow(2);
        // Short ones before there are long ones, long ones, and short ones after them.
        for (row, n) in order.iter().enumerate() {
            column.set_row(1, rows, row);
            assert_eq!(column.get(1), texts[*n].as_bytes());
            column.append(1, b"!");
            assert_eq!(column.get(1), format!("{}!", texts[*n]).as_bytes());
        }
        assert!(!column.is_valid(0));
    }

    #[test]
    fn behaves_like_strings() {
        let mut r = Random::new(3);
        let mut column = BytesColumn::default();
        column.grow(100);
        let mut model = vec![Vec::new(); 100];
        for _ in 0..40_000 {
            let i = r.below(100) as usize;
            let bytes = vec![r.next() as u8; r.below(40) as usize];
            match r.below(4) {
                0 => {
                    column.clear(i as u32);
                    model[i].clear();
                }
                1 if model[i].len() < 500 => {
                    column.append(i as u32, &bytes);
                    model[i].extend_from_slice(&bytes);
                }
                _ => {
                    column.set(i as u32, &bytes);
                    model[i] = bytes;
                }
            }
            assert_eq!(column.get(i as u32), model[i]);
        }
        for (i, m) in model.iter().enumerate() {
            assert_eq!(column.get(i as u32), m);
        }
        assert!(column.arena.len() < 400_000, "replaced values are collected: {}", column.arena.len());
    }
}
