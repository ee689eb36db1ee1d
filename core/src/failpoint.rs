//! Named places at which a test can kill this process.
//!
//! `TIDEGATE_FAILPOINT=decide.after_fsync:3` kills it with SIGKILL at the third time the place is
//! reached; `TIDEGATE_FAILPOINT_TRACE=FILE` appends the name of each place when it is first reached,
//! so that a test can tell that all of them were. Without these variables a failpoint costs one
//! relaxed load.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};

/// The failpoints of the runtime. A name that is in no list is refused by [`hit`] in debug builds.
pub const RUNTIME: &[&str] = &[
    "open.after_incarnation",
    "log.after_append",
    "decide.before_data_fsync",
    "decide.after_data_fsync",
    "decide.before_write",
    "decide.after_write",
    "decide.after_fsync",
    "claim.before",
    "claim.after",
    "apply.before",
    "apply.before_acknowledge",
    "apply.after",
    "fold.before_swap",
    "fold.after_swap",
    "trim.before_remove",
];

/// The failpoints of sinks that send rows and fence to a server and then commit them: after the rows,
/// after the fence, and after the server's answer to the commit.
pub const SINK: &[&str] = &["send.rows", "send.fence", "send.committed"];

fn is_known(name: &str) -> bool {
    RUNTIME.contains(&name) || SINK.contains(&name)
}

const UNKNOWN: u8 = 0;
const OFF: u8 = 1;
const ON: u8 = 2;
static STATE: AtomicU8 = AtomicU8::new(UNKNOWN);
static COUNTS: LazyLock<Mutex<BTreeMap<&'static str, u64>>> = LazyLock::new(Mutex::default);

/// Marks a place. Returns unless the environment asks for death here.
pub fn hit(name: &'static str) {
    debug_assert!(is_known(name), "failpoint '{name}' is not in the list");
    match STATE.load(Ordering::Relaxed) {
        OFF => {}
        UNKNOWN => {
            let on = ["TIDEGATE_FAILPOINT", "TIDEGATE_FAILPOINT_TRACE"].iter().any(|v| std::env::var_os(v).is_some());
            STATE.store(if on { ON } else { OFF }, Ordering::Relaxed);
            if on {
                count(name);
            }
        }
        _ => count(name),
    }
}

fn count(name: &'static str) {
    let times = {
        let mut counts = COUNTS.lock().unwrap_or_else(PoisonError::into_inner);
        let times = counts.entry(name).or_insert(0);
        *times += 1;
        *times
    };
    if times == 1
        && let Some(path) = std::env::var_os("TIDEGATE_FAILPOINT_TRACE")
        && let Ok(mut file) = std::fs::OpenOptions::new().append(true).create(true).open(path)
    {
        // A trace that cannot be written shows as a failpoint that was never hit.
        let _ = file.write_all(format!("{name}\n").as_bytes());
    }
    if let Ok(wanted) = std::env::var("TIDEGATE_FAILPOINT")
        && is_due(&wanted, name, times)
    {
        kill_this_process();
    }
}

/// Whether `name[:n]` means this place now; `n` is 1 where not given.
fn is_due(wanted: &str, name: &str, times: u64) -> bool {
    let (place, n) = wanted.split_once(':').unwrap_or((wanted, "1"));
    place == name && n.parse() == Ok(times)
}

/// Dies as a machine does: no destructor runs, nothing is flushed.
pub fn kill_this_process() -> ! {
    // The kernel's SIGKILL by way of kill(1), as a signal needs unsafe code otherwise.
    let _ = std::process::Command::new("kill").args(["-KILL", &std::process::id().to_string()]).status();
    std::process::abort()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        let all = [RUNTIME, SINK].concat();
        let names: std::collections::BTreeSet<&str> = all.iter().copied().collect();
        assert_eq!(names.len(), all.len());
    }

    #[test]
    fn counts_decide() {
        assert!(is_due("a", "a", 1) && !is_due("a", "a", 2));
        assert!(is_due("a:3", "a", 3) && !is_due("a:3", "a", 1));
        assert!(!is_due("a", "b", 1) && !is_due("a:x", "a", 1));
    }

    fn sources(dir: &std::path::Path) -> String {
        let mut out = String::new();
        for entry in std::fs::read_dir(dir).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                out.push_str(&sources(&path));
            } else if path.extension().is_some_and(|e| e == "rs") {
                out.push_str(&std::fs::read_to_string(path).unwrap());
            }
        }
        out
    }

    /// Every place in the lists is in the code: once in the runtime, once a connector that has it.
    #[test]
    fn every_place_is_marked() {
        let workspace = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let (runtime, connectors) = (sources(&workspace.join("runtime/src")), sources(&workspace.join("connectors")));
        let marks = |text: &str, name: &str| text.matches(&format!("failpoint::hit(\"{name}\")")).count();
        for name in RUNTIME {
            assert_eq!(marks(&runtime, name), 1, "{name}");
        }
        for name in SINK {
            assert!(marks(&connectors, name) >= 1, "{name}");
        }
    }
}
