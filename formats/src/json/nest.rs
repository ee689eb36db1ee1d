//! Open containers without recursion.

use super::token::MAX_DEPTH;

/// Which of the open containers are objects: one bit each.
pub(crate) struct Nest {
    bits: [u64; MAX_DEPTH / 64],
    depth: usize,
    floor: usize,
}

impl Nest {
    /// With `depth` containers open around.
    pub(crate) fn new(depth: usize) -> Self {
        let depth = depth.min(MAX_DEPTH);
        Nest { bits: [0; MAX_DEPTH / 64], depth, floor: depth }
    }
    /// Opens a container; `false` where it is one too many.
    #[inline(always)]
    pub(crate) fn push(&mut self, object: bool) -> bool {
        let (slot, bit) = (self.depth / 64, self.depth % 64);
        let Some(word) = self.bits.get_mut(slot) else { return false };
        *word = *word & !(1 << bit) | u64::from(object) << bit;
        self.depth += 1;
        true
    }
    /// Closes the innermost.
    #[inline(always)]
    pub(crate) fn pop(&mut self) {
        self.depth -= 1;
    }
    /// Whether the innermost container is an object; `None` where none is open.
    #[inline(always)]
    pub(crate) fn top(&self) -> Option<bool> {
        if self.depth == self.floor {
            return None;
        }
        let at = self.depth - 1;
        Some(self.bits[at / 64] >> (at % 64) & 1 == 1)
    }
}
