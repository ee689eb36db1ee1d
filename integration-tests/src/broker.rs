//! Real Kafka brokers: one that tests share, and private ones that a test may kill, restart, encrypt
//! or restrict. What starts them is `services/kafka.sh`.
//!
//! Where Java or Maven is missing the functions give `None` and print why: the test passes as
//! skipped. Under `test.sh`, which has installed both, the same is a failure.

mod script;
mod slot;

use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

pub(crate) use script::{cache, run_dir};
use slot::Slot;

/// Name and password of the user who may do everything.
pub const ALICE: (&str, &str) = ("alice", "alice-secret");
/// Name and password of a user who, with [`Settings::acl`], may do nothing until an ACL says so.
pub const BOB: (&str, &str) = ("bob", "bob-secret");

/// Where the broker that all tests share answers: `TIDEGATE_KAFKA_BOOTSTRAP`, or one that is started
/// for as long as this run of cargo lasts.
pub fn shared() -> Option<String> {
    static SHARED: OnceLock<Option<String>> = OnceLock::new();
    SHARED
        .get_or_init(|| match std::env::var("TIDEGATE_KAFKA_BOOTSTRAP") {
            Ok(bootstrap) if !bootstrap.is_empty() => Some(bootstrap),
            _ => script::start_shared(),
        })
        .clone()
}

/// A name for a topic, group or transactional id that no other test and no earlier run uses.
pub fn unique(name: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() % 0x10_0000_0000;
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{name}-{now:x}-{:x}-{n}", std::process::id())
}

/// Runs one of Kafka's own tools against any broker: `topics`, `produce`, `consume`, `groups`,
/// `configs`, `txns`, `offsets`, `acls`, or a class by its full name, which needs its own
/// `--bootstrap-server`. `None` where there is no Java.
pub fn tool(bootstrap: &str, command: &str, args: &[&str], stdin: &str) -> Option<Output> {
    script::available().then(|| script::tool(&script::run_dir(), Some(bootstrap), command, args, stdin))
}

/// What a private broker is like.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    env: Vec<(String, String)>,
    extra: Vec<String>,
}

impl Settings {
    /// A broker like the shared one.
    pub fn new() -> Self {
        Self::default()
    }
    /// An environment variable of `kafka.sh`, for example `KAFKA_TXN_MAX_TIMEOUT_MS`.
    #[must_use]
    #[allow(clippy::needless_pass_by_value, reason = "text and numbers, as they are")]
    pub fn env(mut self, name: &str, value: impl ToString) -> Self {
        self.env.push((name.to_owned(), value.to_string()));
        self
    }
    /// Listeners with SASL, with TLS and with both.
    #[must_use]
    pub fn secure(self) -> Self {
        self.env("KAFKA_SECURE", 1)
    }
    /// An authorizer, and the listeners of [`Settings::secure`]: `bob` may do nothing, `alice` and
    /// clients without a name everything.
    #[must_use]
    pub fn acl(self) -> Self {
        self.env("KAFKA_ACL", 1)
    }
    /// A listener whose clients are told to come to this port, where a proxy is.
    #[must_use]
    pub fn proxied(self, port: u16) -> Self {
        self.env("KAFKA_PROXY_PORT", port)
    }
    /// One more line of `server.properties`.
    #[must_use]
    pub fn extra(mut self, line: &str) -> Self {
        self.extra.push(line.to_owned());
        self
    }
}

/// A private broker. It is killed and removed when dropped, and when the test's process dies.
///
/// There are only so many at once on a machine: `start` waits for its turn. A test that holds one
/// broker and starts another could therefore wait for a test that does the same.
#[derive(Debug)]
pub struct Broker {
    dir: PathBuf,
    port: u16,
    settings: Settings,
    _slot: Slot,
}

impl Broker {
    /// Starts a broker and waits until it answers. Panics where it should have started and did not.
    pub fn start(settings: Settings) -> Option<Broker> {
        if !script::available() {
            return None;
        }
        let slot = Slot::take();
        let dir = script::run_dir().join(unique("broker"));
        let port = script::start(&dir, &["auto"], &settings.env_of(std::process::id()));
        Some(Broker { dir, port, settings, _slot: slot })
    }
    /// SIGKILL; returns when the process is gone.
    pub fn kill(&self) {
        script::ok("kill", &self.dir);
    }
    /// A clean end.
    pub fn stop(&self) {
        script::ok("stop", &self.dir);
    }
    /// Starts it again on the same ports and data and waits until it answers; ends it before that if
    /// it runs.
    pub fn restart(&self) {
        self.stop();
        script::start(&self.dir, &[], &self.settings.env_of(std::process::id()));
    }
    /// As [`Broker::restart`], with other settings from now on.
    pub fn restart_with(&mut self, settings: Settings) {
        self.settings = settings;
        self.restart();
    }
    /// The plain listener.
    pub fn bootstrap(&self) -> String {
        self.listener(0)
    }
    /// The listener with names and passwords, not encrypted.
    pub fn sasl_plaintext(&self) -> String {
        self.listener(1)
    }
    /// The encrypted listener.
    pub fn tls(&self) -> String {
        self.listener(2)
    }
    /// The encrypted listener with names and passwords.
    pub fn sasl_tls(&self) -> String {
        self.listener(3)
    }
    /// The listener that a proxy forwards to. Clients go to the proxy.
    pub fn proxy_listener(&self) -> String {
        self.listener(4)
    }
    fn listener(&self, offset: u16) -> String {
        format!("127.0.0.1:{}", self.port + offset)
    }
    /// Its directory: `kafka.log`, `server.properties`, `data`, `tls`.
    pub fn dir(&self) -> &Path {
        &self.dir
    }
    /// The file with the certificate of the authority that vouches for the encrypted listeners.
    pub fn ca_pem(&self) -> PathBuf {
        self.dir.join("tls/ca.pem")
    }
    /// Files with a client's certificate and its key, and both as PKCS#12 with the password `changeit`.
    pub fn client_certificate(&self) -> (PathBuf, PathBuf, PathBuf) {
        let tls = self.dir.join("tls");
        (tls.join("client.crt"), tls.join("client.key"), tls.join("client.p12"))
    }
    /// Runs one of Kafka's own tools on this broker; see [`tool`].
    pub fn tool(&self, command: &str, args: &[&str], stdin: &str) -> Output {
        script::tool(&self.dir, None, command, args, stdin)
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // Where this fails the script notices that the process has ended, and sees to it.
        let _ = script::run("remove", &self.dir, &[], &[]);
    }
}

impl Settings {
    /// The script's environment; the broker lives no longer than the process `owner`.
    fn env_of(&self, owner: u32) -> Vec<(String, String)> {
        let mut env = self.env.clone();
        env.push(("KAFKA_EXTRA".into(), self.extra.join("\\n")));
        env.push(("KAFKA_OWNER".into(), owner.to_string()));
        env
    }
}
