//! Whether the local part of an aggregate is worth its work: where keys hardly repeat, it only costs.
//! It therefore lets rows pass for a while once it has seen that, and then tries again.

/// Rows before which nothing is decided.
const SAMPLE: u64 = 4096;
/// How many rows a partial result has to stand for. To make, send and merge one takes about four
/// times the instructions of sending a row (B5: 2,000 and 550), but rows are more memory to move.
const WORTH: u64 = 3;
/// How many times the rows of a trial pass by after one that failed: trying costs next to nothing then.
const PASS: u64 = 32;

/// What the trial that runs has come to, or how long the next one is off.
#[derive(Debug, Default)]
pub struct Trial {
    rows: u64,
    partials: u64,
    pass: u64,
}

impl Trial {
    /// Whether these rows are to pass as they came.
    pub fn passes(&mut self, rows: usize) -> bool {
        let passes = self.pass > 0;
        if passes {
            self.pass = self.pass.saturating_sub(rows as u64);
        } else {
            self.rows += rows as u64;
        }
        passes
    }
    /// Counts partial results sent.
    pub fn sent(&mut self, partials: usize) {
        self.partials += partials as u64;
    }
    /// Nothing is held any more, so rows that pass from here on stay in order: decides.
    pub fn decide(&mut self) {
        if let Some(pass) = pass(self.rows, self.partials) {
            *self = Trial { pass, ..Trial::default() };
        }
    }
}

/// For how many rows a local part pauses that has made so many partial results of so many rows;
/// `None`: too few to tell.
fn pass(rows: u64, partials: u64) -> Option<u64> {
    if rows < SAMPLE {
        return None;
    }
    Some(if partials * WORTH > rows { rows * PASS } else { 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_pass_where_keys_hardly_repeat() {
        assert_eq!(pass(SAMPLE - 1, SAMPLE - 1), None);
        assert_eq!(pass(10_000, 0), Some(0));
        assert_eq!(pass(9_000, 3_000), Some(0));
        assert_eq!(pass(9_000, 3_001), Some(9_000 * PASS));
        // A row that was late for its first window makes a partial result of its own.
        assert_eq!(pass(10_000, 12_000), Some(10_000 * PASS));
    }

    #[test]
    fn tries_again_after_a_while() {
        let mut trial = Trial::default();
        assert!(!trial.passes(5_000));
        trial.sent(5_000);
        trial.decide();
        let mut passed = 0;
        while trial.passes(1_000) {
            passed += 1_000;
        }
        assert_eq!(passed, 5_000 * PASS);
        // The trial before does not count again.
        trial.sent(100);
        trial.decide();
        assert!(!trial.passes(4_000));
        trial.sent(100);
        trial.decide();
        assert!(!trial.passes(1));
    }

    #[test]
    fn small_samples_add_up() {
        let mut trial = Trial::default();
        for _ in 0..SAMPLE / 8 {
            assert!(!trial.passes(8));
            trial.sent(8);
            trial.decide();
        }
        assert!(trial.passes(8));
    }
}
