//! A proxy in front of a broker that fails on purpose, at the request a test names. It reads the
//! frames of Kafka's protocol and can therefore tell a commit from a fetch.
//!
//! ```text
//! let reserved = Proxy::reserve();                                   // the port is known first,
//! let broker = Broker::start(Settings::new().proxied(reserved.port()))?;   // the broker tells it to clients,
//! let proxy = reserved.start(&broker.proxy_listener());              // and the proxy forwards
//! proxy.arm(Rule { api: Api::EndTxn, nth: 1, act: Act::CutAfter });
//! ```

mod connection;
mod pace;
mod rules;
#[cfg(test)]
mod tests;

pub use rules::{Act, Api, Rule};

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use connection::Connection;
use pace::Pace;
use rules::Rules;

/// A port for a proxy that is not there yet. Who connects meanwhile waits.
#[derive(Debug)]
pub struct Reserved {
    listener: TcpListener,
}

impl Reserved {
    /// The port.
    pub fn port(&self) -> u16 {
        address_of(&self.listener).port()
    }
    /// Starts the proxy; `upstream` is a broker's `host:port`.
    pub fn start(self, upstream: &str) -> Proxy {
        let shared = Arc::new(Shared {
            upstream: upstream.to_owned(),
            rules: Mutex::default(),
            pace: Pace::default(),
            refusing: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            connections: Mutex::default(),
        });
        let address = address_of(&self.listener);
        let listening = shared.clone();
        let thread = std::thread::spawn(move || listening.listen(&self.listener));
        Proxy { shared, address, thread: Some(thread) }
    }
}

fn address_of(listener: &TcpListener) -> SocketAddr {
    listener.local_addr().expect("a bound socket")
}

/// What all connections of a proxy share.
#[derive(Debug)]
struct Shared {
    upstream: String,
    rules: Mutex<Rules>,
    pace: Pace,
    refusing: AtomicBool,
    ended: AtomicBool,
    connections: Mutex<Vec<Weak<Connection>>>,
}

impl Shared {
    fn listen(self: &Arc<Self>, listener: &TcpListener) {
        while let Ok((client, _)) = listener.accept() {
            if self.ended.load(Ordering::SeqCst) {
                return;
            }
            if !self.refusing.load(Ordering::SeqCst) {
                self.connect(client);
            }
        }
    }
    fn connect(self: &Arc<Self>, client: TcpStream) {
        // While the broker is down its clients see their connections closed.
        let Ok(broker) = TcpStream::connect(&self.upstream) else { return };
        let Ok(connection) = Connection::start(self.clone(), client, broker) else { return };
        let mut connections = self.connections.lock().unwrap();
        connections.retain(|c| c.strong_count() > 0);
        connections.push(Arc::downgrade(&connection));
    }
    fn cut_all(&self) {
        for connection in self.connections.lock().unwrap().drain(..) {
            if let Some(connection) = connection.upgrade() {
                connection.cut();
            }
        }
    }
}

/// A running proxy; it and all its connections end when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    shared: Arc<Shared>,
    address: SocketAddr,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Takes a port.
    pub fn reserve() -> Reserved {
        Reserved { listener: TcpListener::bind("127.0.0.1:0").expect("a free port") }
    }
    /// A proxy on a port of its own.
    pub fn start(upstream: &str) -> Proxy {
        Self::reserve().start(upstream)
    }
    /// What clients connect to.
    pub fn bootstrap(&self) -> String {
        self.address.to_string()
    }
    /// Waits for a request to fail at. Several rules may wait at once; one request meets one of them.
    pub fn arm(&self, rule: Rule) {
        self.shared.rules.lock().unwrap().arm(rule);
    }
    /// Forgets the rules that have not been met.
    pub fn disarm(&self) {
        self.shared.rules.lock().unwrap().disarm();
    }
    /// How many rules have been met.
    pub fn hits(&self) -> usize {
        self.shared.rules.lock().unwrap().hits()
    }
    /// Waits until so many rules have been met since the start. Panics after a minute.
    pub fn await_hits(&self, hits: usize) {
        let start = Instant::now();
        while self.hits() < hits {
            assert!(start.elapsed() < Duration::from_secs(60), "{} of {hits} rules were met", self.hits());
            std::thread::sleep(Duration::from_millis(2));
        }
    }
    /// How many requests of this kind have come from clients since the start.
    pub fn seen(&self, api: Api) -> usize {
        self.shared.rules.lock().unwrap().seen(api)
    }
    /// Closes every connection, on both sides.
    pub fn cut_all(&self) {
        self.shared.cut_all();
    }
    /// From now on closes new connections at once, or no longer.
    pub fn refuse(&self, refuse: bool) {
        self.shared.refusing.store(refuse, Ordering::SeqCst);
    }
    /// Lets so many bytes a second pass, of both directions together; 0: as many as come.
    pub fn throttle(&self, bytes_per_second: u64) {
        self.shared.pace.throttle(bytes_per_second);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        // Wakes the listening thread.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        self.shared.cut_all();
    }
}
