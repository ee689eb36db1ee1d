//! What topics there are and where their partitions begin and end.

use std::os::raw::{c_char, c_int};
use std::time::Duration;

use rdkafka::bindings as c;
use rdkafka::consumer::BaseConsumer;
use rdkafka::error::RDKafkaErrorCode as Code;
use tidegate_core::Result;

use super::ask::{Event, ask, until_complete};
use super::{c_name, text};
use crate::client::Context;
use crate::error;

/// A topic as the cluster describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// Its name.
    pub name: String,
    /// Random, made with the topic; empty where the broker has none (before 2.8).
    pub id: String,
    /// Number of partitions.
    pub partitions: u32,
}

/// The point that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OffsetAt {
    /// The oldest record.
    Start,
    /// After the newest record.
    End,
    /// The first record at or after this time, ms.
    Time(i64),
}

/// Which end counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// Open transactions end it.
    Committed,
    /// Everything that is in the log.
    All,
}

/// Describes topics; `None` for those that do not exist.
///
/// # Errors
/// No answer within `patience`; topics that must not be looked at.
pub fn describe(
    client: &BaseConsumer<Context>,
    names: &[String],
    patience: Duration,
) -> Result<Vec<Option<Described>>> {
    until_complete(&format!("looking at topics {names:?}"), patience, || describe_once(client, names, patience))
}

fn describe_once(
    client: &BaseConsumer<Context>,
    names: &[String],
    patience: Duration,
) -> Result<Option<Vec<Option<Described>>>> {
    let texts = names.iter().map(|n| c_name(n)).collect::<Result<Vec<_>>>()?;
    let mut pointers: Vec<*const c_char> = texts.iter().map(|t| t.as_ptr()).collect();
    // SAFETY: the names live to the end of the function; what is made here is destroyed below.
    unsafe {
        let topics = c::rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len());
        let asking = (c::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS, "looking at topics");
        let answer = ask(client, asking, patience, |native, options, queue| {
            c::rd_kafka_DescribeTopics(native, topics, options, queue);
        });
        c::rd_kafka_TopicCollection_destroy(topics);
        let event = answer?;
        described(event.0, names)
    }
}

/// # Safety
/// `event` is the live answer to a DescribeTopics.
unsafe fn described(event: Event, names: &[String]) -> Result<Option<Vec<Option<Described>>>> {
    let mut out: Vec<Option<Option<Described>>> = vec![None; names.len()];
    // SAFETY: all pointers belong to the event, which the caller keeps.
    unsafe {
        let result = c::rd_kafka_event_DescribeTopics_result(event);
        let mut count = 0;
        let topics = c::rd_kafka_DescribeTopics_result_topics(result, &mut count);
        for i in 0..count {
            let topic = *topics.add(i);
            let name = text(c::rd_kafka_TopicDescription_name(topic));
            let code: Code = c::rd_kafka_error_code(c::rd_kafka_TopicDescription_error(topic)).into();
            let at = names.iter().position(|n| *n == name);
            if error::is_missing(code) {
                at.into_iter().for_each(|at| out[at] = Some(None));
                continue;
            }
            if code != Code::NoError {
                return Err(error::of_code(code, &format!("looking at topic '{name}'")));
            }
            let mut partitions = 0;
            c::rd_kafka_TopicDescription_partitions(topic, &mut partitions);
            let id = text(c::rd_kafka_Uuid_base64str(c::rd_kafka_TopicDescription_topic_id(topic)));
            let id = if id.chars().all(|c| c == 'A') { String::new() } else { id };
            if let Some(at) = at {
                let partitions = u32::try_from(partitions).unwrap_or(u32::MAX);
                out[at] = Some(Some(Described { name, id, partitions }));
            }
        }
    }
    // Only an answer that says so means that there is no such topic.
    Ok(out.into_iter().collect())
}

/// Offsets of partitions of one topic; -1 where a time lies after the newest record.
///
/// # Errors
/// No answer within `patience`; a partition that does not exist or must not be read.
pub fn offsets(
    client: &BaseConsumer<Context>,
    topic: &str,
    asked: &[(i32, OffsetAt)],
    view: View,
    patience: Duration,
) -> Result<Vec<i64>> {
    let doing = format!("offsets of topic '{topic}'");
    until_complete(&doing, patience, || offsets_once(client, (topic, &doing), asked, view, patience))
}

fn offsets_once(
    client: &BaseConsumer<Context>,
    (topic, doing): (&str, &str),
    asked: &[(i32, OffsetAt)],
    view: View,
    patience: Duration,
) -> Result<Option<Vec<i64>>> {
    let name = c_name(topic)?;
    // SAFETY: the list is destroyed below; the name lives to the end of the function.
    unsafe {
        let list = c::rd_kafka_topic_partition_list_new(c_int::try_from(asked.len()).unwrap_or(0));
        for (partition, at) in asked {
            let entry = c::rd_kafka_topic_partition_list_add(list, name.as_ptr(), *partition);
            (*entry).offset = match at {
                OffsetAt::Start => -2,
                OffsetAt::End => -1,
                OffsetAt::Time(ms) => (*ms).max(0),
            };
        }
        let op = c::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTOFFSETS;
        let answer = ask(client, (op, doing), patience, |native, options, queue| {
            let level = match view {
                View::Committed => c::rd_kafka_IsolationLevel_t::RD_KAFKA_ISOLATION_LEVEL_READ_COMMITTED,
                View::All => c::rd_kafka_IsolationLevel_t::RD_KAFKA_ISOLATION_LEVEL_READ_UNCOMMITTED,
            };
            c::rd_kafka_AdminOptions_set_isolation_level(options, level);
            c::rd_kafka_ListOffsets(native, list, options, queue);
        });
        c::rd_kafka_topic_partition_list_destroy(list);
        let event = answer?;
        found(event.0, doing, asked)
    }
}

/// # Safety
/// `event` is the live answer to a ListOffsets.
unsafe fn found(event: Event, doing: &str, asked: &[(i32, OffsetAt)]) -> Result<Option<Vec<i64>>> {
    let mut out = vec![None; asked.len()];
    // SAFETY: all pointers belong to the event, which the caller keeps.
    unsafe {
        let result = c::rd_kafka_event_ListOffsets_result(event);
        let mut count = 0;
        let infos = c::rd_kafka_ListOffsets_result_infos(result, &mut count);
        for i in 0..count {
            let entry = c::rd_kafka_ListOffsetsResultInfo_topic_partition(*infos.add(i));
            let code: Code = (*entry).err.into();
            if code != Code::NoError {
                return Err(error::of_code(code, &format!("{doing} partition {}", (*entry).partition)));
            }
            if let Some(at) = asked.iter().position(|(p, _)| *p == (*entry).partition) {
                out[at] = Some((*entry).offset);
            }
        }
    }
    // Where a broker did not answer its part of the question, the answer as a whole is good and lacks it.
    let known = |(offset, (_, at)): (Option<i64>, &(i32, OffsetAt))| {
        offset.filter(|n| *n >= 0 || matches!(at, OffsetAt::Time(_)))
    };
    Ok(out.into_iter().zip(asked).map(known).collect())
}
