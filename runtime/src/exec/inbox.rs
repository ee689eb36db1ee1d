//! The queue in front of a task: one lane of messages per sender, bounded in bytes, so that a barrier
//! holds back only the sender it came from.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tidegate_core::{Error, Result};

use crate::batch::Batch;

/// Bytes a sender may have waiting before it blocks.
pub const CHANNEL_BYTES: usize = 4 << 20;

/// What travels between tasks.
#[derive(Debug, Clone)]
pub enum Message {
    /// Rows.
    Batch(Box<Batch>),
    /// No row at or below this time (ms) will be in time any more.
    Watermark(i64),
    /// Everything before belongs to the epoch that this ends.
    Barrier(Barrier),
}

/// The end of an epoch, on its way through the graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Barrier {
    /// The epoch that ends here.
    pub epoch: u64,
    /// What comes after it.
    pub then: Then,
}

/// What comes after a barrier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// The next epoch.
    Continue,
    /// Nothing: the job stops here and can go on later.
    Stop,
    /// Nothing, ever: all input has ended and every window has been closed.
    End,
}

#[derive(Default)]
struct Channel {
    queue: VecDeque<(Message, usize)>,
    bytes: usize,
    blocked: bool,
}

struct State {
    channels: Vec<Channel>,
    next: usize,
    closed: bool,
}

/// A task's input.
pub struct Inbox {
    state: Mutex<State>,
    filled: Condvar,
    drained: Condvar,
}

/// What a receive gave.
pub enum Received {
    /// A message and the channel it came by.
    Message(usize, Message),
    /// Nothing came in time.
    Nothing,
    /// The job is being torn down.
    Closed,
}

impl Inbox {
    /// An inbox for this many senders.
    pub fn new(channels: usize) -> Arc<Inbox> {
        let channels = (0..channels).map(|_| Channel::default()).collect();
        Arc::new(Inbox {
            state: Mutex::new(State { channels, next: 0, closed: false }),
            filled: Condvar::new(),
            drained: Condvar::new(),
        })
    }

    /// Puts a message into a channel. Rows wait while the channel is full; watermarks and barriers
    /// never do, which keeps barriers moving through every graph.
    ///
    /// # Errors
    /// Where the job is being torn down.
    pub fn send(&self, channel: usize, message: Message) -> Result<()> {
        let bytes = match &message {
            Message::Batch(b) => b.change.rows.get_array_memory_size(),
            Message::Watermark(_) | Message::Barrier(_) => 0,
        };
        let mut state = self.state.lock();
        while !state.closed && bytes > 0 && state.channels[channel].bytes >= CHANNEL_BYTES {
            self.drained.wait(&mut state);
        }
        if state.closed {
            return Err(torn_down());
        }
        let c = &mut state.channels[channel];
        c.bytes += bytes;
        c.queue.push_back((message, bytes));
        drop(state);
        self.filled.notify_one();
        Ok(())
    }

    /// The next message of any channel that is not held back, in turn.
    pub fn receive(&self, wait: Duration) -> Received {
        let deadline = Instant::now() + wait;
        let mut state = self.state.lock();
        loop {
            if state.closed {
                return Received::Closed;
            }
            let n = state.channels.len();
            let start = state.next;
            for i in (0..n).map(|i| (start + i) % n) {
                let c = &mut state.channels[i];
                if c.blocked {
                    continue;
                }
                if let Some((message, bytes)) = c.queue.pop_front() {
                    let was_full = c.bytes >= CHANNEL_BYTES;
                    c.bytes -= bytes;
                    state.next = (i + 1) % n;
                    drop(state);
                    if was_full {
                        self.drained.notify_all();
                    }
                    return Received::Message(i, message);
                }
            }
            if self.filled.wait_until(&mut state, deadline).timed_out() {
                return if state.closed { Received::Closed } else { Received::Nothing };
            }
        }
    }

    /// Holds a channel back until [`Inbox::release`].
    pub fn hold(&self, channel: usize) {
        self.state.lock().channels[channel].blocked = true;
    }

    /// Lets all channels through again.
    pub fn release(&self) {
        for c in &mut self.state.lock().channels {
            c.blocked = false;
        }
    }

    /// Makes every waiting sender and receiver give up.
    pub fn close(&self) {
        self.state.lock().closed = true;
        self.filled.notify_all();
        self.drained.notify_all();
    }
}

/// The error of a task that stopped only because another one failed.
pub fn torn_down() -> Error {
    Error::internal(TORN_DOWN)
}

/// Whether an error only says that another one came first.
pub fn is_torn_down(error: &Error) -> bool {
    error.message() == TORN_DOWN
}

const TORN_DOWN: &str = "the job is being torn down";
