//! One byte string a group in a shared arena: replacing a value allocates nothing.

/// Byte strings by dense index.
#[derive(Debug, Default)]
pub struct BytesColumn {
    arena: Vec<u8>,
    spans: Vec<Span>,
    dead: usize,
}

#[derive(Debug, Clone, Copy, Default)]
struct Span {
    start: usize,
    len: u32,
    room: u32,
}

const COMPACT_FROM: usize = 1 << 16;

impl BytesColumn {
    /// Makes indices below `n` valid; new ones are empty.
    pub fn grow(&mut self, n: usize) {
        if n > self.spans.len() {
            self.spans.resize(n, Span::default());
        }
    }
    /// The value at an index.
    pub fn get(&self, i: u32) -> &[u8] {
        let span = self.spans[i as usize];
        &self.arena[span.start..span.start + span.len as usize]
    }
    /// Replaces a value.
    pub fn set(&mut self, i: u32, value: &[u8]) {
        let span = &mut self.spans[i as usize];
        if value.len() > span.room as usize {
            self.dead += span.room as usize;
            *span = Span { start: self.arena.len(), len: 0, room: value.len() as u32 };
            self.arena.resize(self.arena.len() + value.len(), 0);
        }
        span.len = value.len() as u32;
        self.arena[span.start..span.start + value.len()].copy_from_slice(value);
        self.compact_if_worth_it();
    }
    /// Adds bytes to the end of a value.
    pub fn append(&mut self, i: u32, more: &[u8]) {
        let span = self.spans[i as usize];
        let len = span.len as usize + more.len();
        if len > span.room as usize {
            let room = len.next_power_of_two();
            let start = self.arena.len();
            self.arena.resize(start + room, 0);
            self.arena.copy_within(span.start..span.start + span.len as usize, start);
            self.dead += span.room as usize;
            self.spans[i as usize] = Span { start, len: span.len, room: room as u32 };
        }
        let span = &mut self.spans[i as usize];
        let at = span.start + span.len as usize;
        self.arena[at..at + more.len()].copy_from_slice(more);
        span.len = len as u32;
        self.compact_if_worth_it();
    }
    /// Empties a value and gives its room back.
    pub fn clear(&mut self, i: u32) {
        self.dead += self.spans[i as usize].room as usize;
        self.spans[i as usize] = Span::default();
        self.compact_if_worth_it();
    }
    fn compact_if_worth_it(&mut self) {
        if self.dead <= COMPACT_FROM || self.dead * 2 <= self.arena.len() {
            return;
        }
        let mut arena = Vec::with_capacity(self.arena.len() - self.dead);
        for span in &mut self.spans {
            let start = arena.len();
            arena.extend_from_slice(&self.arena[span.start..span.start + span.room as usize]);
            span.start = start;
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
