//! Rights of a broker's users: one `CreateAcls` request (version 1), written byte by byte, because no
//! client at hand has it and Kafka's own tool takes seconds a call.

use std::io::{Read, Write};
use std::net::TcpStream;

/// What a right is about, and the name; [`Resource::prefixed`] makes it a prefix of names.
#[derive(Clone, Debug)]
pub struct Resource {
    kind: i8,
    name: String,
    pattern: i8,
}

impl Resource {
    fn new(kind: i8, name: &str) -> Self {
        Resource { kind, name: name.to_owned(), pattern: 3 }
    }
    /// A topic.
    pub fn topic(name: &str) -> Self {
        Self::new(2, name)
    }
    /// A consumer group.
    pub fn group(name: &str) -> Self {
        Self::new(3, name)
    }
    /// A transactional id.
    pub fn transactional_id(name: &str) -> Self {
        Self::new(5, name)
    }
    /// Every name that begins so.
    #[must_use]
    pub fn prefixed(mut self) -> Self {
        self.pattern = 4;
        self
    }
}

/// An operation, by its number in the protocol.
#[derive(Clone, Copy, Debug)]
#[repr(i8)]
pub enum Operation {
    /// Reading; it includes describing.
    Read = 3,
    /// Writing; it includes describing.
    Write = 4,
    /// Making.
    Create = 5,
    /// Looking at.
    Describe = 8,
}

/// Allows a user what is listed. `bootstrap` is a listener that needs no name. Panics where the broker
/// refuses.
pub fn allow(bootstrap: &str, user: &str, rights: &[(Resource, &[Operation])]) {
    let all: Vec<(&Resource, Operation)> =
        rights.iter().flat_map(|(r, ops)| ops.iter().map(move |op| (r, *op))).collect();
    let mut request = Vec::new();
    request.extend(30_i16.to_be_bytes());
    request.extend(1_i16.to_be_bytes());
    request.extend(1_i32.to_be_bytes());
    text(&mut request, "tidegate-test");
    request.extend((all.len() as i32).to_be_bytes());
    for (resource, operation) in &all {
        request.push(resource.kind as u8);
        text(&mut request, &resource.name);
        request.push(resource.pattern as u8);
        text(&mut request, &format!("User:{user}"));
        text(&mut request, "*");
        // Allow is 3.
        request.extend([*operation as u8, 3]);
    }
    let answer = ask(bootstrap, &request).unwrap_or_else(|e| panic!("CreateAcls at {bootstrap}: {e}"));
    check(&answer, all.len());
}

fn text(to: &mut Vec<u8>, text: &str) {
    to.extend((text.len() as i16).to_be_bytes());
    to.extend(text.as_bytes());
}

fn ask(bootstrap: &str, request: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(bootstrap)?;
    stream.write_all(&(request.len() as i32).to_be_bytes())?;
    stream.write_all(request)?;
    let mut size = [0; 4];
    stream.read_exact(&mut size)?;
    let mut answer = vec![0; u32::from_be_bytes(size) as usize];
    stream.read_exact(&mut answer)?;
    Ok(answer)
}

/// Correlation id, throttle time, number of results; each an error code and a text that may be null.
fn check(answer: &[u8], count: usize) {
    let number = |at: usize| i16::from_be_bytes([answer[at], answer[at + 1]]);
    let results = i32::from_be_bytes(answer[8..12].try_into().expect("four bytes"));
    assert_eq!(results as usize, count, "CreateAcls: {answer:?}");
    let mut at = 12;
    for _ in 0..count {
        let (code, length) = (number(at), number(at + 2).max(0) as usize);
        let said = String::from_utf8_lossy(&answer[at + 4..at + 4 + length]).into_owned();
        assert_eq!(code, 0, "CreateAcls: {said}");
        at += 4 + length;
    }
}
