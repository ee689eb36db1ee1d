//! Which windows a time lies in, and how their boundaries are shown.
//!
//! Windows of instants are aligned to the wall clock of the window's zone, as Flink does: a day begins
//! at midnight there. A window is named by its boundaries on that wall clock, in ms.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, Int64Array, TimestampMicrosecondArray};
use arrow_schema::{DataType, TimeUnit};
use tidegate_core::{Error, Result};
use tidegate_formats::text::zone::Zone;
use tidegate_plan::{Window, WindowKind};

use crate::state::physical::{View, view};

/// A window's boundaries on the wall clock (ms), the end exclusive. Ordered by end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bounds {
    /// The end.
    pub end: i64,
    /// The start.
    pub start: i64,
}

/// Assigns windows.
#[derive(Debug)]
pub struct Assigner {
    kind: WindowKind,
    zone: Option<Zone>,
    /// The panes looked up last, the last one first: rows are in disorder where one begins.
    known: [Pane; 2],
}

/// The instants of a pane, the end exclusive, and its start on the wall clock.
#[derive(Debug, Clone, Copy, Default)]
struct Pane {
    from: i64,
    to: i64,
    start: i64,
}

impl Pane {
    #[inline(always)]
    fn holds(self, instant: i64) -> bool {
        instant >= self.from && instant < self.to
    }
}

fn floor(t: i64, offset: i64, step: i64) -> i64 {
    t - (t - offset).rem_euclid(step)
}

fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

impl Assigner {
    /// For a window of the plan.
    ///
    /// # Errors
    /// Where the zone is unknown or a length is not positive.
    pub fn new(window: &Window) -> Result<Self> {
        let lengths = match window.kind {
            WindowKind::Tumble { size, .. } => [size, size],
            WindowKind::Hop { slide, size, .. } => [slide, size],
            WindowKind::Cumulate { step, size, .. } => [step, size],
            WindowKind::Session { gap } => [gap, gap],
        };
        if lengths.iter().any(|l| *l <= 0) {
            return Err(Error::user("the lengths of a window must be positive"));
        }
        let zone = if window.zone.is_empty() { None } else { Some(Zone::named(&window.zone)?) };
        Ok(Assigner { kind: window.kind.clone(), zone, known: Default::default() })
    }
    /// What the wall clock shows at an instant (ms).
    pub fn wall(&self, instant: i64) -> i64 {
        match &self.zone {
            None => instant,
            Some(zone) => zone.to_wall(instant.saturating_mul(1000)).div_euclid(1000),
        }
    }
    /// The instant at which the wall clock shows this (ms).
    pub fn instant(&self, wall: i64) -> i64 {
        match &self.zone {
            None => wall,
            Some(zone) => zone.to_instant(wall.saturating_mul(1000)).div_euclid(1000),
        }
    }
    /// The last instant of a window: it fires once the watermark has reached it.
    pub fn last_instant(&self, bounds: Bounds) -> i64 {
        self.instant(bounds.end) - 1
    }
    /// The pane of an instant: times of one pane lie in the same windows.
    #[inline]
    pub fn pane(&mut self, instant: i64) -> i64 {
        if !self.known[0].holds(instant) {
            self.known.swap(0, 1);
            if !self.known[0].holds(instant) {
                return self.other_pane(instant);
            }
        }
        self.known[0].start
    }

    #[inline(never)]
    fn other_pane(&mut self, instant: i64) -> i64 {
        let (offset, step) = match self.kind {
            WindowKind::Tumble { size, offset } => (offset, size),
            WindowKind::Hop { slide, size, offset } => (offset, gcd(slide, size)),
            WindowKind::Cumulate { step, size, offset } => (offset, gcd(step, size)),
            WindowKind::Session { .. } => (0, 1),
        };
        let start = floor(self.wall(instant), offset, step);
        let pane = Pane { from: self.instant(start), to: self.instant(start.saturating_add(step)), start };
        // Around a change of the clock the pane is not one stretch of instants.
        if pane.to - pane.from == step && pane.holds(instant) {
            self.known[0] = pane;
        }
        start
    }
    /// The windows of a pane, first end first.
    pub fn windows(&self, pane: i64) -> Vec<Bounds> {
        let mut out = Vec::new();
        match self.kind {
            WindowKind::Tumble { size, .. } => out.push(Bounds { start: pane, end: pane + size }),
            WindowKind::Hop { slide, size, offset } => {
                let mut start = floor(pane, offset, slide);
                while start > pane - size {
                    out.push(Bounds { start, end: start + size });
                    start -= slide;
                }
                out.reverse();
            }
            WindowKind::Cumulate { step, size, offset } => {
                let start = floor(pane, offset, size);
                let mut end = floor(pane, start, step) + step;
                while end < start + size {
                    out.push(Bounds { start, end });
                    end += step;
                }
                out.push(Bounds { start, end: start + size });
            }
            WindowKind::Session { .. } => {}
        }
        out
    }
    /// A boundary as a column of the wanted type: a wall clock, an instant, or its ms. `before`: this
    /// many ms before it.
    ///
    /// # Errors
    /// For other types.
    pub fn boundary(&self, walls: &[i64], before: i64, ty: &DataType) -> Result<ArrayRef> {
        let instants = || walls.iter().map(|w| self.instant(*w) - before);
        Ok(match ty {
            DataType::Timestamp(TimeUnit::Microsecond, None) => {
                Arc::new(TimestampMicrosecondArray::from_iter_values(walls.iter().map(|w| (w - before) * 1000)))
            }
            DataType::Timestamp(TimeUnit::Microsecond, Some(zone)) => Arc::new(
                TimestampMicrosecondArray::from_iter_values(instants().map(|i| i * 1000)).with_timezone(zone.clone()),
            ),
            DataType::Int64 => Arc::new(Int64Array::from_iter_values(instants())),
            other => return Err(Error::internal(format!("a window boundary cannot be a column of type {other}"))),
        })
    }
}

/// The times of a column in ms: timestamps, or BIGINT ms.
///
/// # Errors
/// For other types.
pub fn millis(column: &ArrayRef) -> Result<Vec<i64>> {
    match (view(column)?, column.data_type()) {
        (View::I64(v), DataType::Timestamp(..)) => Ok(v.iter().map(|t| t.div_euclid(1000)).collect()),
        (View::I64(v), DataType::Int64) => Ok(v.into_owned()),
        (_, other) => Err(Error::internal(format!("a column of type {other} is no event time"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(kind: WindowKind, zone: &str, t: i64) -> Vec<(i64, i64)> {
        let mut a = Assigner::new(&Window { kind, time: Some(0), zone: zone.into() }).unwrap();
        let pane = a.pane(t);
        a.windows(pane).into_iter().map(|b| (b.start, b.end)).collect()
    }

    #[test]
    fn windows_contain_their_times() {
        assert_eq!(all(WindowKind::Tumble { size: 10, offset: 0 }, "", 19), [(10, 20)]);
        assert_eq!(all(WindowKind::Tumble { size: 10, offset: 3 }, "", 2), [(-7, 3)]);
        assert_eq!(all(WindowKind::Tumble { size: 10, offset: 0 }, "", -1), [(-10, 0)]);
        assert_eq!(all(WindowKind::Hop { slide: 5, size: 10, offset: 0 }, "", 12), [(5, 15), (10, 20)]);
        assert_eq!(all(WindowKind::Hop { slide: 4, size: 10, offset: 0 }, "", 9), [(0, 10), (4, 14), (8, 18)]);
        assert_eq!(all(WindowKind::Hop { slide: 10, size: 4, offset: 0 }, "", 15), []);
        assert_eq!(all(WindowKind::Cumulate { step: 5, size: 15, offset: 0 }, "", 17), [(15, 20), (15, 25), (15, 30)]);
    }

    /// Every window of every shape against the definition.
    #[test]
    fn windows_are_all_that_contain_the_time() {
        for t in -40..40 {
            for (slide, size) in [(5, 10), (4, 10), (3, 3), (7, 3)] {
                let want: Vec<(i64, i64)> = (-30..30)
                    .map(|k| k * slide + 1)
                    .filter(|s| *s <= t && t < s + size)
                    .map(|s| (s, s + size))
                    .collect();
                assert_eq!(all(WindowKind::Hop { slide, size, offset: 1 }, "", t), want, "{t} {slide} {size}");
            }
        }
    }

    #[test]
    fn days_begin_at_midnight_of_the_zone() {
        let day = 86_400_000;
        let hour = 3_600_000;
        // 2020-08-26T23:00Z is 07:00 of the 27th in Shanghai.
        let t = 18_500 * day + 23 * hour;
        assert_eq!(
            all(WindowKind::Tumble { size: day, offset: 0 }, "Asia/Shanghai", t),
            [(18_501 * day, 18_502 * day)]
        );
        let a = Assigner::new(&Window {
            kind: WindowKind::Tumble { size: day, offset: 0 },
            time: Some(0),
            zone: "Asia/Shanghai".into(),
        })
        .unwrap();
        assert_eq!(a.last_instant(Bounds { start: 18_501 * day, end: 18_502 * day }), 18_502 * day - 8 * hour - 1);
    }

    #[test]
    fn panes_agree_with_and_without_the_cache() {
        let kind = WindowKind::Tumble { size: 3_600_000, offset: 0 };
        let window = Window { kind, time: Some(0), zone: "Europe/Berlin".into() };
        let mut cached = Assigner::new(&window).unwrap();
        // Around the end of summer time 2020: 2020-10-25T01:00Z.
        for t in (1_603_580_400_000..1_603_598_400_000i64).step_by(600_000) {
            let fresh = Assigner::new(&window).unwrap().pane(t);
            assert_eq!(cached.pane(t), fresh, "{t}");
        }
    }
}
