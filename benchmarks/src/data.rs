//! Messages of the education warehouse, the same bytes for the same seed on every machine.
//!
//! Event time rises with the sequence number at 2,000 messages a second of event time, with bounded
//! disorder; see each generator.

use tidegate_formats::text::timestamp::write_timestamp;

/// 2020-08-27 00:00:00 UTC in ms.
pub const START_MS: i64 = 1_598_486_400_000;
const PER_SECOND: i64 = 2000;

/// One message.
pub struct Message {
    /// The key, if the topic has keys.
    pub key: Option<String>,
    /// The partition it goes to.
    pub partition: u32,
    /// The JSON text.
    pub value: String,
}

/// The workloads, named after the jobs that read them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Workload {
    /// A: answers
    Answer,
    /// B1: nested classroom operations
    Operation,
    /// B3: flattened operations
    Event,
    /// B5: audio and video quality
    Quality,
    /// B7: versions of orders
    Order,
}

/// splitmix64: small, seedable, and the same everywhere.
pub struct Random(u64);

impl Random {
    /// A stream of numbers.
    pub fn new(seed: u64) -> Self {
        Random(seed)
    }
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// `yyyy-MM-dd HH:mm:ss` in UTC.
fn clock(ms: i64) -> String {
    let mut out = String::with_capacity(19);
    write_timestamp(&mut out, ms * 1000, 0);
    out
}

/// target id, target type, action, sub action
const OPERATIONS: [(&str, &str, &str, &str); 10] = [
    ("pic", "shape", "move", ""),
    ("pic", "shape", "mouse", "over"),
    ("line", "shape", "add", ""),
    ("snd", "template", "audio", "start"),
    ("snd", "template", "audio", "pause"),
    ("match", "template", "match", "drop:wrong"),
    ("match", "template", "match", "drop:correct"),
    ("pic", "shape", "mouse", "out"),
    ("pg", "template", "page", "next"),
    ("other", "template", "match", "drop:wrong"),
];

const EVENTS: [&str; 7] = [
    "STUDENT_MOVE_PICTURE",
    "STUDENT_HOVER_PICTURE",
    "STUDENT_LINE_DRAW",
    "STUDENT_AUDIO_PLAY",
    "STUDENT_AUDIO_PAUSE",
    "STUDENT_MATCH_WRONG",
    "STUDENT_MATCH_CORRECT",
];

const SUBJECTS: [&str; 3] = ["科目ID_1_数学", "科目ID_2_语文", "科目ID_3_英语"];

/// Calls `each` for messages `0..count`.
pub fn generate(workload: Workload, count: u64, seed: u64, mut each: impl FnMut(Message)) {
    let mut random = Random::new(seed);
    let mut orders = vec![0u8; if workload == Workload::Order { (count / 4).max(1) as usize } else { 0 }];
    for i in 0..count {
        each(match workload {
            Workload::Answer => answer(i, &mut random),
            Workload::Operation => operation(i, &mut random),
            Workload::Event => event(i, &mut random),
            Workload::Quality => quality(i, &mut random),
            Workload::Order => order(i, &mut random, &mut orders),
        });
    }
}

fn at(i: u64) -> i64 {
    START_MS + i as i64 * 1000 / PER_SECOND
}

fn answer(i: u64, r: &mut Random) -> Message {
    let question = r.below(2000) + 1;
    let subject = (question % 3) as usize;
    let time = clock(at(i) - r.below(512) as i64);
    let value = format!(
        "{{\"student_id\":\"学生ID_{}\",\"textbook_id\":\"教材ID_{}\",\"grade_id\":\"年级ID_{}\",\"subject_id\":\"{}\",\
         \"chapter_id\":\"章节ID_chapter_{}\",\"question_id\":\"题目ID_{question}\",\"score\":{},\
         \"answer_time\":\"{time}\",\"ts\":\"Aug 27, 2020 {}\"}}",
        r.below(20_000) + 1,
        subject + 1,
        r.below(6) + 1,
        SUBJECTS[subject],
        question % 10 + 1,
        r.below(11),
        &time[11..],
    );
    Message { key: None, partition: (i & 1) as u32, value }
}

fn operation(i: u64, r: &mut Random) -> Message {
    let user = r.below(2000);
    let (target, kind, action, sub) = OPERATIONS[r.below(10) as usize];
    let ms = at(i) - r.below(512) as i64;
    let target =
        if matches!(target, "match" | "other") { target.to_owned() } else { format!("{target}{}", r.below(64)) };
    let role = if r.one_in(8) { 1 } else { 2 };
    let msgid = if r.one_in(16) { 301 } else { 305 };
    let msgtype = if r.one_in(16) { 115 } else { 116 };
    let value = format!(
        "{{\"createTime\":\"{}\",\"data\":{{\"userid\":{},\"roomid\":{},\"timestamp\":{ms},\"role\":{role},\"msgid\":{msgid},\
         \"msg\":{{\"msgtype\":{msgtype},\"msg_data\":{{\"target_id\":\"{target}\",\"target_type\":\"{kind}\",\"action\":\"{action}\",\
         \"sub_action\":\"{sub}\",\"page_index\":{}}}}}}}}}",
        clock(ms),
        10_000 + user,
        500 + user / 20,
        r.below(32),
    );
    Message { key: Some(format!("k{i}")), partition: (i & 1) as u32, value }
}

fn event(i: u64, r: &mut Random) -> Message {
    let user = r.below(2000);
    let e = r.below(7) as usize;
    let (target, kind, action, sub) = OPERATIONS[e];
    let ms = at(i) - r.below(4096) as i64;
    let value = format!(
        "{{ \"messageCreateTime\": \"{0}\",\"timeStamp\": {ms},\"messageTimeStamp\": \"{0}.{1:03}\",\"userId\": {2},\"roomId\": {3},\
         \"role\": 2,\"msgId\": 305,\"msgType\": 116,\"targetId\": \"{target}\",\"targetType\": \"{kind}\",\"action\": \"{action}\",\
         \"subAction\": \"{sub}\",\"pageIndex\": {4},\"event\": \"{5}\" }}",
        clock(ms),
        ms % 1000,
        10_000 + user,
        500 + user / 20,
        r.below(32),
        EVENTS[e],
    );
    Message { key: Some(format!("k{i}")), partition: (i & 1) as u32, value }
}

fn quality(i: u64, r: &mut Random) -> Message {
    let user = r.below(2000);
    let far = if r.one_in(128) { r.below(16) as i64 * 3200 } else { 0 };
    let ms = at(i) - r.below(4096) as i64 - far;
    let who = if r.one_in(128) { String::new() } else { format!("\"user_id\":{},", 10_000 + user) };
    let channel = if r.one_in(128) { String::new() } else { format!("\"agora_channel_id\":{},", 70_000 + user / 20) };
    let value = format!(
        "{{\"classroom_id\":\"room_{}\",\"user_type\":\"{}\",{who}{channel}\"event\":\"{}\",\
         \"agora_videoState\":{{\"fr\":{},\"uid\":{}}},\"agora_audioState\":{{\"lost\":{},\"uid\":{}}},\"messageCreateTime\":{ms}}}",
        user / 20,
        if r.one_in(8) { "teacher" } else { "student" },
        if r.one_in(2) { "onRtcStats" } else { "onNetworkQuality" },
        r.below(32) as i64 - 1,
        20_000 + user,
        r.below(32) as i64 - 2,
        30_000 + user,
    );
    Message { key: None, partition: (i & 1) as u32, value }
}

fn order(i: u64, r: &mut Random, states: &mut [u8]) -> Message {
    let id = r.below(states.len() as u64);
    let state = &mut states[id as usize];
    *state = match *state {
        0..=2 => *state + 1,
        3 if !r.one_in(4) => 3,
        _ => 4,
    };
    let consultant = (id * 7 + u64::from(r.one_in(32))) % 500 + 1;
    let now = clock(at(i));
    let quoted = |t: String| format!("\"{t}\"");
    let confirmed = if *state >= 2 {
        quoted(clock(START_MS + (id % 7) as i64 * 86_400_000 + r.below(65_536) as i64 * 1000))
    } else {
        "null".to_owned()
    };
    let cancelled = if *state == 4 { quoted(now.clone()) } else { "null".to_owned() };
    let (group, student, created) = (consultant % 10, id % 5000, clock(START_MS));
    let value = format!(
        "{{\"id\":\"{id}\",\"leads_flow_event_id\":\"lf{id}\",\"group_id\":\"g{group}\",\"cc_id\":\"{consultant}\",\
         \"student_id\":\"s{student}\",\"order_id\":\"o{id}\",\"leads_id\":\"l{id}\",\"confirm_date_time\":{confirmed},\
         \"create_time\":\"{created}\",\"update_time\":\"{now}\",\"order_create_time\":\"{created}\",\
         \"canceled_date_time\":{cancelled},\"apply_refund_date\":null,\"status\":\"{state}\"}}",
    );
    Message { key: Some(id.to_string()), partition: (id & 1) as u32, value }
}
