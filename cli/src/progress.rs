//! What `run` shows while jobs run: a live picture on a terminal, lines elsewhere.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};
use std::time::{Duration, Instant};

use tidegate_runtime::job::Summary;
use tidegate_runtime::metrics::Progress;

/// How often the picture is redrawn.
pub const REDRAW: Duration = Duration::from_millis(500);
/// How often a line is printed where there is no terminal.
pub const LINE: Duration = Duration::from_secs(5);

/// Draws the progress of one or more jobs to standard error.
pub struct Screen {
    live: bool,
    drawn: usize,
    before: Vec<Progress>,
    last_line: Instant,
}

impl Screen {
    /// Live on a terminal unless `plain`.
    pub fn new(plain: bool) -> Self {
        let live = !plain && std::io::stderr().is_terminal();
        Screen { live, drawn: 0, before: Vec::new(), last_line: Instant::now() }
    }

    /// Shows the newest snapshots, one a job.
    pub fn show(&mut self, now: Vec<Progress>) {
        if self.live {
            self.erase();
            let mut text = String::new();
            for (i, p) in now.iter().enumerate() {
                picture(p, self.before.get(i), &mut text);
            }
            self.drawn = text.lines().count();
            eprint(&text);
            self.before = now;
        } else if self.last_line.elapsed() >= LINE {
            for (i, p) in now.iter().enumerate() {
                eprint(&format!("{}\n", line(p, self.before.get(i))));
            }
            self.last_line = Instant::now();
            self.before = now;
        }
    }

    /// Prints a line above the picture.
    pub fn message(&mut self, text: &str) {
        self.erase();
        eprint(&format!("{text}\n"));
    }

    /// Removes the picture.
    pub fn erase(&mut self) {
        if self.drawn > 0 {
            eprint(&format!("\x1b[{}A\x1b[J", self.drawn));
            self.drawn = 0;
        }
    }
}

fn eprint(text: &str) {
    // A closed standard error is no reason to stop a warehouse.
    let _ = std::io::stderr().write_all(text.as_bytes());
}

fn picture(p: &Progress, before: Option<&Progress>, out: &mut String) {
    let _ = writeln!(out, "{}", line(p, before));
    for s in &p.sources {
        let _ = write!(out, "  ◀ {:<32} {:>12} in", s.table, count(s.records));
        if let Some(behind) = s.behind {
            let _ = write!(out, "  {} behind", count(behind));
        }
        if let Some(w) = s.watermark {
            let _ = write!(out, "  watermark {}", time(w));
        }
        if let Some((split, ms)) = s.held_by.as_ref().filter(|(_, ms)| *ms > 10_000) {
            let _ = write!(out, "  held back by {split} for {} s", ms / 1000);
        }
        out.push('\n');
    }
    for i in &p.inserts {
        let _ = write!(out, "  ▶ {:<32} {:>12} out", format!("{} (INSERT {})", i.table, i.number), count(i.rows));
        if let Some(absent) = p.sinks.get(&i.sink).and_then(|s| s.absent.as_ref()) {
            let _ = write!(out, "  waiting: {absent}");
        }
        out.push('\n');
    }
}

/// One job in one line.
pub fn line(p: &Progress, before: Option<&Progress>) -> String {
    let mut out = format!("{}: {} rows in", p.job, count(p.rows_read));
    if let Some(b) = before {
        let _ = write!(out, " ({}/s)", count(p.rows_per_second(b) as u64));
    }
    let rows: u64 = p.inserts.iter().map(|i| i.rows).sum();
    let _ = write!(out, ", {} out", count(rows));
    if let (Some(epoch), Some(applied)) = (p.epoch, p.applied_epoch) {
        let _ = write!(out, ", epoch {epoch} (applied {applied}, {} ms)", p.commit_delay_ms);
    }
    for (what, n) in [("late", p.late), ("dead letters", p.dead_letters), ("ignored", p.ignored)] {
        if n > 0 {
            let _ = write!(out, ", {} {what}", count(n));
        }
    }
    if p.paused {
        out.push_str(", waiting for sinks");
    }
    out
}

/// What is worth knowing at the end: the line, then everything that was counted.
pub fn summary(p: &Progress) -> String {
    let seconds = (p.now_millis - p.started_millis).max(1) as f64 / 1000.0;
    let mut out = format!("{} in {seconds:.1} s\n", line(p, None));
    for i in &p.inserts {
        let _ = writeln!(out, "  INSERT {} → {}: {} rows", i.number, i.table, count(i.rows));
    }
    for (name, (n, sample)) in &p.counts {
        let _ = writeln!(out, "  counted {name}: {} (first: {sample})", count(*n));
    }
    out
}

/// What a stop has left behind.
pub fn stopped(jobs: &[(Progress, Summary)]) -> String {
    let mut waiting = String::new();
    for (p, _) in jobs.iter().filter(|(_, s)| s.pending) {
        for (id, sink) in p.sinks.iter().filter(|(_, s)| s.waiting_rows > 0) {
            let why = sink.absent.as_deref().unwrap_or("it did not answer in time");
            let why = why.lines().next().unwrap_or_default();
            let _ = write!(waiting, "\n  {}: {} rows for sink {id}: {why}", p.job, count(sink.waiting_rows));
        }
    }
    if waiting.is_empty() {
        return "stopped: everything decided has been committed; the next run goes on from here".to_owned();
    }
    format!(
        "stopped: not everything has been committed; what has not is kept in the state directory, and the next run commits it first{waiting}"
    )
}

/// `1,234,567`
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

fn time(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map_or_else(|_| ms.to_string(), |t| t.strftime("%F %T").to_string())
}

#[cfg(test)]
mod tests {
    #[test]
    fn thousands() {
        assert_eq!([0, 999, 1000, 1_234_567].map(super::count), ["0", "999", "1,000", "1,234,567"]);
    }
}
