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

/// The split's own watermark after records of these times, where every record has one and no record
/// lies at or below the watermark before it.
pub fn all_in_time(times: &[i64], delay: i64, standing: Standing) -> Option<i64> {
    let (mut own, mut late) = (standing.own, false);
    for &time in times {
        // Where there is none stands the lowest of all.
        late |= time <= standing.with(own);
        own = own.max(time.saturating_sub(delay));
    }
    (!late).then_some(own)
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
    fn batches_without_late_rows_are_told_at_once() {
        let behind = Standing { now: 25, own: 40, others: 30 };
        let (mut in_time, mut late) = (0, 0);
        for standing in [FRESH, behind] {
            for times in [&[10, 30, 29, 50][..], &[31, 60, 58, 90, 30], &[31, 60, 58, 90, 32, 31], &[25, 26], &[]] {
                for delay in [0, 1, 2, 50] {
                    let judged = run(times, delay, standing);
                    let told = all_in_time(times, delay, standing);
                    assert_eq!(told, judged.marks.is_none().then_some(judged.own), "{times:?} {delay}");
                    *(if told.is_some() { &mut in_time } else { &mut late }) += 1;
                }
            }
        }
        assert!(in_time > 5 && late > 5);
        assert_eq!(all_in_time(&[5, i64::MIN], 0, FRESH), None, "a record without time");
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
