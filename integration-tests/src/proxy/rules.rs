//! Which request is to fail, and how. No I/O.

use std::collections::HashMap;
use std::time::Duration;

/// A kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Api {
    /// Records to a partition.
    Produce,
    /// Records from partitions.
    Fetch,
    /// The first, last or a timestamp's offset.
    ListOffsets,
    /// Topics and brokers.
    Metadata,
    /// A group's offsets, written.
    OffsetCommit,
    /// A group's offsets, read.
    OffsetFetch,
    /// Which broker serves a group or a transactional id.
    FindCoordinator,
    /// The first request of each connection.
    ApiVersions,
    /// New topics.
    CreateTopics,
    /// `init_transactions`.
    InitProducerId,
    /// A partition's first record in a transaction.
    AddPartitionsToTxn,
    /// A group's first offset in a transaction.
    AddOffsetsToTxn,
    /// Commit or abort.
    EndTxn,
    /// A group's offsets in a transaction.
    TxnOffsetCommit,
    /// Any other, by its number.
    Other(i16),
}

impl Api {
    pub(super) fn of(key: i16) -> Api {
        match key {
            0 => Api::Produce,
            1 => Api::Fetch,
            2 => Api::ListOffsets,
            3 => Api::Metadata,
            8 => Api::OffsetCommit,
            9 => Api::OffsetFetch,
            10 => Api::FindCoordinator,
            18 => Api::ApiVersions,
            19 => Api::CreateTopics,
            22 => Api::InitProducerId,
            24 => Api::AddPartitionsToTxn,
            25 => Api::AddOffsetsToTxn,
            26 => Api::EndTxn,
            28 => Api::TxnOffsetCommit,
            other => Api::Other(other),
        }
    }
}

/// What happens at a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Both sides are closed; the broker never sees the request.
    CutBefore,
    /// The broker has answered, thus acted; both sides are closed before the client sees the answer.
    CutAfter,
    /// Both sides are closed after half of the answer's bytes.
    CutAnswer,
    /// The answer, and all answers after it on this connection, come so much later.
    Delay(Duration),
    /// The broker gets the request so much later, even when the client has given up and gone.
    DelayRequest(Duration),
    /// The broker's side is closed without the request. The client's side stays open, takes all that
    /// is sent and answers nothing until the client closes it.
    HalfClose,
    /// Nothing passes on any connection, in either direction, for so long. Then all of it does, this
    /// request first.
    BlackHole(Duration),
}

/// Act at the `nth` request of this kind, counted from 1 and from when the rule was armed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The kind.
    pub api: Api,
    /// Which one.
    pub nth: u32,
    /// What happens then.
    pub act: Act,
}

/// The rules in force, and what has been seen.
#[derive(Debug, Default)]
pub(super) struct Rules {
    /// Each with the requests that it still has to let pass.
    armed: Vec<(Rule, u32)>,
    hits: usize,
    seen: HashMap<Api, usize>,
}

impl Rules {
    pub fn arm(&mut self, rule: Rule) {
        self.armed.push((rule, rule.nth.saturating_sub(1)));
    }
    pub fn disarm(&mut self) {
        self.armed.clear();
    }
    pub fn hits(&self) -> usize {
        self.hits
    }
    pub fn seen(&self, api: Api) -> usize {
        self.seen.get(&api).copied().unwrap_or_default()
    }
    /// What to do at this request. Of several rules that are due the eldest acts; the others act at
    /// the requests that follow.
    pub fn meet(&mut self, api: Api) -> Option<Act> {
        *self.seen.entry(api).or_default() += 1;
        let due = self.armed.iter().position(|(rule, left)| rule.api == api && *left == 0);
        for (rule, left) in &mut self.armed {
            if rule.api == api {
                *left = left.saturating_sub(1);
            }
        }
        let (rule, _) = self.armed.remove(due?);
        self.hits += 1;
        Some(rule.act)
    }
}
