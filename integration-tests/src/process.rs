//! Starting, watching and killing the `tidegate` program.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

/// The program: `TIDEGATE_BIN`, or built once by cargo.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        if let Some(path) = std::env::var_os("TIDEGATE_BIN") {
            return PathBuf::from(path);
        }
        let status = Command::new(env!("CARGO")).args(["build", "-p", "tidegate"]).current_dir(crate::root()).status();
        assert!(status.is_ok_and(|s| s.success()), "cargo build -p tidegate failed");
        // The tests run from target/<profile>/deps.
        let exe = std::env::current_exe().expect("the test's own path");
        exe.ancestors().nth(2).expect("target/<profile>").join("tidegate")
    })
}

/// A command line of the program.
pub struct Tidegate {
    command: Command,
}

/// What a finished run left.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Finished {
    fn of(output: &Output) -> Self {
        Finished {
            status: output.status,
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
    /// Panics with everything it said unless it ended well.
    #[allow(clippy::must_use_candidate, clippy::return_self_not_must_use, reason = "often the check is all")]
    pub fn ok(self) -> Self {
        assert!(self.status.success(), "{}\n--- stdout\n{}\n--- stderr\n{}", self.status, self.stdout, self.stderr);
        self
    }
    /// Panics unless it ended with this exit code; gives standard error.
    pub fn fails_with(self, code: i32) -> String {
        assert_eq!(self.status.code(), Some(code), "--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr);
        self.stderr
    }
}

impl Tidegate {
    /// `tidegate ARGS…`
    pub fn new<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> Self {
        let mut command = Command::new(binary());
        command.args(args).env("RUST_BACKTRACE", "1").env_remove("TIDEGATE_FAILPOINT");
        Tidegate { command }
    }
    /// `tidegate run JOB --embedded DATA --plain`
    pub fn job(job: &Path, data: &Path) -> Self {
        Self::new(["run"]).arg(job).arg("--embedded").arg(data).arg("--plain")
    }
    /// One more argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.arg(arg);
        self
    }
    /// More arguments, split at blanks.
    #[must_use]
    pub fn args(mut self, args: &str) -> Self {
        self.command.args(args.split_whitespace());
        self
    }
    /// `--from earliest --until latest`
    #[must_use]
    pub fn bounded(self) -> Self {
        self.args("--from earliest --until latest")
    }
    /// An environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.env(name, value);
        self
    }
    /// Runs to the end; kills and panics after two minutes.
    pub fn run(self) -> Finished {
        let running = self.start();
        running.wait(Duration::from_secs(120))
    }
    /// Runs with this text as standard input.
    pub fn run_with_input(mut self, input: &str) -> Finished {
        let mut child = self
            .command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("tidegate starts");
        child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("standard input is read");
        Finished::of(&child.wait_with_output().expect("tidegate ends"))
    }
    /// Starts and returns at once.
    pub fn start(mut self) -> Running {
        let mut child = self
            .command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("tidegate starts");
        let stdout = collect(child.stdout.take().expect("a pipe"));
        let stderr = collect(child.stderr.take().expect("a pipe"));
        Running { child, stdout, stderr }
    }
}

type Lines = (Arc<Mutex<String>>, std::thread::JoinHandle<()>);

fn collect(pipe: impl std::io::Read + Send + 'static) -> Lines {
    let text = Arc::new(Mutex::new(String::new()));
    let sink = text.clone();
    let thread = std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            let mut text = sink.lock().expect("not poisoned");
            text.push_str(&line);
            text.push('\n');
        }
    });
    (text, thread)
}

/// A running program; killed when dropped.
pub struct Running {
    child: Child,
    stdout: Lines,
    stderr: Lines,
}

impl Running {
    /// SIGKILL, and waits until it is gone.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
    /// SIGTERM.
    pub fn terminate(&self) {
        self.signal("-TERM");
    }
    /// SIGSTOP: it stands still wherever it is, as a machine does that is moved or swaps.
    pub fn pause(&self) {
        self.signal("-STOP");
    }
    /// SIGCONT.
    pub fn resume(&self) {
        self.signal("-CONT");
    }
    fn signal(&self, name: &str) {
        let status = Command::new("kill").args([name, &self.child.id().to_string()]).status();
        assert!(status.is_ok_and(|s| s.success()), "kill {name}");
    }
    /// Whether it has not ended yet.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
    /// Standard output so far.
    pub fn stdout(&self) -> String {
        self.stdout.0.lock().expect("not poisoned").clone()
    }
    /// Standard error so far.
    pub fn stderr(&self) -> String {
        self.stderr.0.lock().expect("not poisoned").clone()
    }
    /// Waits for the end; kills and panics after `patience`.
    pub fn wait(mut self, patience: Duration) -> Finished {
        let start = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a status") {
                break status;
            }
            if start.elapsed() > patience {
                self.kill();
                panic!("still running after {patience:?}\n--- stderr\n{}", self.stderr());
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        let text = |lines: &mut Lines| {
            let empty = std::thread::spawn(|| ());
            let _ = std::mem::replace(&mut lines.1, empty).join();
            lines.0.lock().expect("not poisoned").clone()
        };
        Finished { status, stdout: text(&mut self.stdout), stderr: text(&mut self.stderr) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}
