//! How long a message is on its way: from being produced, through a job that copies it, to a consumer
//! of committed messages.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use tidegate_core::{Error, Result};

use super::batches::Batches;
use super::cluster::{Cluster, PARTITIONS, failed};
use crate::jobs;
use crate::measure::{collect, last_lines};

/// What to measure.
#[derive(clap::Args)]
pub struct Args {
    /// A broker that is running: HOST:PORT
    #[arg(long)]
    bootstrap: String,
    /// Messages a second
    #[arg(long, default_value_t = 10_000)]
    rate: u64,
    /// Seconds of messages that count; at least three epochs
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Epochs, in ms
    #[arg(long, value_delimiter = ',', default_value = "100,1000,10000")]
    epochs: Vec<u64>,
    #[command(flatten)]
    program: jobs::Program,
}

/// Bytes of a message.
const SIZE: usize = 256;
/// Messages before the ones that count: the job starts, clients connect.
const WARM_UP: Duration = Duration::from_secs(3);
/// How often the producer sends.
const TICK: Duration = Duration::from_millis(1);
/// How long the last messages may take, besides two epochs.
const PATIENCE: Duration = Duration::from_secs(30);

/// Measures and prints the table.
///
/// # Errors
/// A job that fails, messages that are lost or doubled.
pub fn report(args: &Args) -> Result<()> {
    let tidegate = args.program.path()?;
    let cluster = Cluster::connect(&args.bootstrap)?;
    let mut table = comfy_table::Table::new();
    table.load_preset(comfy_table::presets::ASCII_MARKDOWN);
    table.set_header(["epoch ms", "messages", "p50 ms", "p99 ms", "largest ms"]);
    for &epoch in &args.epochs {
        let mut waits = measure(args, &tidegate, &cluster, epoch)?;
        waits.sort_unstable();
        let at = |share: f64| waits[((waits.len() - 1) as f64 * share) as usize] as f64 / 1000.0;
        let p99 = match at(0.99) {
            ms if epoch == 100 && ms > 400.0 => format!("**{ms:.0} > 400**"),
            ms => format!("{ms:.0}"),
        };
        table.add_row([
            epoch.to_string(),
            waits.len().to_string(),
            format!("{:.0}", at(0.5)),
            p99,
            format!("{:.0}", at(1.0)),
        ]);
        eprintln!("epochs of {epoch} ms: done");
    }
    #[allow(clippy::print_stdout, reason = "the report is what the program is for")]
    {
        println!("produce to committed output at {} messages/s of {SIZE} bytes\n{table}", args.rate);
    }
    Ok(())
}

/// Microseconds of each message that counts.
fn measure(args: &Args, tidegate: &PathBuf, cluster: &Cluster, epoch_ms: u64) -> Result<Vec<u64>> {
    let epoch = Duration::from_millis(epoch_ms);
    let id = format!("bench-{}-latency-{epoch_ms}", std::process::id());
    let (input, output) = (format!("{id}-in"), format!("{id}-out"));
    let state = args.program.data.join(&id);
    jobs::remove(&state)?;
    cluster.create(&[input.clone(), output.clone()])?;
    let mut command = Command::new(tidegate);
    command
        .arg("run")
        .arg(jobs::directory().join("kafka/copy.sql"))
        .arg("--state")
        .arg(&state)
        .args(["--from", "earliest", "--plain", "--tasks", &args.program.tasks.to_string()])
        .args(["--set", &format!("pipeline.name={id}")])
        .args(["--set", &format!("execution.checkpointing.interval={epoch_ms}ms")])
        .args(["--var", &format!("in={input}"), "--var", &format!("out={output}")])
        .args(["--var", &format!("brokers={}", args.bootstrap)]);
    let mut job = Running::start(&mut command)?;
    let warm_up = WARM_UP.max(epoch);
    let counted = Duration::from_secs(args.seconds).max(epoch * 3);
    let expected = args.rate * (warm_up + counted).as_secs();
    let (to_here, arrived) = mpsc::channel();
    let consumer = Batches::open(&args.bootstrap, &output)?;
    let patience = warm_up + counted + epoch * 2 + PATIENCE;
    let receiving = thread::spawn(move || to_here.send(receive(consumer, expected, patience)));
    let producer = cluster.producer(&[("linger.ms", "1")])?;
    let first = produce(&producer, &input, args.rate, expected)?;
    let waits = arrived.recv().map_err(|_| Error::internal("the consumer is gone"))?;
    let waits = waits.map_err(|e| e.help(format!("the job's last words:\n{}", job.said())))?;
    // It has said what it had to say.
    let _ = receiving.join();
    job.stop()?;
    jobs::remove(&state)?;
    cluster.delete_of(&id)?;
    let from = first + warm_up.as_micros() as u64;
    Ok(waits.into_iter().filter(|(sent, _)| *sent >= from).map(|(_, wait)| wait).collect())
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_micros() as u64)
}

/// Sends messages at an even rate, each with its number and its time; returns the time of the first.
fn produce(producer: &BaseProducer, topic: &str, rate: u64, count: u64) -> Result<u64> {
    let (start, first) = (Instant::now(), now());
    let mut sent = 0;
    while sent < count {
        let due = ((start.elapsed().as_secs_f64() * rate as f64) as u64).min(count);
        while sent < due {
            let value = format!("{:<SIZE$}", format!("{sent} {}", now()));
            let record = BaseRecord::<(), str>::to(topic).partition((sent % PARTITIONS as u64) as i32).payload(&value);
            match producer.send(record) {
                Ok(()) => sent += 1,
                Err((KafkaError::MessageProduction(Code::QueueFull), _)) => break,
                Err((e, _)) => return Err(failed("producing", &e)),
            }
        }
        producer.poll(Duration::ZERO);
        thread::sleep(TICK);
    }
    producer.flush(PATIENCE).map_err(|e| failed("producing", &e))?;
    Ok(first)
}

/// Takes messages as they become visible, all and each once: when each was sent, and how long it took.
fn receive(mut consumer: Batches, count: u64, patience: Duration) -> Result<Vec<(u64, u64)>> {
    let deadline = Instant::now() + patience;
    let mut seen = vec![false; count as usize];
    let mut waits = Vec::with_capacity(count as usize);
    let mut wrong = None;
    while (waits.len() as u64) < count {
        consumer.next(Duration::from_millis(100), |m| {
            let here = now();
            let text = m.value.and_then(|v| std::str::from_utf8(v).ok()).unwrap_or_default();
            let mut fields = text.split_whitespace().map(str::parse::<u64>);
            match (fields.next(), fields.next()) {
                (Some(Ok(n)), Some(Ok(sent))) if n < count && !seen[n as usize] => {
                    seen[n as usize] = true;
                    waits.push((sent, here.saturating_sub(sent)));
                }
                _ => wrong = Some(text.to_owned()),
            }
        })?;
        if let Some(text) = wrong {
            return Err(Error::external(format!("a message came twice or is not one of ours: {}", text.trim_end())));
        }
        if Instant::now() > deadline {
            return Err(Error::external(format!("{} of {count} messages have arrived", waits.len())));
        }
    }
    Ok(waits)
}

/// A job that is ended with us, whatever happens.
struct Running {
    child: Child,
    said: Option<JoinHandle<String>>,
}

impl Running {
    fn start(command: &mut Command) -> Result<Running> {
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut child = child.map_err(|e| Error::user(format!("cannot start {command:?}: {e}")))?;
        let said = Some(collect(child.stderr.take()));
        Ok(Running { child, said })
    }

    /// Asks it to end, as an operator would.
    fn stop(&mut self) -> Result<()> {
        Command::new("kill").arg(self.child.id().to_string()).status()?;
        let status = self.child.wait()?;
        if status.success() {
            Ok(())
        } else {
            Err(Error::internal(format!("the job ended with {status}:\n{}", self.said())))
        }
    }

    /// Ends it, and returns its last words.
    fn said(&mut self) -> String {
        // Where it has ended already there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.said.take().and_then(|s| s.join().ok()).map_or_else(String::new, |s| last_lines(&s))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.said();
    }
}
