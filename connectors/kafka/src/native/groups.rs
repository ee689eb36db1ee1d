//! Offsets of a group, read and set without being a member.
//!
//! A consumer of the group could do the same, but hears only by the way that the broker refuses the
//! group. Reading needs a client that has the group's name as its own `group.id` all the same: the answer
//! that another broker coordinates the group crashes librdkafka 2.12 in any other client (it asks
//! `rk_cgrp`, which is NULL, for the new one).

use std::os::raw::{c_int, c_void};
use std::time::{Duration, Instant};

use rdkafka::bindings as c;
use rdkafka::error::RDKafkaErrorCode as Code;
use rdkafka::producer::{BaseProducer, Producer};
use rdkafka::{Offset, TopicPartitionList};
use tidegate_core::{Result, Retry};

use super::ask::until_complete;
use super::coordinator::Asker;
use super::{c_name, text as text_of};
use crate::client::Context;
use crate::error;

/// An offset of a group, with the text that was committed beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// The offset.
    pub offset: i64,
    /// The text; empty where none was given.
    pub metadata: Vec<u8>,
}

/// What a group has for a partition.
pub enum Found {
    /// Nothing, or no longer.
    Nothing,
    /// This.
    Offset(Committed),
    /// A transaction that sets it is open, or is just being settled.
    Pending,
}

/// A partition: topic and number.
type At<'a> = (&'a str, i32);

/// The next offset of a partition, if the group has one; waits a little for open transactions that set it.
///
/// # Errors
/// No answer within `patience`; a group that must not be looked at.
pub fn offset(asker: &Asker, group: &str, at: At<'_>, patience: Duration) -> Result<Option<i64>> {
    patiently(patience, |left| match find(asker, group, at, true, left)? {
        Found::Nothing => Ok(None),
        Found::Offset(committed) => Ok(Some(committed.offset)),
        Found::Pending => {
            let code = Code::UnstableOffsetCommit;
            Err(error::of_code(code, &format!("offsets of group '{group}'")))
        }
    })
}

/// What the group has, unless a transaction may change it.
///
/// # Errors
/// As for [`offset`].
pub fn stable(asker: &Asker, group: &str, at: At<'_>, patience: Duration) -> Result<Found> {
    patiently(patience, |left| find(asker, group, at, true, left))
}

/// What the group had before the transactions that are open.
///
/// # Errors
/// As for [`offset`].
pub fn unstable(asker: &Asker, group: &str, at: At<'_>, patience: Duration) -> Result<Option<Committed>> {
    patiently(patience, |left| match find(asker, group, at, false, left)? {
        Found::Offset(committed) => Ok(Some(committed)),
        Found::Nothing | Found::Pending => Ok(None),
    })
}

fn find(asker: &Asker, group: &str, at: At<'_>, stable: bool, patience: Duration) -> Result<Found> {
    let doing = format!("offsets of group '{group}'");
    until_complete(&doing, patience, || find_once(asker, (group, &doing), at, stable, patience))
}

fn find_once(
    asker: &Asker,
    (group, doing): (&str, &str),
    at: At<'_>,
    stable: bool,
    patience: Duration,
) -> Result<Option<Found>> {
    let name = c_name(group)?;
    let mut asked = TopicPartitionList::new();
    asked.add_partition(at.0, at.1);
    let op = c::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS;
    // SAFETY: name and list live to the end of the function, the request is destroyed, and all that the
    // answer points to is the answer's own.
    unsafe {
        let mut request = c::rd_kafka_ListConsumerGroupOffsets_new(name.as_ptr(), asked.ptr());
        let answer = asker.ask((op, doing), patience, |native, options, queue| {
            c::rd_kafka_AdminOptions_set_require_stable_offsets(options, i32::from(stable));
            c::rd_kafka_ListConsumerGroupOffsets(native, &mut request, 1, options, queue);
        });
        c::rd_kafka_ListConsumerGroupOffsets_destroy(request);
        let answer = answer?;
        let mut count = 0;
        let result = c::rd_kafka_event_ListConsumerGroupOffsets_result(answer.0);
        let groups = c::rd_kafka_ListConsumerGroupOffsets_result_groups(result, &mut count);
        match entries(groups, count) {
            Ok(entries) => Ok(found(&entries, at)),
            Err(Code::UnstableOffsetCommit) => Ok(Some(Found::Pending)),
            Err(code) => Err(error::of_code(code, doing)),
        }
    }
}

/// What the group has, by an answer; `None` where it says nothing of the partition.
fn found(entries: &[Entry], at: At<'_>) -> Option<Found> {
    let committed = &said_of(entries, at)?.committed;
    Some(if committed.offset < 0 { Found::Nothing } else { Found::Offset(committed.clone()) })
}

/// Why an offset could not be added to a transaction.
pub struct NotAdded {
    /// The reason.
    pub code: Code,
    /// In words.
    pub reason: String,
    /// The producer is lost.
    pub fatal: bool,
}

/// Adds an offset to the producer's open transaction; the broker has it when it returns.
///
/// The rdkafka crate has this call, but only for the group of a consumer, and making one would look for
/// the group's coordinator and wait for it even when it is closed.
///
/// # Errors
/// The transaction has to be aborted, or the producer given up.
pub fn commit_in_transaction(
    producer: &BaseProducer<Context>,
    group: &str,
    (topic, partition): At<'_>,
    committed: &Committed,
    patience: Duration,
) -> Result<(), NotAdded> {
    let refused = |code, reason: String| NotAdded { code, reason, fatal: false };
    let name = c_name(group).map_err(|e| refused(Code::InvalidGroupId, e.to_string()))?;
    let mut list = TopicPartitionList::new();
    let text = std::str::from_utf8(&committed.metadata).map_err(|e| refused(Code::Fail, e.to_string()))?;
    let mut entry = list.add_partition(topic, partition);
    entry.set_offset(Offset::Offset(committed.offset)).map_err(|e| refused(Code::Fail, e.to_string()))?;
    entry.set_metadata(text);
    let ms = c_int::try_from(patience.as_millis()).unwrap_or(c_int::MAX);
    // SAFETY: the producer is live while borrowed; name and list live to the end of the function; what is
    // made here is destroyed here.
    unsafe {
        let member = c::rd_kafka_consumer_group_metadata_new(name.as_ptr());
        let failed = c::rd_kafka_send_offsets_to_transaction(producer.client().native_ptr(), list.ptr(), member, ms);
        c::rd_kafka_consumer_group_metadata_destroy(member);
        if failed.is_null() {
            return Ok(());
        }
        let not_added = NotAdded {
            code: c::rd_kafka_error_code(failed).into(),
            reason: text_of(c::rd_kafka_error_string(failed)),
            fatal: c::rd_kafka_error_is_fatal(failed) != 0,
        };
        c::rd_kafka_error_destroy(failed);
        Err(not_added)
    }
}

/// Sets next offsets; the broker has them when it returns.
///
/// # Errors
/// No answer within `patience`; a group that must not be used; a group with members.
pub fn tell(asker: &Asker, group: &str, offsets: &[(String, i32, i64)], patience: Duration) -> Result<()> {
    if offsets.is_empty() {
        return Ok(());
    }
    let doing = format!("telling group '{group}' its offsets");
    patiently(patience, |left| until_complete(&doing, left, || tell_once(asker, (group, &doing), offsets, left)))
}

fn tell_once(
    asker: &Asker,
    (group, doing): (&str, &str),
    offsets: &[(String, i32, i64)],
    patience: Duration,
) -> Result<Option<()>> {
    let name = c_name(group)?;
    let mut list = TopicPartitionList::new();
    for (topic, partition, offset) in offsets {
        list.add_partition_offset(topic, *partition, Offset::Offset(*offset)).map_err(|e| error::of(&e, doing))?;
    }
    let op = c::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_ALTERCONSUMERGROUPOFFSETS;
    // SAFETY: as in `find_once`.
    unsafe {
        let mut request = c::rd_kafka_AlterConsumerGroupOffsets_new(name.as_ptr(), list.ptr());
        let answer = asker.ask((op, doing), patience, |native, options, queue| {
            c::rd_kafka_AlterConsumerGroupOffsets(native, &mut request, 1, options, queue);
        });
        c::rd_kafka_AlterConsumerGroupOffsets_destroy(request);
        let answer = answer?;
        let mut count = 0;
        let result = c::rd_kafka_event_AlterConsumerGroupOffsets_result(answer.0);
        let groups = c::rd_kafka_AlterConsumerGroupOffsets_result_groups(result, &mut count);
        let taken = entries(groups, count).map_err(|code| error::of_code(code, doing))?;
        Ok(offsets.iter().all(|(topic, partition, _)| said_of(&taken, (topic, *partition)).is_some()).then_some(()))
    }
}

/// A coordinator that has just been chosen is not ready at once.
fn patiently<T>(patience: Duration, once: impl Fn(Duration) -> Result<T>) -> Result<T> {
    const PAUSE: Duration = Duration::from_millis(100);
    const LONGEST: Duration = Duration::from_secs(5);
    let started = Instant::now();
    loop {
        match once(patience) {
            Err(e) if e.retry_advice() != Retry::Never && started.elapsed() < patience.min(LONGEST) => {
                std::thread::sleep(PAUSE);
            }
            done => return done,
        }
    }
}

/// What an answer says of a partition.
struct Entry {
    topic: String,
    partition: i32,
    committed: Committed,
}

fn said_of<'a>(entries: &'a [Entry], (topic, partition): At<'_>) -> Option<&'a Entry> {
    entries.iter().find(|e| e.topic == topic && e.partition == partition)
}

/// What is said of the only group's partitions, or the first error in it.
///
/// # Safety
/// `groups` are `count` live results.
unsafe fn entries(groups: *mut *const c::rd_kafka_group_result_t, count: usize) -> Result<Vec<Entry>, Code> {
    if groups.is_null() || count == 0 {
        return Ok(Vec::new());
    }
    // SAFETY: the caller's obligation; the list belongs to the result and has `cnt` elements.
    unsafe {
        let group = *groups;
        let whole = c::rd_kafka_group_result_error(group);
        if !whole.is_null() {
            return Err(c::rd_kafka_error_code(whole).into());
        }
        let list = c::rd_kafka_group_result_partitions(group);
        if list.is_null() {
            return Ok(Vec::new());
        }
        let entry = |i: usize| {
            let element = *(*list).elems.add(i);
            match Code::from(element.err) {
                Code::NoError => Ok(Entry {
                    topic: text_of(element.topic),
                    partition: element.partition,
                    committed: Committed {
                        offset: element.offset,
                        metadata: bytes(element.metadata, element.metadata_size).to_vec(),
                    },
                }),
                code => Err(code),
            }
        };
        (0..usize::try_from((*list).cnt).unwrap_or(0)).map(entry).collect()
    }
}

/// # Safety
/// `at` is NULL or valid for `length` bytes.
unsafe fn bytes<'a>(at: *const c_void, length: usize) -> &'a [u8] {
    // SAFETY: the caller's obligation.
    if at.is_null() { &[] } else { unsafe { std::slice::from_raw_parts(at.cast(), length) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(topic: &str, partition: i32, offset: i64) -> Entry {
        Entry { topic: topic.to_owned(), partition, committed: Committed { offset, metadata: vec![] } }
    }

    #[test]
    fn only_an_answer_that_says_so_means_that_there_is_nothing() {
        let at = ("t", 1);
        assert!(matches!(found(&[entry("t", 1, -1)], at), Some(Found::Nothing)));
        let others = [entry("t", 0, -1), entry("u", 1, 7)];
        assert!(found(&others, at).is_none());
        let [a, b] = others;
        assert!(matches!(found(&[a, b, entry("t", 1, 5)], at), Some(Found::Offset(c)) if c.offset == 5));
    }

    #[test]
    fn an_answer_without_the_group_says_nothing() {
        // SAFETY: no results.
        let entries = unsafe { entries(std::ptr::null_mut(), 0) }.unwrap();
        assert!(found(&entries, ("t", 1)).is_none());
    }
}
