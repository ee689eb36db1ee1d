//! Sizes of the store.

use super::fold::FoldPolicy;
use super::planning::UnitLimits;
use super::segment::SEGMENT_BYTES;

/// Sizes that only tests have a reason to change.
#[derive(Debug, Clone, Copy)]
pub struct Tuning {
    /// Bytes after which a new segment is begun.
    pub segment_bytes: u64,
    /// Bytes of undecided and unapplied rows kept in memory so that they need not be read back. An
    /// epoch ends early when its rows take half of it.
    pub cache_bytes: u64,
    /// Limits of an apply unit.
    pub unit_limits: UnitLimits,
    /// When state is folded.
    pub fold: FoldPolicy,
    /// Fold on a thread of its own after a decision; otherwise only [`super::Store::fold_now`] does.
    pub background_fold: bool,
}

impl Default for Tuning {
    fn default() -> Self {
        Tuning {
            segment_bytes: SEGMENT_BYTES,
            cache_bytes: 32 << 20,
            unit_limits: UnitLimits { rows: 50_000, bytes: 4 << 20 },
            fold: FoldPolicy { rows: 1_000_000, epochs: 64 },
            background_fold: true,
        }
    }
}

impl Tuning {
    /// The ordinary sizes, changed by `TIDEGATE_STORE=segment-bytes=16384,fold-rows=64,fold-epochs=2`:
    /// kill tests reach folds and removals with it in a short run.
    pub fn from_env() -> Self {
        std::env::var("TIDEGATE_STORE").map_or_else(|_| Self::default(), |text| Self::default().with(&text))
    }

    /// With the sizes named in the text; what is not understood is left as it is.
    #[must_use]
    fn with(mut self, text: &str) -> Self {
        for (name, value) in text.split(',').filter_map(|part| part.split_once('=')) {
            let Ok(n) = value.trim().parse::<u64>() else { continue };
            match name.trim() {
                "segment-bytes" => self.segment_bytes = n,
                "cache-bytes" => self.cache_bytes = n,
                "fold-rows" => self.fold.rows = n,
                "fold-epochs" => self.fold.epochs = n,
                _ => {}
            }
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_changes_what_it_names() {
        let tuning = Tuning::default().with("segment-bytes=10, fold-epochs=2, nonsense, fold-rows=x");
        assert_eq!((tuning.segment_bytes, tuning.fold.epochs, tuning.fold.rows), (10, 2, Tuning::default().fold.rows));
    }
}
