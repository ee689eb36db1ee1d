//! Calls of `services/kafka.sh`.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

/// Whether brokers can be had. Fetches them the first time.
pub fn available() -> bool {
    static AVAILABLE: OnceLock<bool> = OnceLock::new();
    *AVAILABLE.get_or_init(|| {
        let output = Command::new(path()).arg("install").stdin(Stdio::null()).output();
        let why = match output {
            Ok(output) if output.status.success() => return true,
            Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            Err(e) => format!("{}: {e}", path().display()),
        };
        assert!(std::env::var_os("TIDEGATE_KAFKA_SCRIPT").is_none(), "no Kafka broker: {why}");
        println!("skipped: no Kafka broker: {why}");
        false
    })
}

fn path() -> PathBuf {
    match std::env::var_os("TIDEGATE_KAFKA_SCRIPT") {
        Some(path) => path.into(),
        None => crate::root().join("integration-tests/services/kafka.sh"),
    }
}

/// Where all brokers of this run live.
pub fn run_dir() -> PathBuf {
    let dir = match std::env::var_os("TIDEGATE_SERVICES_DIR") {
        Some(dir) => PathBuf::from(dir),
        None => std::env::temp_dir().join(format!("tidegate-services-{}", run_owner())),
    };
    std::fs::create_dir_all(&dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
    dir
}

/// Where files are kept between runs; as in `services/lib.sh`.
pub fn cache() -> PathBuf {
    let set = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let dir = set("TIDEGATE_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|d| d.join("tidegate")))
        .or_else(|| set("HOME").map(|d| d.join(".cache/tidegate")))
        .unwrap_or_else(|| std::env::temp_dir().join(".cache/tidegate"));
    std::fs::create_dir_all(&dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
    dir
}

/// The process that a shared broker has to outlive this one for: cargo, which runs one test binary
/// after another, or this one where it was started by hand.
fn run_owner() -> u32 {
    let parent = std::os::unix::process::parent_id();
    match std::fs::read_to_string(format!("/proc/{parent}/comm")) {
        Ok(name) if name.starts_with("cargo") => parent,
        _ => std::process::id(),
    }
}

/// Starts the shared broker, or finds that another test of this run has.
pub fn start_shared() -> Option<String> {
    if !available() {
        return None;
    }
    let lock = cache().join("shared.lock");
    let lock = File::create(&lock).unwrap_or_else(|e| panic!("{}: {e}", lock.display()));
    lock.lock().expect("a lock");
    let env = [("KAFKA_OWNER".into(), run_owner().to_string()), ("KAFKA_HEAP".into(), "768m".into())];
    let port = start(&run_dir().join("shared"), &[], &env);
    Some(format!("127.0.0.1:{port}"))
}

/// Starts a broker and gives its port. Panics with the end of its log where it does not come up.
pub fn start(dir: &Path, args: &[&str], env: &[(String, String)]) -> u16 {
    let output = run("start", dir, args, env);
    let text = String::from_utf8_lossy(&output.stdout);
    let port = text.split_whitespace().nth(2).and_then(|port| port.parse().ok());
    match port {
        Some(port) if output.status.success() => port,
        _ => panic!("no broker in {}: {text}{}", dir.display(), String::from_utf8_lossy(&output.stderr)),
    }
}

/// Runs a command of the script that must succeed.
pub fn ok(command: &str, dir: &Path) {
    let output = run(command, dir, &[], &[]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "kafka.sh {command} {}: {stderr}", dir.display());
}

/// Runs a command of the script.
pub fn run(command: &str, dir: &Path, args: &[&str], env: &[(String, String)]) -> Output {
    let env = env.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    Command::new(path())
        .arg(command)
        .arg(dir)
        .args(args)
        .envs(env)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|e| panic!("{}: {e}", path().display()))
}

/// Runs one of Kafka's tools. Text larger than a pipe holds may be given and taken.
pub fn tool(dir: &Path, bootstrap: Option<&str>, command: &str, args: &[&str], stdin: &str) -> Output {
    let mut script = Command::new(path());
    if let Some(bootstrap) = bootstrap {
        script.env("KAFKA_BOOTSTRAP", bootstrap);
    }
    if command.contains('.') {
        script.arg("run").arg(dir).arg(command);
    } else {
        script.arg(command).arg(dir);
    }
    let mut child = script
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("{}: {e}", path().display()));
    let mut pipe = child.stdin.take().expect("a pipe");
    std::thread::scope(|scope| {
        // A tool that does not read its input to the end has a reason, which its output tells.
        scope.spawn(move || {
            let _ = pipe.write_all(stdin.as_bytes());
        });
        child.wait_with_output().expect("the tool ends")
    })
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::process::Command;
    use std::time::{Duration, Instant};

    use super::super::slot::Slot;
    use super::{available, run};

    #[test]
    fn a_taken_port_is_an_error_that_says_so() {
        if !available() {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port().to_string();
        let output = run("start", &dir.path().join("broker"), &[&port], &[]);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && stderr.contains(&format!("port {port} is taken")), "{stderr}");
    }

    #[test]
    fn a_broker_goes_when_its_owner_does() {
        if !available() {
            return;
        }
        let (_slot, dir) = (Slot::take(), tempfile::tempdir().unwrap());
        let broker = dir.path().join("broker");
        let mut owner = Command::new("sleep").arg("600").spawn().unwrap();
        super::start(&broker, &["auto"], &[("KAFKA_OWNER".into(), owner.id().to_string())]);
        std::thread::sleep(Duration::from_secs(2));
        assert!(run("status", &broker, &[], &[]).status.success(), "its owner lives");
        owner.kill().unwrap();
        owner.wait().unwrap();
        let start = Instant::now();
        while broker.exists() {
            assert!(start.elapsed() < Duration::from_secs(30), "its owner is dead");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    #[test]
    fn sweeping_ends_what_lives_below_a_directory_of_services() {
        if !available() {
            return;
        }
        let (_slot, dir) = (Slot::take(), tempfile::tempdir().unwrap());
        let broker = dir.path().join("services/broker");
        // The owner only sees to it that a failure of this test leaves nothing behind.
        let port = super::start(&broker, &["auto"], &[("KAFKA_OWNER".into(), std::process::id().to_string())]);
        let services = dir.path().join("services");
        assert!(!run("sweep", &services, &[], &[]).status.success(), "not marked as such");
        assert!(run("status", &broker, &[], &[]).status.success());
        // One whose pid nobody has noted yet.
        std::fs::remove_file(broker.join("kafka.pid")).unwrap();
        std::fs::write(services.join(".services"), "").unwrap();
        super::ok("sweep", &services);
        assert!(!services.exists());
        TcpStream::connect(("127.0.0.1", port)).expect_err("nobody listens");
    }
}
