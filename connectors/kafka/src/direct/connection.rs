//! A connection to one broker: frames out, frames in, one question at a time.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};

use super::calls;
use crate::source::Buffers;

/// Of the length in front of a frame.
const PREFIX: usize = 4;
/// An answer larger than this is none.
const LARGEST: usize = 1 << 30;

/// A connection to a broker that speaks what is needed.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    blocking: bool,
}

/// Why there is no connection.
#[derive(Debug)]
pub(super) enum NotMade {
    /// Another time, perhaps.
    Unreachable(String),
    /// The broker does not speak what is needed.
    TooOld,
}

/// A frame that is coming in. Memory is taken for it when its length is known: most of the time none is.
#[derive(Default)]
pub(super) struct Frame {
    buffers: Buffers,
    prefix: [u8; PREFIX],
    /// Initialised to its end, which may lie behind the frame's.
    body: BytesMut,
    /// Bytes that have come, those of the length included.
    filled: usize,
}

impl Frame {
    /// Of memory of these buffers.
    pub(super) fn new(buffers: Buffers) -> Frame {
        Frame { buffers, ..Frame::default() }
    }

    /// The next one: what has come of the last is nothing.
    pub(super) fn clear(&mut self) {
        self.filled = 0;
    }

    /// The length of the body, once it is there.
    fn length(&self) -> Option<usize> {
        (self.filled >= PREFIX).then_some(u32::from_be_bytes(self.prefix) as usize)
    }

    fn is_whole(&self) -> bool {
        self.length().is_some_and(|length| self.filled == PREFIX + length)
    }

    /// What stands behind the length; whole when [`Connection::receive`] says so.
    pub(super) fn body(&self) -> &[u8] {
        &self.body[..self.filled.saturating_sub(PREFIX)]
    }

    /// Lends the body, and perhaps more behind it.
    pub(super) fn lend(&mut self) -> Bytes {
        self.filled = 0;
        self.buffers.lend(std::mem::take(&mut self.body))
    }

    /// Where the next bytes belong.
    fn room(&mut self) -> io::Result<&mut [u8]> {
        let Some(length) = self.length() else { return Ok(&mut self.prefix[self.filled..]) };
        if length > LARGEST {
            return Err(io::Error::new(ErrorKind::InvalidData, format!("an answer of {length} bytes")));
        }
        if self.filled == PREFIX && self.body.is_empty() {
            self.body = self.buffers.take_as_it_is();
        }
        if self.body.len() < length {
            self.body.resize(length, 0);
        }
        Ok(&mut self.body[self.filled - PREFIX..length])
    }
}

impl Connection {
    /// Connects, and asks what the broker speaks. Blocks.
    pub(super) fn make(host: &str, port: u16, client: &str, patience: Duration) -> Result<Connection, NotMade> {
        let place = format!("{host}:{port}");
        let unreachable = |e: io::Error| NotMade::Unreachable(format!("broker {place}: {e}"));
        let mut connection = Self::reach(&place, patience).map_err(unreachable)?;
        let mut frame = Frame::default();
        let deadline = Instant::now() + patience;
        connection.send(&calls::ask_versions(client)).map_err(unreachable)?;
        while !connection.receive(&mut frame, Duration::from_millis(100)).map_err(unreachable)? {
            if Instant::now() > deadline {
                return Err(unreachable(ErrorKind::TimedOut.into()));
            }
        }
        match calls::speaks(frame.body()) {
            Some(true) => Ok(connection),
            Some(false) => Err(NotMade::TooOld),
            None => Err(unreachable(io::Error::new(ErrorKind::InvalidData, "not an answer of Kafka's"))),
        }
    }

    /// The first address that answers.
    fn reach(place: &str, patience: Duration) -> io::Result<Connection> {
        let mut failed = io::Error::new(ErrorKind::NotFound, "no address of that name");
        for address in place.to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, patience) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    stream.set_nonblocking(true)?;
                    return Ok(Connection { stream, blocking: false });
                }
                Err(e) => failed = e,
            }
        }
        Err(failed)
    }

    /// Questions are far smaller than what a socket takes at once.
    pub(super) fn send(&mut self, frame: &[u8]) -> io::Result<()> {
        self.stream.write_all(frame)
    }

    /// Takes what has come, and waits for more at most this long while the frame is not whole. Whether it is.
    pub(super) fn receive(&mut self, frame: &mut Frame, wait: Duration) -> io::Result<bool> {
        let deadline = Instant::now() + wait;
        loop {
            self.set_blocking(false)?;
            while !frame.is_whole() && self.read(frame)? {}
            let left = deadline.saturating_duration_since(Instant::now());
            if frame.is_whole() || left.is_zero() {
                return Ok(frame.is_whole());
            }
            self.set_blocking(true)?;
            self.stream.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
            if !self.read(frame)? {
                return Ok(false);
            }
        }
    }

    /// Reads once. Whether something came.
    fn read(&mut self, frame: &mut Frame) -> io::Result<bool> {
        loop {
            match self.stream.read(frame.room()?) {
                Ok(0) => return Err(io::Error::new(ErrorKind::UnexpectedEof, "the broker closed the connection")),
                Ok(read) => {
                    frame.filled += read;
                    return Ok(true);
                }
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return Ok(false),
                Err(e) => return Err(e),
            }
        }
    }

    fn set_blocking(&mut self, blocking: bool) -> io::Result<()> {
        if self.blocking != blocking {
            self.stream.set_nonblocking(!blocking)?;
            self.blocking = blocking;
        }
        Ok(())
    }
}
