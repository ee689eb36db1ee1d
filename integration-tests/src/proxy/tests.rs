//! Each act to the byte, against a server that speaks only frames.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::rules::Rules;
use super::{Act, Api, Proxy, Rule};

const COMMIT: i16 = 26;
const FETCH: i16 = 1;

/// Answers every request with its correlation id and its bytes; remembers the ids in their order.
fn echo() -> (String, Arc<Mutex<Vec<i32>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let ids = seen.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let ids = ids.clone();
            std::thread::spawn(move || {
                let stream = stream.unwrap();
                while let Ok(Some(frame)) = super::connection::frame(&stream) {
                    ids.lock().unwrap().push(i32::from_be_bytes(frame[8..12].try_into().unwrap()));
                    let answer = [&frame[..4], &frame[8..12], &frame[8..]].concat();
                    let _ = (&stream).write_all(&answer);
                }
            });
        }
    });
    (address, seen)
}

fn request(api: i16, id: i32, size: usize) -> Vec<u8> {
    let mut frame = (8 + size as i32).to_be_bytes().to_vec();
    frame.extend(api.to_be_bytes());
    frame.extend(3_i16.to_be_bytes());
    frame.extend(id.to_be_bytes());
    frame.resize(12 + size, b'x');
    frame
}

struct Client(TcpStream);

impl Client {
    fn of(proxy: &Proxy) -> Self {
        let stream = TcpStream::connect(proxy.bootstrap()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        Client(stream)
    }
    fn send(&mut self, api: i16, id: i32) {
        self.0.write_all(&request(api, id, 100)).unwrap();
    }
    /// The id of the next answer, which is whole.
    fn answer(&mut self) -> i32 {
        let frame = super::connection::frame(&self.0).unwrap().expect("an answer");
        assert_eq!(frame.len(), 112, "4 + 4 + 104 bytes");
        i32::from_be_bytes(frame[4..8].try_into().unwrap())
    }
    fn ask(&mut self, api: i16, id: i32) -> i32 {
        self.send(api, id);
        self.answer()
    }
    /// The bytes until the proxy closes the connection.
    fn rest(&mut self) -> usize {
        let mut bytes = Vec::new();
        match self.0.read_to_end(&mut bytes) {
            Ok(_) => bytes.len(),
            Err(e) if e.kind() == std::io::ErrorKind::ConnectionReset => bytes.len(),
            Err(e) => panic!("{e}"),
        }
    }
    fn is_silent(&mut self, time: Duration) {
        self.0.set_read_timeout(Some(time)).unwrap();
        let e = self.0.read(&mut [0]).expect_err("neither bytes nor an end");
        assert!(matches!(e.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut), "{e}");
        self.0.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    }
}

fn armed(act: Act) -> (Proxy, Client, Arc<Mutex<Vec<i32>>>) {
    let (address, seen) = echo();
    let proxy = Proxy::start(&address);
    proxy.arm(Rule { api: Api::EndTxn, nth: 1, act });
    let mut client = Client::of(&proxy);
    assert_eq!(client.ask(FETCH, 1), 1, "other requests pass");
    (proxy, client, seen)
}

fn seen(ids: &Mutex<Vec<i32>>) -> Vec<i32> {
    ids.lock().unwrap().clone()
}

#[test]
fn cut_before() {
    let (proxy, mut client, ids) = armed(Act::CutBefore);
    client.send(COMMIT, 2);
    assert_eq!(client.rest(), 0);
    assert_eq!(seen(&ids), [1], "the broker never saw it");
    assert_eq!(Client::of(&proxy).ask(COMMIT, 3), 3, "only once");
    assert_eq!((proxy.hits(), proxy.seen(Api::EndTxn)), (1, 2));
}

#[test]
fn cut_after() {
    let (_proxy, mut client, ids) = armed(Act::CutAfter);
    client.send(COMMIT, 2);
    assert_eq!(client.rest(), 0);
    assert_eq!(seen(&ids), [1, 2]);
}

#[test]
fn cut_after_lets_earlier_answers_pass() {
    let (proxy, mut client, ids) = armed(Act::CutAfter);
    client.0.write_all(&[request(FETCH, 2, 100), request(COMMIT, 3, 100), request(FETCH, 4, 100)].concat()).unwrap();
    assert_eq!(client.answer(), 2);
    assert_eq!(client.rest(), 0);
    assert_eq!(seen(&ids)[..3], [1, 2, 3]);
    assert_eq!(proxy.hits(), 1);
}

#[test]
fn cut_answer() {
    let (_proxy, mut client, ids) = armed(Act::CutAnswer);
    client.send(COMMIT, 2);
    assert_eq!(client.rest(), 112 / 2);
    assert_eq!(seen(&ids), [1, 2]);
}

#[test]
fn delay() {
    let time = Duration::from_millis(300);
    let (_proxy, mut client, ids) = armed(Act::Delay(time));
    client.send(COMMIT, 2);
    client.is_silent(time / 2);
    assert_eq!(seen(&ids), [1, 2], "the broker has acted");
    assert_eq!(client.answer(), 2);
}

#[test]
fn delay_request() {
    let time = Duration::from_millis(300);
    let (proxy, mut client, ids) = armed(Act::DelayRequest(time));
    client.send(COMMIT, 2);
    proxy.await_hits(1);
    drop(client);
    assert_eq!(Client::of(&proxy).ask(COMMIT, 3), 3, "other connections go on");
    assert_eq!(seen(&ids), [1, 3]);
    std::thread::sleep(time * 2);
    assert_eq!(seen(&ids), [1, 3, 2], "it comes although its sender has gone");
}

#[test]
fn half_close() {
    let (proxy, mut client, ids) = armed(Act::HalfClose);
    client.send(COMMIT, 2);
    client.send(FETCH, 3);
    client.is_silent(Duration::from_millis(200));
    client.send(FETCH, 4);
    assert_eq!(seen(&ids), [1]);
    proxy.cut_all();
    assert_eq!(client.rest(), 0);
}

#[test]
fn black_hole() {
    let time = Duration::from_millis(400);
    let (proxy, mut client, ids) = armed(Act::BlackHole(time));
    let mut other = Client::of(&proxy);
    assert_eq!(other.ask(FETCH, 2), 2);
    let start = Instant::now();
    client.send(COMMIT, 3);
    proxy.await_hits(1);
    other.send(FETCH, 4);
    other.is_silent(time / 2);
    assert_eq!(seen(&ids), [1, 2], "nothing passes");
    assert_eq!((client.answer(), other.answer()), (3, 4));
    assert!(start.elapsed() >= time);
}

#[test]
fn throttle() {
    let (address, _) = echo();
    let proxy = Proxy::start(&address);
    let mut client = Client::of(&proxy);
    proxy.throttle(100_000);
    let start = Instant::now();
    client.0.write_all(&request(FETCH, 1, 25_000)).unwrap();
    let answer = super::connection::frame(&client.0).unwrap().unwrap();
    let took = start.elapsed().as_millis();
    assert_eq!(answer.len(), 4 + 4 + 25_004);
    // 50,000 bytes both ways together.
    assert!((450..2000).contains(&took), "{took} ms");
    proxy.throttle(0);
    let start = Instant::now();
    client.0.write_all(&request(FETCH, 2, 1_000_000)).unwrap();
    super::connection::frame(&client.0).unwrap().unwrap();
    assert!(start.elapsed() < Duration::from_secs(5), "the limit is off");
}

#[test]
fn cut_all_and_refuse() {
    let (address, _) = echo();
    let proxy = Proxy::start(&address);
    let mut clients = [Client::of(&proxy), Client::of(&proxy)];
    for client in &mut clients {
        assert_eq!(client.ask(FETCH, 1), 1);
    }
    proxy.refuse(true);
    proxy.cut_all();
    assert_eq!(clients.map(|mut c| c.rest()), [0, 0]);
    assert_eq!(Client::of(&proxy).rest(), 0);
    proxy.refuse(false);
    assert_eq!(Client::of(&proxy).ask(FETCH, 1), 1);
}

#[test]
fn rules_count_from_when_they_were_armed() {
    let mut rules = Rules::default();
    let rule = |nth, act| Rule { api: Api::EndTxn, nth, act };
    assert_eq!(rules.meet(Api::EndTxn), None);
    rules.arm(rule(2, Act::CutAfter));
    rules.arm(rule(1, Act::CutBefore));
    rules.arm(rule(1, Act::HalfClose));
    assert_eq!(rules.meet(Api::Fetch), None);
    assert_eq!(rules.meet(Api::EndTxn), Some(Act::CutBefore));
    // Both others are due now: the eldest first.
    assert_eq!(rules.meet(Api::EndTxn), Some(Act::CutAfter));
    assert_eq!(rules.meet(Api::EndTxn), Some(Act::HalfClose));
    assert_eq!(rules.meet(Api::EndTxn), None);
    assert_eq!((rules.hits(), rules.seen(Api::EndTxn), rules.seen(Api::Fetch)), (3, 5, 1));
    rules.arm(rule(1, Act::CutAfter));
    rules.disarm();
    assert_eq!(rules.meet(Api::EndTxn), None);
}
