//! One admin request and the wait for its answer.

use std::os::raw::c_int;
use std::time::{Duration, Instant};

use rdkafka::bindings as c;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::RDKafkaErrorCode as Code;
use tidegate_core::{Error, Result};

use super::{Queue, text};
use crate::client::Context;
use crate::error;

/// How long after a time-out inside librdkafka its answer may come.
const GRACE: Duration = Duration::from_secs(1);
/// How long one look at the queue takes: a refused password is noticed within this time.
const SLICE: Duration = Duration::from_millis(50);

pub(super) type Event = *mut c::rd_kafka_event_t;

/// An answer; destroyed when dropped.
pub(super) struct Answer(pub(super) Event);

impl Drop for Answer {
    fn drop(&mut self) {
        // SAFETY: taken from a queue, destroyed once.
        unsafe { c::rd_kafka_event_destroy(self.0) };
    }
}

/// Why there is no answer.
pub(super) enum Unheard {
    /// None came: the client owes it.
    Nothing(Error),
    /// What came was an error.
    Failed(Error),
}

impl From<Unheard> for Error {
    fn from(unheard: Unheard) -> Error {
        match unheard {
            Unheard::Nothing(e) | Unheard::Failed(e) => e,
        }
    }
}

/// Sends an admin request (`doing`, for errors) and waits for its answer, but no longer than the broker may still
/// let us in. Not for coordinators: see [`super::coordinator`].
///
/// # Safety
/// `send` hands the request over to this client with these options and this queue, and keeps none of them.
pub(super) unsafe fn ask(
    client: &BaseConsumer<Context>,
    asking: (c::rd_kafka_admin_op_t, &str),
    patience: Duration,
    send: impl FnOnce(*mut c::rd_kafka_t, *mut c::rd_kafka_AdminOptions_t, *mut c::rd_kafka_queue_t),
) -> Result<Answer> {
    // SAFETY: the caller's obligation.
    Ok(unsafe { put(client, asking, (patience, patience), send) }?)
}

/// As [`ask`]; `inside`: how long librdkafka keeps the request.
///
/// # Safety
/// As for [`ask`].
pub(super) unsafe fn put(
    client: &BaseConsumer<Context>,
    (op, doing): (c::rd_kafka_admin_op_t, &str),
    (patience, inside): (Duration, Duration),
    send: impl FnOnce(*mut c::rd_kafka_t, *mut c::rd_kafka_AdminOptions_t, *mut c::rd_kafka_queue_t),
) -> Result<Answer, Unheard> {
    let native = client.client().native_ptr();
    let told = client.context().told();
    told.begin();
    let started = Instant::now();
    // SAFETY: the client is live while borrowed; options are destroyed, the queue drops itself.
    unsafe {
        let queue = Queue::new(native);
        let options = c::rd_kafka_AdminOptions_new(native, op);
        let ms = c_int::try_from(inside.as_millis()).unwrap_or(c_int::MAX);
        c::rd_kafka_AdminOptions_set_request_timeout(options, ms, std::ptr::null_mut(), 0);
        send(native, options, queue.0);
        c::rd_kafka_AdminOptions_destroy(options);
        let silence = || {
            let seconds = patience.as_secs_f32();
            Error::external(format!("{doing}: no answer within {seconds} s{}", told.hint()))
                .help("look at the brokers' addresses, that they can be reached from here, and at security.protocol")
        };
        loop {
            let event = c::rd_kafka_queue_poll(queue.0, SLICE.as_millis() as c_int);
            if !event.is_null() {
                let answer = Answer(event);
                let code: Code = c::rd_kafka_event_error(event).into();
                return match code {
                    Code::NoError => {
                        told.answered();
                        Ok(answer)
                    }
                    Code::OperationTimedOut | Code::RequestTimedOut => {
                        Err(Unheard::Nothing(told.refusal().unwrap_or_else(silence)))
                    }
                    code => {
                        tracing::debug!("{doing}: {}", text(c::rd_kafka_event_error_string(event)));
                        Err(Unheard::Failed(error::of_code(code, doing)))
                    }
                };
            }
            // Errors are told on the client's own queue, which nobody else empties meanwhile.
            let _ = client.poll(Duration::ZERO);
            if let Some(refused) = told.refusal() {
                return Err(Unheard::Nothing(refused));
            }
            if started.elapsed() > patience + GRACE {
                return Err(Unheard::Nothing(silence()));
            }
        }
    }
}

/// Asks (`doing`, for errors) once more while the answer lacks what was asked for, which passes with a broken
/// connection.
pub(super) fn until_complete<T>(doing: &str, patience: Duration, ask: impl Fn() -> Result<Option<T>>) -> Result<T> {
    let started = Instant::now();
    loop {
        if let Some(found) = ask()? {
            return Ok(found);
        }
        if started.elapsed() > patience {
            return Err(Error::external(format!("{doing}: the answer is not complete")));
        }
        std::thread::sleep(SLICE);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn what_an_answer_lacks_is_asked_for_again_and_is_an_error_in_the_end() {
        let asked = Cell::new(0);
        let found = until_complete("x", Duration::from_secs(60), || {
            asked.set(asked.get() + 1);
            Ok((asked.get() == 3).then_some("found"))
        });
        assert_eq!((found.unwrap(), asked.get()), ("found", 3));
        let never = until_complete("offsets of x", SLICE, || Ok(None::<()>));
        assert!(never.unwrap_err().to_string().contains("offsets of x: the answer is not complete"));
    }
}
