//! Event times of a batch: its watermark, and the marks that say which rows may be late.

use super::watermarks::{NONE, Standing};

/// One record of a batch, in the order it was read.
#[derive(Debug, Clone, Copy)]
pub struct Timed {
    /// Its event time (ms), if it has one.
    pub time: Option<i64>,
    /// The watermark it implies.
    pub watermark: Option<i64>,
    /// Which row it became; `None` for records that no row came of.
    pub row: Option<u32>,
}

/// What a batch's event times came to.
#[derive(Debug, PartialEq, Eq)]
pub struct Judged {
    /// The split's own watermark after the batch.
    pub own: i64,
    /// For each row the watermark before its record; only where some row lies at or below it.
    pub marks: Option<Vec<i64>>,
}

/// Judges a batch of `rows` rows.
pub fn judge(records: impl Iterator<Item = Timed> + Clone, rows: usize, standing: Standing) -> Judged {
    let mut own = standing.own;
    let mut lowest = i64::MAX;
    for r in records.clone() {
        own = own.max(r.watermark.unwrap_or(NONE));
        if let (Some(time), Some(_)) = (r.time, r.row) {
            lowest = lowest.min(time);
        }
    }
    // The common case: nothing lies at or below even the watermark after the whole batch.
    if lowest > standing.with(own) {
        return Judged { own, marks: None };
    }
    let mut marks = vec![NONE; rows];
    let mut late = false;
    let mut running = standing.own;
    for r in records {
        if let Some(row) = r.row {
            let mark = standing.with(running);
            marks[row as usize] = mark;
            late |= r.time.is_some_and(|t| t <= mark);
        }
        running = running.max(r.watermark.unwrap_or(NONE));
    }
    Judged { own, marks: late.then_some(marks) }
}

#[cfg(test)]
mod tests {
    use super::super::watermarks::END;
    use super::*;

    fn run(times: &[i64], delay: i64, standing: Standing) -> Judged {
        let records = times.iter().enumerate().map(|(i, t)| Timed {
            time: Some(*t),
            watermark: Some(t - delay),
            row: Some(i as u32),
        });
        judge(records, times.len(), standing)
    }
    const FRESH: Standing = Standing { now: NONE, own: NONE, others: END };

    #[test]
    fn in_order_rows_carry_no_marks() {
        assert_eq!(run(&[1, 2, 3], 0, FRESH), Judged { own: 3, marks: None });
        assert_eq!(run(&[10, 8, 11], 5, FRESH), Judged { own: 6, marks: None });
    }

    #[test]
    fn marks_are_the_watermark_before_the_record() {
        assert_eq!(run(&[10, 9, 12], 0, FRESH), Judged { own: 12, marks: Some(vec![NONE, 10, 10]) });
    }

    #[test]
    fn cutting_a_batch_changes_nothing() {
        let times = [10, 30, 29, 5, 31, 30, 50, 49, 20];
        let whole = run(&times, 3, FRESH);
        let mut standing = FRESH;
        let mut marks = Vec::new();
        for t in times {
            let one = run(&[t], 3, standing);
            marks.push(standing.with(standing.own));
            assert_eq!(one.marks.is_some(), t <= standing.with(standing.own));
            standing.own = one.own;
        }
        assert_eq!(whole, Judged { own: 47, marks: Some(marks) });
    }

    #[test]
    fn a_slower_split_holds_it_back() {
        let s = Standing { now: 5, own: 90, others: 7 };
        assert_eq!(run(&[100, 6, 80], 0, s).marks, Some(vec![7, 7, 7]));
        assert_eq!(run(&[100, 8, 80], 0, s).marks, None);
    }

    #[test]
    fn dropped_records_move_it_too() {
        let records = [
            Timed { time: Some(100), watermark: Some(100), row: None },
            Timed { time: Some(60), watermark: Some(60), row: Some(0) },
        ];
        assert_eq!(judge(records.into_iter(), 1, FRESH), Judged { own: 100, marks: Some(vec![100]) });
    }
}
