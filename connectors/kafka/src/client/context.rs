//! What librdkafka says on the side: log lines go to `tracing`; errors are kept, because a call that
//! fails for a wrong password only ever says that it timed out.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::ProducerContext;
use tidegate_core::Error;

use crate::error;

/// The newest error a client has told of, and messages it could not deliver.
#[derive(Debug, Default)]
pub struct Told {
    last: Mutex<Option<Heard>>,
    undelivered: Mutex<Vec<(usize, Code)>>,
    denied: Mutex<Option<Error>>,
    all_down: AtomicBool,
}

#[derive(Debug)]
struct Heard {
    code: Code,
    reason: String,
    /// Since the newest attempt began.
    fresh: bool,
}

impl Told {
    /// The error that makes waiting useless: the broker refuses who we are.
    pub fn refusal(&self) -> Option<Error> {
        let last = self.last.lock();
        let heard = last.as_ref().filter(|h| h.fresh && is_refusal(h.code))?;
        Some(error::of_code(heard.code, &format!("the broker refuses the connection: {}", heard.reason)))
    }

    /// The newest error, for messages: "(last heard: …)".
    pub fn hint(&self) -> String {
        match &*self.last.lock() {
            Some(Heard { code, reason, .. }) if !reason.is_empty() => format!(" (last heard: {code}: {reason})"),
            Some(Heard { code, .. }) => format!(" (last heard: {code})"),
            None => String::new(),
        }
    }

    /// A new attempt is judged by what it hears itself. For a hint the old serves too: librdkafka does
    /// not say the same twice.
    pub fn begin(&self) {
        if let Some(heard) = &mut *self.last.lock() {
            heard.fresh = false;
        }
    }

    /// The broker has answered: what was heard before is over.
    pub fn answered(&self) {
        self.last.lock().take();
    }

    /// Whether no broker could be reached, since this was last asked.
    pub fn take_outage(&self) -> bool {
        self.all_down.swap(false, Ordering::Relaxed)
    }

    /// Takes what the broker has refused in a transaction: what, and whose right is missing.
    pub fn take_denied(&self) -> Option<Error> {
        self.denied.lock().take()
    }

    /// Takes the messages that could not be delivered: number in the unit, reason.
    pub fn take_undelivered(&self) -> Vec<(usize, Code)> {
        std::mem::take(&mut *self.undelivered.lock())
    }
}

fn is_refusal(code: Code) -> bool {
    matches!(code, Code::Authentication | Code::SaslAuthenticationFailed | Code::SSL | Code::UnsupportedSASLMechanism)
}

/// The context of every client of this connector.
#[derive(Debug, Default, Clone)]
pub struct Context {
    told: Arc<Told>,
}

impl Context {
    /// What the client has told so far.
    pub fn told(&self) -> Arc<Told> {
        self.told.clone()
    }
}

impl Context {
    /// A partition that is refused in a transaction: its messages are only said to have been purged, and the
    /// abort fails too, because the broker has no transaction to abort.
    fn refused(&self, line: &str) {
        let Some((_, what)) = line.split_once("Failed to add partition ") else { return };
        let (topic, why) = what.split_once(" to transaction: ").unwrap_or((what, ""));
        if why.contains("authorization failed") {
            let doing = format!("writing to topic {topic} in a transaction");
            *self.told.denied.lock() = Some(error::of_code(Code::TopicAuthorizationFailed, &doing));
        }
    }

    /// A connection that the broker closes is told of in the log only.
    fn failed(&self, line: &str) {
        let mut last = self.told.last.lock();
        if line.contains("Disconnected") && last.as_ref().is_none_or(|h| h.code == Code::AllBrokersDown) {
            let text = line.split_once("]: ").map_or(line, |(_, text)| text);
            let reason = format!("{text}; a listener of another security.protocol does so");
            *last = Some(Heard { code: Code::BrokerTransportFailure, reason, fresh: true });
        }
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        match facility {
            "FAIL" => self.failed(line),
            "ADDPARTS" => self.refused(line),
            _ => {}
        }
        match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
                tracing::warn!("librdkafka: {facility} {line}");
            }
            // Lost connections are retried; what matters comes back as the error of a call.
            RDKafkaLogLevel::Error | RDKafkaLogLevel::Warning | RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => {
                tracing::info!("librdkafka: {facility} {line}");
            }
            RDKafkaLogLevel::Debug => tracing::debug!("librdkafka: {facility} {line}"),
        }
    }

    fn stats_raw(&self, _: &[u8]) {}

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::info!("librdkafka: {error}: {reason}");
        let Some(code) = error.rdkafka_error_code() else { return };
        if code == Code::AllBrokersDown {
            self.told.all_down.store(true, Ordering::Relaxed);
        }
        let mut last = self.told.last.lock();
        // "All brokers down" follows every other error and says less.
        if code != Code::AllBrokersDown || last.is_none() {
            *last = Some(Heard { code, reason: reason.to_owned(), fresh: true });
        }
    }
}

impl ConsumerContext for Context {}

impl ProducerContext for Context {
    /// The number of the message in its unit.
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, number: usize) {
        if let Err((error, _)) = result
            && let Some(code) = error.rdkafka_error_code()
        {
            self.told.undelivered.lock().push((number, code));
        }
    }
}
