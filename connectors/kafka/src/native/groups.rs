//! Offsets of a group, read and set without being a member.
//!
//! A consumer of the group could do the same, but hears only by the way that the broker refuses the
//! group. Reading needs a client that has the group's name as its own `group.id` all the same: the answer
//! that another broker coordinates the group crashes librdkafka 2.12 in any other client (it asks
//! `rk_cgrp`, which is NULL, for the new one).

use std::time::{Duration, Instant};

use rdkafka::bindings as c;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::RDKafkaErrorCode as Code;
use rdkafka::{Offset, TopicPartitionList};
use tidegate_core::{Result, Retry};

use super::ask::ask;
use super::c_name;
use crate::client::Context;
use crate::error;

/// The next offset of a partition, if the group has one; waits for open transactions that set it.
///
/// # Errors
/// No answer within `patience`; a group that must not be looked at.
pub fn offset(
    client: &BaseConsumer<Context>,
    group: &str,
    topic: &str,
    partition: i32,
    patience: Duration,
) -> Result<Option<i64>> {
    patiently(patience, |left| offset_once(client, group, (topic, partition), left))
}

fn offset_once(
    client: &BaseConsumer<Context>,
    group: &str,
    (topic, partition): (&str, i32),
    patience: Duration,
) -> Result<Option<i64>> {
    let doing = format!("offsets of group '{group}'");
    let name = c_name(group)?;
    let mut asked = TopicPartitionList::new();
    asked.add_partition(topic, partition);
    let op = c::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS;
    // SAFETY: name and list live to the end of the function, the request is destroyed, and all that the
    // answer points to is the answer's own.
    unsafe {
        let mut request = c::rd_kafka_ListConsumerGroupOffsets_new(name.as_ptr(), asked.ptr());
        let answer = ask(client, (op, &doing), patience, |options, queue| {
            c::rd_kafka_AdminOptions_set_require_stable_offsets(options, 1);
            c::rd_kafka_ListConsumerGroupOffsets(client.client().native_ptr(), &mut request, 1, options, queue);
        });
        c::rd_kafka_ListConsumerGroupOffsets_destroy(request);
        let answer = answer?;
        let mut count = 0;
        let result = c::rd_kafka_event_ListConsumerGroupOffsets_result(answer.0);
        let groups = c::rd_kafka_ListConsumerGroupOffsets_result_groups(result, &mut count);
        let found = partitions(groups, count).map_err(|code| error::of_code(code, &doing))?;
        Ok(found.into_iter().next().filter(|offset| *offset >= 0))
    }
}

/// Sets next offsets; the broker has them when it returns.
///
/// # Errors
/// No answer within `patience`; a group that must not be used; a group with members.
pub fn tell(
    client: &BaseConsumer<Context>,
    group: &str,
    offsets: &[(String, i32, i64)],
    patience: Duration,
) -> Result<()> {
    if offsets.is_empty() {
        return Ok(());
    }
    patiently(patience, |left| tell_once(client, group, offsets, left))
}

fn tell_once(
    client: &BaseConsumer<Context>,
    group: &str,
    offsets: &[(String, i32, i64)],
    patience: Duration,
) -> Result<()> {
    let doing = format!("telling group '{group}' its offsets");
    let name = c_name(group)?;
    let mut list = TopicPartitionList::new();
    for (topic, partition, offset) in offsets {
        list.add_partition_offset(topic, *partition, Offset::Offset(*offset)).map_err(|e| error::of(&e, &doing))?;
    }
    let op = c::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_ALTERCONSUMERGROUPOFFSETS;
    // SAFETY: as in `offset`.
    unsafe {
        let mut request = c::rd_kafka_AlterConsumerGroupOffsets_new(name.as_ptr(), list.ptr());
        let answer = ask(client, (op, &doing), patience, |options, queue| {
            c::rd_kafka_AlterConsumerGroupOffsets(client.client().native_ptr(), &mut request, 1, options, queue);
        });
        c::rd_kafka_AlterConsumerGroupOffsets_destroy(request);
        let answer = answer?;
        let mut count = 0;
        let result = c::rd_kafka_event_AlterConsumerGroupOffsets_result(answer.0);
        let groups = c::rd_kafka_AlterConsumerGroupOffsets_result_groups(result, &mut count);
        partitions(groups, count).map_err(|code| error::of_code(code, &doing))?;
        Ok(())
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

/// The offsets of the only group, or the first error in it.
///
/// # Safety
/// `groups` are `count` live results.
unsafe fn partitions(groups: *mut *const c::rd_kafka_group_result_t, count: usize) -> Result<Vec<i64>, Code> {
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
        let element = |i: usize| {
            let element = *(*list).elems.add(i);
            match Code::from(element.err) {
                Code::NoError => Ok(element.offset),
                code => Err(code),
            }
        };
        (0..usize::try_from((*list).cnt).unwrap_or(0)).map(element).collect()
    }
}
