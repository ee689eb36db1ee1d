//! One client's connection: a thread each way, frame by frame.
//!
//! A request is `size i32, api key i16, api version i16, correlation id i32, …`, an answer
//! `size i32, correlation id i32, …`; the size does not count itself.

use std::collections::HashMap;
use std::io::{Error, ErrorKind, Read, Result};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::Shared;
use super::rules::{Act, Api};

/// No frame is this large; a size above it means that this is not Kafka's protocol.
const LIMIT: usize = 256 << 20;

/// What is to happen to an answer.
#[derive(Clone, Copy, Debug)]
enum Answer {
    Cut,
    CutHalf,
    Delay(Duration),
}

#[derive(Debug)]
pub(super) struct Connection {
    shared: Arc<Shared>,
    client: TcpStream,
    broker: TcpStream,
    /// By correlation id.
    answers: Mutex<HashMap<i32, Answer>>,
    /// The client's side stays open and silent.
    mute: AtomicBool,
}

impl Connection {
    pub fn start(shared: Arc<Shared>, client: TcpStream, broker: TcpStream) -> Result<Arc<Self>> {
        client.set_nodelay(true)?;
        broker.set_nodelay(true)?;
        let (answers, mute) = (Mutex::default(), AtomicBool::new(false));
        let connection = Arc::new(Connection { shared, client, broker, answers, mute });
        let up = connection.clone();
        std::thread::spawn(move || match up.requests() {
            // The client has closed its side. The broker still gets all that was sent, and may answer.
            Ok(()) => drop(up.broker.shutdown(Shutdown::Write)),
            Err(_) => up.cut(),
        });
        let down = connection.clone();
        std::thread::spawn(move || {
            let _ = down.replies();
            if !down.mute.load(Ordering::SeqCst) {
                down.cut();
            }
        });
        Ok(connection)
    }
    /// Closes both sides.
    pub fn cut(&self) {
        // Where the other end was faster there is nothing to close.
        let _ = self.client.shutdown(Shutdown::Both);
        let _ = self.broker.shutdown(Shutdown::Both);
    }
    fn requests(&self) -> Result<()> {
        while let Some(frame) = frame(&self.client)? {
            let api = Api::of(i16::from_be_bytes(field(&frame, 4)?));
            let id = i32::from_be_bytes(field(&frame, 8)?);
            let act = self.shared.rules.lock().unwrap().meet(api);
            let answer = |answer| self.answers.lock().unwrap().insert(id, answer);
            match act {
                None => {}
                Some(Act::CutBefore) => return Err(ErrorKind::ConnectionAborted.into()),
                Some(Act::CutAfter) => drop(answer(Answer::Cut)),
                Some(Act::CutAnswer) => drop(answer(Answer::CutHalf)),
                Some(Act::Delay(time)) => drop(answer(Answer::Delay(time))),
                Some(Act::DelayRequest(time)) => std::thread::sleep(time),
                Some(Act::HalfClose) => return self.swallow(),
                Some(Act::BlackHole(time)) => self.shared.pace.stop_for(time),
            }
            self.shared.pace.write(&mut &self.broker, &frame)?;
        }
        Ok(())
    }
    /// Takes what the client sends until it closes its side, and gives it to nobody.
    fn swallow(&self) -> Result<()> {
        self.mute.store(true, Ordering::SeqCst);
        self.broker.shutdown(Shutdown::Write)?;
        std::io::copy(&mut &self.client, &mut std::io::sink())?;
        Err(ErrorKind::ConnectionAborted.into())
    }
    fn replies(&self) -> Result<()> {
        while let Some(frame) = frame(&self.broker)? {
            if self.mute.load(Ordering::SeqCst) {
                continue;
            }
            let id = i32::from_be_bytes(field(&frame, 4)?);
            let answer = self.answers.lock().unwrap().remove(&id);
            let mut client = &self.client;
            match answer {
                None => {}
                Some(Answer::Cut) => return Ok(()),
                Some(Answer::CutHalf) => return self.shared.pace.write(&mut client, &frame[..frame.len() / 2]),
                Some(Answer::Delay(time)) => std::thread::sleep(time),
            }
            self.shared.pace.write(&mut client, &frame)?;
        }
        Ok(())
    }
}

/// The next frame with its size in front; `None` where the stream ends between two.
pub(super) fn frame(mut from: &TcpStream) -> Result<Option<Vec<u8>>> {
    let mut size = [0; 4];
    if from.read(&mut size[..1])? == 0 {
        return Ok(None);
    }
    from.read_exact(&mut size[1..])?;
    let length = usize::try_from(i32::from_be_bytes(size)).unwrap_or(usize::MAX);
    if length > LIMIT {
        return Err(Error::new(ErrorKind::InvalidData, "no frame of Kafka's protocol"));
    }
    let mut frame = vec![0; 4 + length];
    frame[..4].copy_from_slice(&size);
    from.read_exact(&mut frame[4..])?;
    Ok(Some(frame))
}

fn field<const N: usize>(frame: &[u8], at: usize) -> Result<[u8; N]> {
    let bytes = frame.get(at..at + N).and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or_else(|| Error::new(ErrorKind::InvalidData, "a frame without a header"))
}
