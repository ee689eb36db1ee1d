//! Sums with the number of their values: what SUM and AVG keep of each group.

/// What a group has come to; side by side, because both are needed for every row.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cell<N> {
    pub sum: N,
    /// Number of values in the sum: none left means NULL.
    pub count: i64,
}

/// The cells of all groups.
#[derive(Debug, Default)]
pub struct Cells<N>(Vec<Cell<N>>);

impl<N: Copy + Default> Cells<N> {
    /// Makes groups below `n` valid.
    pub fn grow(&mut self, n: usize) {
        if n > self.0.len() {
            self.0.resize(n, Cell::default());
        }
    }
    /// A group's own.
    #[inline(always)]
    pub fn at(&mut self, group: u32) -> &mut Cell<N> {
        &mut self.0[group as usize]
    }
    /// Takes out what a group has; it is empty afterwards.
    pub fn take(&mut self, group: u32) -> Cell<N> {
        std::mem::take(self.at(group))
    }
    /// Those of some groups.
    pub fn of(&self, groups: &[u32]) -> impl Iterator<Item = Cell<N>> {
        groups.iter().map(|group| self.0[*group as usize])
    }
    /// The sums of some groups.
    pub fn sums(&self, groups: &[u32]) -> Vec<N> {
        self.of(groups).map(|cell| cell.sum).collect()
    }
    /// The numbers of values of some groups.
    pub fn counts(&self, groups: &[u32]) -> Vec<i64> {
        self.of(groups).map(|cell| cell.count).collect()
    }
    /// Puts back what [`Cells::sums`] and [`Cells::counts`] gave.
    pub fn load(&mut self, groups: &[u32], sums: &[N], counts: &[i64]) {
        for ((group, sum), count) in groups.iter().zip(sums).zip(counts) {
            *self.at(*group) = Cell { sum: *sum, count: *count };
        }
    }
}
