//! What a careful hand-written decoder does with serde_json: borrowed typed structs, Arrow builders.

use std::borrow::Cow;

use arrow_array::builder::{BinaryBuilder, Int8Builder, Int64Builder, StringBuilder};
use serde::Deserialize;
use tidegate_core::error::{Error, Result};
use tidegate_core::raw::RawBatch;

/// Parses every message.
fn each<'a, T: Deserialize<'a>>(batch: &'a RawBatch, mut row: impl FnMut(usize, T)) -> Result<()> {
    for i in 0..batch.records.len() {
        let value = batch.value(i).unwrap_or(b"");
        row(i, serde_json::from_slice(value).map_err(|e| Error::user(e.to_string()))?);
    }
    Ok(())
}

type Text<'a> = Option<Cow<'a, str>>;

fn strings<const N: usize>(rows: usize) -> [StringBuilder; N] {
    std::array::from_fn(|_| StringBuilder::with_capacity(rows, rows * 16))
}

fn longs<const N: usize>(rows: usize) -> [Int64Builder; N] {
    std::array::from_fn(|_| Int64Builder::with_capacity(rows))
}

fn finish<const S: usize, const L: usize>(mut s: [StringBuilder; S], mut l: [Int64Builder; L]) -> usize {
    let texts = s.iter_mut().map(|b| arrow_array::Array::len(&b.finish())).max();
    let numbers = l.iter_mut().map(|b| arrow_array::Array::len(&b.finish())).max();
    texts.or(numbers).unwrap_or(0)
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    question_id: Text<'a>,
    #[serde(borrow)]
    grade_id: Text<'a>,
    #[serde(borrow)]
    subject_id: Text<'a>,
}

/// Job A.
pub fn answer(batch: &RawBatch) -> Result<usize> {
    let mut s = strings::<3>(batch.records.len());
    each(batch, |_, r: Answer<'_>| {
        s[0].append_option(r.question_id);
        s[1].append_option(r.grade_id);
        s[2].append_option(r.subject_id);
    })?;
    Ok(finish(s, longs::<0>(0)))
}

#[derive(Deserialize)]
struct Student<'a> {
    #[serde(rename = "createTime", borrow)]
    create_time: Text<'a>,
    #[serde(borrow)]
    data: Data<'a>,
}
#[derive(Deserialize)]
struct Data<'a> {
    userid: Option<i64>,
    roomid: Option<i64>,
    timestamp: Option<i64>,
    role: Option<i8>,
    msgid: Option<i64>,
    #[serde(borrow)]
    msg: Msg<'a>,
}
#[derive(Deserialize)]
struct Msg<'a> {
    msgtype: Option<i64>,
    #[serde(borrow)]
    msg_data: MsgData<'a>,
}
#[derive(Deserialize)]
struct MsgData<'a> {
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

/// Job B1 with its filter.
pub fn student(batch: &RawBatch) -> Result<usize> {
    let n = batch.records.len();
    let mut keys = BinaryBuilder::with_capacity(n, n * 8);
    let mut roles = Int8Builder::with_capacity(n);
    let (mut s, mut l) = (strings::<6>(n), longs::<5>(n));
    each(batch, |i, r: Student<'_>| {
        let d = r.data;
        if d.msgid != Some(305) || d.msg.msgtype != Some(116) || d.role != Some(2) {
            return;
        }
        keys.append_option(batch.key(i));
        roles.append_option(d.role);
        s[0].append_option(r.create_time);
        s[1].append_option(d.msg.msgtype.map(|n| n.to_string()));
        s[2].append_option(d.msg.msg_data.target_id);
        s[3].append_option(d.msg.msg_data.target_type);
        s[4].append_option(d.msg.msg_data.action);
        s[5].append_option(d.msg.msg_data.sub_action);
        l[0].append_option(d.userid);
        l[1].append_option(d.roomid);
        l[2].append_option(d.timestamp);
        l[3].append_option(d.msgid);
        l[4].append_option(d.msg.msg_data.page_index);
    })?;
    drop((keys.finish(), roles.finish()));
    Ok(finish(s, l))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Mashup<'a> {
    user_id: Option<i64>,
    room_id: Option<i64>,
    role: Option<i64>,
    #[serde(borrow)]
    event: Text<'a>,
    time_stamp: Option<i64>,
}

/// Job B3.
pub fn mashup(batch: &RawBatch) -> Result<usize> {
    let n = batch.records.len();
    let (mut s, mut l) = (strings::<2>(n), longs::<3>(n));
    let mut times = Vec::with_capacity(n);
    each(batch, |_, r: Mashup<'_>| {
        s[0].append_option(r.role.map(|n| n.to_string()));
        s[1].append_option(r.event);
        l[0].append_option(r.user_id);
        l[1].append_option(r.room_id);
        l[2].append_option(r.time_stamp);
        times.push(r.time_stamp.unwrap_or(i64::MIN));
    })?;
    Ok(finish(s, l))
}

#[derive(Deserialize)]
struct Agora<'a> {
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

/// Job B5.
pub fn agora(batch: &RawBatch) -> Result<usize> {
    let n = batch.records.len();
    let (mut s, mut l) = (strings::<3>(n), longs::<7>(n));
    let mut times = Vec::with_capacity(n);
    each(batch, |_, r: Agora<'_>| {
        s[0].append_option(r.classroom_id);
        s[1].append_option(r.user_type);
        s[2].append_option(r.event);
        l[0].append_option(r.user_id);
        l[1].append_option(r.agora_channel_id);
        l[2].append_option(r.video.fr);
        l[3].append_option(r.video.uid);
        l[4].append_option(r.audio.lost);
        l[5].append_option(r.audio.uid);
        l[6].append_option(r.time);
        times.push(r.time.unwrap_or(i64::MIN));
    })?;
    Ok(finish(s, l))
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

/// Job B7.
pub fn order(batch: &RawBatch) -> Result<usize> {
    let mut s = strings::<4>(batch.records.len());
    each(batch, |_, r: Order<'_>| {
        s[0].append_option(r.id);
        s[1].append_option(r.cc_id);
        s[2].append_option(r.confirm_date_time);
        s[3].append_option(r.status);
    })?;
    Ok(finish(s, longs::<0>(0)))
}
