//! The watermark of a scan: the minimum over all of its splits, shared by the tasks that read them.
//!
//! It is taken from every decoded record, never falls, and decides lateness record by record: a row
//! is late against the watermark in force just before its own record was read, so that the size of a
//! batch makes no difference.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// No watermark yet.
pub const NONE: i64 = i64::MIN;
/// The end of all input.
pub const END: i64 = i64::MAX;

/// The watermark of one scan.
pub struct Watermarks {
    inner: Mutex<Inner>,
    idle_after: Option<Duration>,
}

struct Inner {
    slots: Vec<Slot>,
    /// The scan's watermark; never falls.
    now: i64,
}

struct Slot {
    name: String,
    watermark: i64,
    state: Liveness,
    last_record: Instant,
}

#[derive(PartialEq, Eq, Clone, Copy)]
enum Liveness {
    Active,
    Idle,
    Ended,
}

/// What stands while one split's batch is judged.
#[derive(Debug, Clone, Copy)]
pub struct Standing {
    /// The scan's watermark before the batch.
    pub now: i64,
    /// The split's own watermark before the batch.
    pub own: i64,
    /// The minimum over all other splits that count; [`END`] where there are none.
    pub others: i64,
}

impl Standing {
    /// The scan's watermark when the split's own has come to `own`.
    #[inline]
    pub fn with(&self, own: i64) -> i64 {
        self.now.max(own.min(self.others))
    }
}

impl Watermarks {
    /// Of a scan whose watermark stood at `now` ([`NONE`] at first).
    pub fn new(idle_after: Option<Duration>, now: i64) -> Self {
        Watermarks { inner: Mutex::new(Inner { slots: Vec::new(), now }), idle_after }
    }
    /// Adds a split; its slot is the answer.
    pub fn add(&self, name: &str, watermark: i64) -> usize {
        let mut inner = self.inner.lock();
        inner.slots.push(Slot {
            name: name.to_owned(),
            watermark,
            state: Liveness::Active,
            last_record: Instant::now(),
        });
        inner.slots.len() - 1
    }
    /// What stands before a batch of a split, which is active again by having one.
    pub fn standing(&self, slot: usize) -> Standing {
        let mut inner = self.inner.lock();
        let s = &mut inner.slots[slot];
        s.state = Liveness::Active;
        s.last_record = Instant::now();
        let own = s.watermark;
        let others = inner.min(Some(slot)).unwrap_or(END);
        Standing { now: inner.now, own, others }
    }
    /// A split's own watermark after a batch. The scan's watermark is the answer.
    pub fn advance(&self, slot: usize, own: i64) -> i64 {
        let mut inner = self.inner.lock();
        let s = &mut inner.slots[slot];
        s.watermark = s.watermark.max(own);
        inner.refresh()
    }
    /// The split has nothing to give at the moment. The scan's watermark is the answer.
    pub fn quiet(&self, slot: usize) -> i64 {
        let Some(after) = self.idle_after else { return self.now() };
        let mut inner = self.inner.lock();
        let s = &mut inner.slots[slot];
        if s.state == Liveness::Active && s.last_record.elapsed() >= after {
            s.state = Liveness::Idle;
            return inner.refresh();
        }
        inner.now
    }
    /// The split has ended for good. The scan's watermark is the answer: [`END`] after the last one.
    pub fn end(&self, slot: usize) -> i64 {
        let mut inner = self.inner.lock();
        inner.slots[slot].state = Liveness::Ended;
        inner.refresh()
    }
    /// The scan's watermark.
    pub fn now(&self) -> i64 {
        self.inner.lock().now
    }
    /// A split's own watermark.
    pub fn own(&self, slot: usize) -> i64 {
        self.inner.lock().slots[slot].watermark
    }
    /// The split that holds the watermark back, and since when it has not moved, where other splits
    /// are further on.
    pub fn holder(&self) -> Option<(String, Duration)> {
        let inner = self.inner.lock();
        let active = || inner.slots.iter().filter(|s| s.state == Liveness::Active);
        let slowest = active().min_by_key(|s| s.watermark)?;
        active().any(|s| s.watermark > slowest.watermark).then(|| (slowest.name.clone(), slowest.last_record.elapsed()))
    }
}

impl Inner {
    fn min(&self, without: Option<usize>) -> Option<i64> {
        let active = |(i, s): &(usize, &Slot)| Some(*i) != without && s.state == Liveness::Active;
        self.slots.iter().enumerate().filter(active).map(|(_, s)| s.watermark).min()
    }
    fn refresh(&mut self) -> i64 {
        let ended = !self.slots.is_empty() && self.slots.iter().all(|s| s.state == Liveness::Ended);
        // Where every split that has not ended is idle nothing is held back: the furthest counts.
        let furthest = || self.slots.iter().map(|s| s.watermark).max().unwrap_or(NONE);
        let next = if ended { END } else { self.min(None).unwrap_or_else(furthest) };
        self.now = self.now.max(next);
        self.now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_the_minimum_and_never_falls() {
        let w = Watermarks::new(None, NONE);
        let (a, b) = (w.add("a", NONE), w.add("b", NONE));
        assert_eq!(w.advance(a, 100), NONE);
        assert_eq!(w.advance(b, 40), 40);
        let s = w.standing(b);
        assert_eq!((s.now, s.own, s.others), (40, 40, 100));
        assert_eq!((s.with(70), s.with(200)), (70, 100));
        assert_eq!(w.advance(b, 10), 40);
        assert_eq!(w.end(b), 100);
        assert_eq!(w.end(a), END);
    }

    #[test]
    fn an_idle_split_does_not_hold_it() {
        let w = Watermarks::new(Some(Duration::ZERO), NONE);
        let (a, b) = (w.add("a", NONE), w.add("b", NONE));
        w.advance(a, 100);
        assert_eq!(w.quiet(b), 100);
        // Back again with older rows: the watermark stays, its rows are judged against it.
        assert_eq!(w.standing(b).with(30), 100);
        assert_eq!(w.advance(b, 30), 100);
    }

    #[test]
    fn all_idle_is_where_the_furthest_came() {
        let w = Watermarks::new(Some(Duration::ZERO), NONE);
        let (a, b) = (w.add("a", NONE), w.add("b", NONE));
        w.advance(a, 7);
        assert_eq!(w.quiet(a), NONE);
        assert_eq!(w.quiet(b), 7);
    }

    #[test]
    fn names_the_split_that_holds_it() {
        let w = Watermarks::new(None, NONE);
        let (a, _) = (w.add("a", NONE), w.add("b", NONE));
        w.advance(a, 5);
        assert_eq!(w.holder().unwrap().0, "b");
    }
}
