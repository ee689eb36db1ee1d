//! Python's own Kafka client (`kafka-python`, which shares no code with librdkafka), in a virtual
//! environment that is kept between runs.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use crate::broker;

const CLIENT: &str = "kafka-python==3.0.12";

/// Runs a script of `integration-tests/python`; what it printed. Panics where it fails; `None`, with
/// the reason printed, where Python or the client cannot be had.
pub fn run(script: &str, args: &[&str]) -> Option<String> {
    let python = interpreter()?;
    let output = Command::new(python)
        .arg(crate::root().join("integration-tests/python").join(script))
        .args(args)
        .env("PYTHONIOENCODING", "utf-8")
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|e| panic!("{}: {e}", python.display()));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{script}: {}{}", text(&output.stdout), text(&output.stderr));
    Some(text(&output.stdout))
}

fn interpreter() -> Option<&'static Path> {
    static PYTHON: OnceLock<Option<PathBuf>> = OnceLock::new();
    PYTHON
        .get_or_init(|| match install() {
            Ok(python) => Some(python),
            Err(why) => {
                println!("skipped: no Python client: {why}");
                None
            }
        })
        .as_deref()
}

/// Other test binaries may be at it too: one installs, the others wait.
fn install() -> Result<PathBuf, String> {
    let cache = broker::cache();
    let lock = File::create(cache.join("python.lock")).map_err(|e| e.to_string())?;
    lock.lock().map_err(|e| e.to_string())?;
    let home = cache.join(CLIENT.replace("==", "-"));
    let (python, done) = (home.join("bin/python"), home.join(".complete"));
    if !done.exists() {
        ran(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&home))?;
        ran(Command::new(&python).args(["-m", "pip", "install", "--quiet", CLIENT]))?;
        File::create(&done).map_err(|e| e.to_string())?;
    }
    Ok(python)
}

fn ran(command: &mut Command) -> Result<(), String> {
    match command.stdin(Stdio::null()).output() {
        Ok(Output { status, .. }) if status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(e) => Err(format!("{command:?}: {e}")),
    }
}
