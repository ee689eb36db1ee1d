//! The floor beside each job: one thread decoding the same bytes with serde_json, borrowed, into the
//! Arrow columns that the job reads.

use std::borrow::Cow;
use std::hint::black_box;

use arrow_array::builder::{Int8Builder, Int64Builder, StringBuilder};
use serde::Deserialize;
use tidegate_core::{Error, Result};

use crate::data::{Workload, generate};
use crate::measure::thread_cpu_nanos;

/// Rows of one batch.
pub const BATCH: usize = 8192;

type Text<'a> = Option<Cow<'a, str>>;

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    question_id: Text<'a>,
    #[serde(borrow)]
    grade_id: Text<'a>,
    #[serde(borrow)]
    subject_id: Text<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Operation<'a> {
    #[serde(borrow)]
    create_time: Text<'a>,
    #[serde(borrow)]
    data: OperationData<'a>,
}
#[derive(Deserialize)]
struct OperationData<'a> {
    userid: Option<i64>,
    roomid: Option<i64>,
    timestamp: Option<i64>,
    role: Option<i8>,
    msgid: Option<i64>,
    #[serde(borrow)]
    msg: OperationMessage<'a>,
}
#[derive(Deserialize)]
struct OperationMessage<'a> {
    msgtype: Option<i64>,
    #[serde(borrow)]
    msg_data: OperationDetail<'a>,
}
#[derive(Deserialize)]
struct OperationDetail<'a> {
    #[serde(borrow)]
    target_id: Text<'a>,
    #[serde(borrow)]
    target_type: Text<'a>,
    #[serde(borrow)]
    action: Text<'a>,
    #[serde(borrow)]
    sub_action: Text<'a>,
    page_index: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    user_id: Option<i64>,
    room_id: Option<i64>,
    role: Option<i8>,
    #[serde(borrow)]
    event: Text<'a>,
    time_stamp: Option<i64>,
}

#[derive(Deserialize)]
struct Quality<'a> {
    #[serde(borrow)]
    classroom_id: Text<'a>,
    #[serde(borrow)]
    user_type: Text<'a>,
    user_id: Option<i64>,
    agora_channel_id: Option<i64>,
    #[serde(borrow)]
    event: Text<'a>,
    #[serde(rename = "agora_videoState")]
    video: Video,
    #[serde(rename = "agora_audioState")]
    audio: Audio,
    #[serde(rename = "messageCreateTime")]
    time: Option<i64>,
}
#[derive(Deserialize)]
struct Video {
    fr: Option<i64>,
    uid: Option<i64>,
}
#[derive(Deserialize)]
struct Audio {
    lost: Option<i64>,
    uid: Option<i64>,
}

#[derive(Deserialize)]
struct Order<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    cc_id: Text<'a>,
    #[serde(borrow)]
    confirm_date_time: Text<'a>,
    #[serde(borrow)]
    status: Text<'a>,
}

/// The columns of one batch.
pub struct Columns {
    texts: Vec<StringBuilder>,
    longs: Vec<Int64Builder>,
    bytes: Vec<Int8Builder>,
}

impl Columns {
    /// Empty ones.
    pub fn new() -> Self {
        Columns {
            texts: (0..8).map(|_| StringBuilder::new()).collect(),
            longs: (0..8).map(|_| Int64Builder::new()).collect(),
            bytes: vec![Int8Builder::new()],
        }
    }
    fn put<const T: usize, const L: usize>(&mut self, texts: [&Text<'_>; T], longs: [Option<i64>; L]) {
        for (b, t) in self.texts.iter_mut().zip(texts) {
            b.append_option(t.as_deref());
        }
        for (b, l) in self.longs.iter_mut().zip(longs) {
            b.append_option(l);
        }
    }
    /// Ends the batch.
    pub fn finish(&mut self) {
        for b in &mut self.texts {
            black_box(b.finish());
        }
        for b in &mut self.longs {
            black_box(b.finish());
        }
        for b in &mut self.bytes {
            black_box(b.finish());
        }
    }
}

/// Decodes one message.
///
/// # Errors
/// It does not parse.
pub fn decode(workload: Workload, text: &str, c: &mut Columns) -> serde_json::Result<()> {
    match workload {
        Workload::Answer => {
            let a: Answer = serde_json::from_str(text)?;
            c.put([&a.question_id, &a.grade_id, &a.subject_id], []);
        }
        Workload::Operation => {
            let o: Operation = serde_json::from_str(text)?;
            let (d, m) = (&o.data, &o.data.msg.msg_data);
            c.put(
                [&o.create_time, &m.target_id, &m.target_type, &m.action, &m.sub_action],
                [d.userid, d.roomid, d.timestamp, d.msgid, d.msg.msgtype, m.page_index],
            );
            c.bytes[0].append_option(d.role);
        }
        Workload::Event => {
            let e: Event = serde_json::from_str(text)?;
            c.put([&e.event], [e.user_id, e.room_id, e.time_stamp]);
            c.bytes[0].append_option(e.role);
        }
        Workload::Quality => {
            let q: Quality = serde_json::from_str(text)?;
            c.put(
                [&q.classroom_id, &q.user_type, &q.event],
                [q.user_id, q.agora_channel_id, q.video.fr, q.video.uid, q.audio.lost, q.audio.uid, q.time],
            );
        }
        Workload::Order => {
            let o: Order = serde_json::from_str(text)?;
            c.put([&o.id, &o.cc_id, &o.confirm_date_time, &o.status], []);
        }
    }
    Ok(())
}

/// Rows per CPU-second of the floor.
///
/// # Errors
/// Where the made-up data does not parse: a bug.
pub fn floor(workload: Workload, rows: u64, seed: u64) -> Result<f64> {
    let mut pending: Vec<String> = Vec::with_capacity(BATCH);
    let mut columns = Columns::new();
    let mut nanos = 0u64;
    let mut failed = None;
    let mut decode_all = |batch: &mut Vec<String>| {
        let start = thread_cpu_nanos();
        for text in batch.iter() {
            if let Err(e) = decode(workload, text, &mut columns) {
                failed = Some(e.to_string());
            }
        }
        columns.finish();
        nanos += thread_cpu_nanos() - start;
        batch.clear();
    };
    generate(workload, rows, seed, |m| {
        pending.push(m.value);
        if pending.len() == BATCH {
            decode_all(&mut pending);
        }
    });
    decode_all(&mut pending);
    match failed {
        Some(e) => Err(Error::internal(format!("{workload:?}: {e}"))),
        None => Ok(rows as f64 / (nanos as f64 / 1e9)),
    }
}
