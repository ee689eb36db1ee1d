//! Values that librdkafka wants to fit each other where Java does not, or fits them silently.
//! A job that runs with Java's clients is not refused for them: the value that gives way is noted.

use std::collections::BTreeMap;

use super::ClientProperties;

/// librdkafka's defaults that take part.
const TRANSACTION_TIMEOUT_MS: i64 = 60_000;
const MESSAGE_MAX_BYTES: i64 = 1_000_000;
const RECONNECT_BACKOFF_MS: i64 = 100;
const FETCH_MAX_BYTES: i64 = 52_428_800;
/// What the connector sets where nothing is given.
const RECONNECT_BACKOFF_MAX_MS: i64 = 1000;

/// Makes them fit. `origin`: which property set what.
pub(super) fn settle(origin: &BTreeMap<&'static str, &'static str>, out: &mut ClientProperties) {
    let mut fit = Fit { origin, out };
    // Writes are transactions: neither a message nor a request may outlast one.
    let transaction = fit.get("transaction.timeout.ms").unwrap_or(TRANSACTION_TIMEOUT_MS);
    fit.at_most("message.timeout.ms", transaction, "transaction.timeout.ms");
    fit.at_most("socket.timeout.ms", transaction + 100, "transaction.timeout.ms");
    let delivery = fit.get("message.timeout.ms").unwrap_or(transaction);
    fit.at_most("queue.buffering.max.ms", (delivery - 1) / 2, "half of the time a delivery may take");

    let message = fit.get("message.max.bytes").unwrap_or(MESSAGE_MAX_BYTES);
    fit.at_least("fetch.max.bytes", message, "the largest message");
    let fetch = fit.get("fetch.max.bytes").unwrap_or(FETCH_MAX_BYTES.max(message));
    fit.at_least("receive.message.max.bytes", fetch + 512, "fetch.max.bytes and 512 more");

    // As Java: a first pause that is longer than the longest is the longest.
    let pause = fit.get("reconnect.backoff.ms").unwrap_or(0);
    if fit.get("reconnect.backoff.max.ms").is_none() && pause > RECONNECT_BACKOFF_MAX_MS {
        fit.out.set("reconnect.backoff.max.ms", pause.to_string());
    }
    let longest = fit.get("reconnect.backoff.max.ms").unwrap_or(i64::MAX);
    if fit.get("reconnect.backoff.ms").is_none() && longest < RECONNECT_BACKOFF_MS {
        fit.out.set("reconnect.backoff.ms", longest.to_string());
    }
    fit.at_most("reconnect.backoff.ms", longest, "reconnect.backoff.max.ms");
}

struct Fit<'a> {
    origin: &'a BTreeMap<&'static str, &'static str>,
    out: &'a mut ClientProperties,
}

impl Fit<'_> {
    fn get(&self, name: &str) -> Option<i64> {
        self.out.setting(name)?.parse().ok()
    }

    fn at_most(&mut self, name: &str, most: i64, what: &str) {
        if let Some(n) = self.get(name).filter(|n| *n > most) {
            self.change(name, n, most, "more", what);
        }
    }

    fn at_least(&mut self, name: &str, least: i64, what: &str) {
        if let Some(n) = self.get(name).filter(|n| *n < least) {
            self.change(name, n, least, "less", what);
        }
    }

    fn change(&mut self, name: &str, from: i64, to: i64, which: &str, than: &str) {
        let written = self.origin.get(name).copied().unwrap_or(name);
        self.out.note(format!("Kafka property '{written}': {from} is {which} than {than}, {to} is used"));
        self.out.set(name, to.to_string());
    }
}
