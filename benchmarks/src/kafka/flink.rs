//! Apache Flink on the same messages. A directory given by the user holds `flink.sh`, which runs a SQL
//! file in one JVM, several times, and prints what each repetition cost.

use std::path::PathBuf;
use std::process::Command;

use tidegate_core::{Error, Result};

use super::broker::Broker;
use super::cluster::Cluster;
use super::workloads::Form;
use crate::jobs::Job;
use crate::measure;

/// The best repetition of one form.
#[derive(Debug, Clone, Copy)]
pub struct Best {
    /// Rows per CPU-second of the JVM, a run over one message taken off.
    pub speed: f64,
    /// Largest resident set in MiB.
    pub peak_mib: f64,
    /// The broker's CPU seconds for a million messages, those of the runs over one taken off.
    pub broker: Option<f64>,
}

/// How Flink is run.
pub struct Flink<'a> {
    /// Where `flink.sh` and its `jobs` are.
    pub dir: &'a PathBuf,
    /// Messages of a job.
    pub rows: u64,
    /// Repetitions in one JVM: the first ones warm it up.
    pub repetitions: u32,
    /// Where it reads and writes.
    pub cluster: &'a Cluster,
    /// Whose CPU time is told apart.
    pub broker: &'a Broker,
}

/// What one JVM reported.
struct Reported {
    cpu: f64,
    peak_mib: f64,
}

impl Flink<'_> {
    /// Runs a job in one form.
    ///
    /// # Errors
    /// Flink is not there or fails.
    pub fn best(&self, job: &Job, outputs: &[&str], form: &Form) -> Result<Best> {
        let rows = self.rows / form.divisor;
        let (all, one) = (self.cluster.input(job, rows)?, self.cluster.input(job, 1)?);
        let (idle, broker_idle) = self.broker.during(|| self.run(&one, 1, outputs, form));
        let (full, broker) = self.broker.during(|| self.run(&all, rows, outputs, form));
        let (idle, full) = (idle?, full?);
        let messages = rows as f64 * f64::from(self.repetitions);
        Ok(Best {
            speed: rows as f64 / (full.cpu - idle.cpu).max(0.01),
            peak_mib: full.peak_mib,
            broker: broker.zip(broker_idle).map(|(full, idle)| (full - idle) / messages * 1e6),
        })
    }

    fn run(&self, topic: &str, rows: u64, outputs: &[&str], form: &Form) -> Result<Reported> {
        let file = form.file.trim_end_matches(".sql");
        let id = format!("bench-{}-flink-{file}-{}-{rows}", std::process::id(), u8::from(form.linger));
        let made: Vec<String> = outputs.iter().map(|o| format!("{id}{o}")).collect();
        self.cluster.create(&made)?;
        // The files leave no other place for properties of the producer.
        let linger = "exactly-once', 'properties.linger.ms' = '50', 'properties.batch.size' = '262144";
        let guarantee = if form.linger { linger } else { "exactly-once" };
        let (_, text) = measure::run_and_read(
            Command::new("bash")
                .arg(self.dir.join("flink.sh"))
                .arg("run")
                .arg(self.dir.join("jobs").join(form.file))
                .args([format!("IN={topic}"), format!("OUT={id}"), format!("BS={}", self.cluster.bootstrap)])
                .args([format!("TX={id}"), format!("GUARANTEE={guarantee}"), "DELAY=5".to_owned()])
                .args([format!("n={rows}"), format!("reps={}", self.repetitions)])
                .args(form.settings),
        )?;
        self.cluster.delete_of(&id)?;
        best_of(&text).ok_or_else(|| Error::external(format!("{} printed no result:\n{text}", form.file)))
    }
}

/// The least CPU time and the largest memory of the lines `RESULT … cpu_s=1.23 … rss_peak_mb=456 …`.
fn best_of(text: &str) -> Option<Reported> {
    let field = |line: &str, name: &str| -> Option<f64> {
        line.split(' ').find_map(|f| f.strip_prefix(name)?.strip_prefix('=')?.parse().ok())
    };
    let lines = text.lines().filter(|l| l.starts_with("RESULT "));
    let reported = lines.filter_map(|l| Some(Reported { cpu: field(l, "cpu_s")?, peak_mib: field(l, "rss_peak_mb")? }));
    reported.reduce(|a, b| Reported { cpu: a.cpu.min(b.cpu), peak_mib: a.peak_mib.max(b.peak_mib) })
}

#[cfg(test)]
mod tests {
    use super::best_of;

    #[test]
    fn the_best_repetition_counts() {
        let text = "noise\nRESULT sql=a.sql rep=1 wall_s=9.00 cpu_s=12.50 jvm_cpu_total_s=20.00 rss_peak_mb=900 n=1\n\
                    RESULT sql=a.sql rep=2 wall_s=5.00 cpu_s=7.25 jvm_cpu_total_s=27.00 rss_peak_mb=950 n=1\n";
        let best = best_of(text).unwrap();
        assert!((best.cpu - 7.25).abs() < 1e-9 && (best.peak_mib - 950.0).abs() < 1e-9);
        assert!(best_of("nothing").is_none());
    }
}
