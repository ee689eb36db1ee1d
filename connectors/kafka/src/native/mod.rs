//! The calls of librdkafka that the rdkafka crate does not wrap, each behind a safe type.
//!
//! - [`admin`]: topic ids and offsets of many partitions at once. Only `DescribeTopics` tells a topic
//!   from another one of the same name.
//! - [`groups`]: a group's offsets, with a time limit and with the reason where the broker refuses.
//! - [`coordinator`]: who asks for those offsets: a client that does not outlive an unanswered question.
//! - [`fetch`]: a queue a partition, read in batches. Reading message by message through `poll` costs
//!   more than twice the CPU time (measured: 0.9 to 1.3 against 2.1 million messages a CPU-second).
//! - [`topic`]: a handle of a topic, so that a producer does not forget it.
//! - [`produce`]: messages handed over in batches, without copying their values.
#![allow(unsafe_code, reason = "a C interface; the cost of the safe one is given above")]

pub mod admin;
mod ask;
pub mod coordinator;
pub mod fetch;
pub mod groups;
pub mod produce;
pub mod topic;

use std::ffi::{CStr, CString};
use std::os::raw::c_char;

use rdkafka::bindings as c;
use tidegate_core::{Error, Result};

/// A name for C.
fn c_name(name: &str) -> Result<CString> {
    CString::new(name).map_err(|_| Error::user(format!("'{}' is not a name", name.escape_default())))
}

/// A text of librdkafka's; empty where there is none.
///
/// # Safety
/// `text` is NULL or a NUL-terminated string.
unsafe fn text(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: the caller's obligation.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

/// A queue of our own.
struct Queue(*mut c::rd_kafka_queue_t);

// SAFETY: librdkafka's queues may be used from any thread.
unsafe impl Send for Queue {}

impl Queue {
    /// # Safety
    /// `client` is a live client that outlives the queue.
    unsafe fn new(client: *mut c::rd_kafka_t) -> Queue {
        // SAFETY: the caller's obligation.
        Queue(unsafe { c::rd_kafka_queue_new(client) })
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: made by `rd_kafka_queue_new`, destroyed once.
        unsafe { c::rd_kafka_queue_destroy(self.0) };
    }
}
