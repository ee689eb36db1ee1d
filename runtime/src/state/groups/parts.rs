//! Groups that are aggregated in parts: how what a part saved is added to the whole.

use arrow_array::ArrayRef;
use tidegate_core::Result;

use super::Groups;

impl Groups {
    /// Adds what parts have saved: row i to group `groups[i]`.
    ///
    /// # Errors
    /// Where the columns do not fit.
    pub fn merge_saved(&mut self, groups: &[u32], columns: &[ArrayRef], now: i64) -> Result<()> {
        // The parts are loaded behind all groups. Merging empties those places again, as groups that
        // are made there later have to find them.
        let first = self.marks.len() as u32;
        let places: Vec<u32> = (first..first + groups.len() as u32).collect();
        self.aggregates.grow(self.marks.len() + groups.len());
        self.aggregates.load(&places, columns)?;
        self.aggregates.merge_all(groups, &places)?;
        groups.iter().for_each(|group| self.touch(*group, now));
        Ok(())
    }
}
