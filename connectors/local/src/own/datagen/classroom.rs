//! Messages of online classrooms, as their clients send them: JSON with Chinese text, numbers now
//! and then missing, event times a little out of order. Each is a function of seed and number.

use std::fmt::Write;

use super::random::{below, bits};
use crate::text;

/// 2020-08-27 00:00:00 UTC.
pub(crate) const START_MS: i64 = 1_598_486_400_000;

/// The generators by name.
pub const GENERATORS: &[(&str, Shape)] = &[
    ("classroom.answer", Shape::Answer),
    ("classroom.timeline", Shape::Timeline),
    ("classroom.analysis", Shape::Analysis),
    ("classroom.qos", Shape::Qos),
    ("classroom.order", Shape::Order),
    ("classroom.channel", Shape::Channel),
];

/// What a message tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A student has answered a question.
    Answer,
    /// A student or teacher did something on the blackboard; as the client nests it. Keyed.
    Timeline,
    /// The same, cleaned: what the DWD layer makes of `Timeline`. Keyed.
    Analysis,
    /// Audio and video quality of a participant.
    Qos,
    /// An order for a course package has changed; four changes an order, keyed by its id.
    Order,
    /// An entry of the channel dictionary.
    Channel,
}

/// A generator of messages.
#[derive(Debug, Clone)]
pub struct Classroom {
    /// Which.
    pub shape: Shape,
    /// Event time of the first message in ms; `None`: when the source was first started.
    pub start_ms: Option<i64>,
    /// Messages a second of event time.
    pub per_second: i64,
    /// How far event times go back at most, in ms.
    pub disorder_ms: i64,
    /// How many users, questions or channels.
    pub keys: u64,
}

/// Target id, target type, action, sub-action, event name, and how many in 32 are such.
type Operation = (&'static str, &'static str, &'static str, &'static str, &'static str, u64);

const OPERATIONS: &[Operation] = &[
    ("pic", "shape", "move", "", "STUDENT_MOVE_PICTURE", 5),
    ("pic", "shape", "mouse", "over", "STUDENT_HOVER_PICTURE", 5),
    ("line", "shape", "add", "", "STUDENT_LINE_DRAW", 3),
    ("snd", "template", "audio", "start", "STUDENT_AUDIO_PLAY", 3),
    ("snd", "template", "audio", "pause", "STUDENT_AUDIO_PAUSE", 3),
    ("match", "template", "match", "drop:wrong", "STUDENT_MATCH_WRONG", 2),
    ("match", "template", "match", "drop:correct", "STUDENT_MATCH_CORRECT", 3),
    // What the DWD layer filters out.
    ("pic", "shape", "mouse", "out", "", 3),
    ("pg", "template", "page", "next", "", 3),
    ("other", "template", "match", "drop:wrong", "", 2),
];
/// The operations that have an event.
const EVENTS: usize = 7;

const SUBJECTS: [&str; 3] = ["科目ID_1_数学", "科目ID_2_语文", "科目ID_3_英语"];
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/// Orders of which each gets its four changes in four rounds before the next begin.
const ORDERS: u64 = 256;

impl Classroom {
    /// Writes message `n`'s key, if it has one, and the message.
    pub fn write(&self, seed: u64, n: u64, started_ms: i64, key: &mut String, message: &mut String) -> bool {
        // Slices of one random number serve the fields; `b(i)` gives further ones.
        let b = |stream: u64| bits(seed, stream, n);
        let r = b(0);
        let start = self.start_ms.unwrap_or(started_ms);
        let late = below(b(1), self.disorder_ms as u64 + 1) as i64;
        let on_time = start + (n as i64).saturating_mul(1000) / self.per_second;
        let time = Time { ms: on_time - late };
        // Writing into a String cannot fail.
        let _ = match self.shape {
            Shape::Answer => self.answer(r, &time, message),
            Shape::Timeline => self.timeline(r, b(2), &time, message),
            Shape::Analysis => self.analysis(r, b(2), &time, message),
            Shape::Qos => self.qos(r, b(2), &time, message),
            Shape::Order => self.order(seed, n, start, on_time, message),
            Shape::Channel => self.channel(n, start, message),
        };
        match self.shape {
            Shape::Timeline | Shape::Analysis => write!(key, "k{n}").is_ok(),
            Shape::Order => write!(key, "{}", order_of(seed, n).0).is_ok(),
            Shape::Answer | Shape::Qos | Shape::Channel => false,
        }
    }

    fn answer(&self, r: u64, time: &Time, out: &mut String) -> std::fmt::Result {
        let question = below(r, self.keys) + 1;
        let student = below(r.rotate_left(17), self.keys * 10) + 1;
        let (grade, subject) = (below(r.rotate_left(31), 6) + 1, question as usize % 3);
        write!(
            out,
            r#"{{"student_id":"学生ID_{student}","textbook_id":"教材ID_{}","grade_id":"年级ID_{grade}","subject_id":"{}","chapter_id":"章节ID_chapter_{}","question_id":"题目ID_{question}","score":{},"answer_time":"{}","ts":"{}"}}"#,
            subject + 1,
            SUBJECTS[subject],
            question % 10 + 1,
            below(r.rotate_left(43), 11),
            time.seconds(),
            time.american(),
        )
    }

    fn timeline(&self, r: u64, s: u64, time: &Time, out: &mut String) -> std::fmt::Result {
        let user = below(r, self.keys);
        let op = operation(below(s, 32));
        // One in eight is a teacher; one in sixteen another message id or type.
        let role = if s & 7 == 0 { 1 } else { 2 };
        let message_id = if s >> 3 & 15 == 0 { 301 } else { 305 };
        let message_type = if s >> 7 & 15 == 0 { 115 } else { 116 };
        write!(
            out,
            r#"{{"createTime":"{}","data":{{"userid":{},"roomid":{},"timestamp":{},"role":{role},"msgid":{message_id},"msg":{{"msgtype":{message_type},"msg_data":{{"target_id":"{}"#,
            time.seconds(),
            10_000 + user,
            500 + user / 20,
            time.ms,
            op.0
        )?;
        if !matches!(op.0, "match" | "other") {
            write!(out, "{}", s >> 11 & 63)?;
        }
        write!(
            out,
            r#"","target_type":"{}","action":"{}","sub_action":"{}","page_index":{}}}}}}}}}"#,
            op.1,
            op.2,
            op.3,
            s >> 17 & 31
        )
    }

    fn analysis(&self, r: u64, s: u64, time: &Time, out: &mut String) -> std::fmt::Result {
        let user = below(r, self.keys);
        let op = OPERATIONS[below(s, EVENTS as u64) as usize];
        write!(
            out,
            r#"{{ "messageCreateTime": "{0}","timeStamp": {1},"messageTimeStamp": "{0}.{2:03}","userId": {3},"roomId": {4},"role": 2,"msgId": 305,"msgType": 116,"targetId": "{5}","targetType": "{6}","action": "{7}","subAction": "{8}","pageIndex": {9},"event": "{10}" }}"#,
            time.seconds(),
            time.ms,
            time.ms.rem_euclid(1000),
            10_000 + user,
            500 + user / 20,
            op.0,
            op.1,
            op.2,
            op.3,
            s >> 17 & 31,
            op.4
        )
    }

    fn qos(&self, r: u64, s: u64, time: &Time, out: &mut String) -> std::fmt::Result {
        let user = below(r, self.keys);
        let role = if s & 7 == 0 { "teacher" } else { "student" };
        write!(out, r#"{{"classroom_id":"room_{}","user_type":"{role}","#, user / 20)?;
        // Now and then a client does not know who or where it is.
        if s >> 3 & 127 != 0 {
            write!(out, r#""user_id":{},"#, 10_000 + user)?;
        }
        if s >> 10 & 127 != 0 {
            write!(out, r#""agora_channel_id":{},"#, 70_000 + user / 20)?;
        }
        let event = if s >> 17 & 1 == 0 { "onRtcStats" } else { "onNetworkQuality" };
        write!(
            out,
            r#""event":"{event}","agora_videoState":{{"fr":{},"uid":{}}},"agora_audioState":{{"lost":{},"uid":{}}},"messageCreateTime":{}}}"#,
            (s >> 18 & 31) as i64 - 1,
            20_000 + user,
            (s >> 23 & 31) as i64 - 2,
            30_000 + user,
            time.ms
        )
    }

    /// An order goes from new to paid to confirmed; in its fourth change one in four is cancelled.
    fn order(&self, seed: u64, n: u64, start: i64, on_time: i64, out: &mut String) -> std::fmt::Result {
        let (id, round) = order_of(seed, n);
        let d = bits(seed, 11, id);
        let cancelled = round == 3 && d & 3 == 0;
        let status = if cancelled { 4 } else { (round + 1).min(3) };
        // One change in 32 hands the order to the next consultant.
        let handed_on = u64::from(bits(seed, 12, n) & 31 == 0);
        let consultants = (self.keys / 4).max(1);
        let consultant = (below(d.rotate_left(9), consultants) + handed_on) % consultants + 1;
        let (created, updated) = (Time { ms: start }, Time { ms: on_time });
        let quoted = |t: Option<Time>| t.map_or_else(|| "null".to_owned(), |t| format!("\"{}\"", t.seconds()));
        let confirmed = (round >= 1).then(|| Time { ms: start + (id % 7 * 86_400 + (d >> 40 & 0xffff)) as i64 * 1000 });
        write!(
            out,
            r#"{{"id":"{id}","leads_flow_event_id":"lf{id}","group_id":"g{}","cc_id":"{consultant}","student_id":"s{}","order_id":"o{id}","leads_id":"l{id}","confirm_date_time":{},"create_time":"{}","update_time":"{}","order_create_time":"{}","canceled_date_time":{},"apply_refund_date":null,"status":"{status}"}}"#,
            consultant % 10,
            id % 5000,
            quoted(confirmed),
            created.seconds(),
            updated.seconds(),
            created.seconds(),
            quoted(cancelled.then_some(updated)),
        )
    }

    fn channel(&self, n: u64, start: i64, out: &mut String) -> std::fmt::Result {
        let id = n % self.keys + 1;
        let (created, updated) = (Time { ms: start }, Time { ms: start + n as i64 * 1000 });
        let level = ['A', 'B', 'C', 'D', 'E', 'F'][id as usize % 6];
        write!(
            out,
            r#"{{"id":"{id}","chinese_name":"渠道{id}","english_name":"ch_{id}","level":"{level}","pid":"p{}","create_time":"{}","update_time":"{}","dept_id":"{}"}}"#,
            id % 40,
            created.seconds(),
            updated.seconds(),
            id % 9
        )
    }
}

fn operation(mut n: u64) -> Operation {
    for op in OPERATIONS {
        if n < op.5 {
            return *op;
        }
        n -= op.5;
    }
    OPERATIONS[0]
}

/// The order that change `n` is of, and which of its changes it is: 0 to 3. Within a round every
/// order of a group has its turn once, in an order that looks random.
fn order_of(seed: u64, n: u64) -> (u64, u64) {
    let (group, within) = (n / (4 * ORDERS), n % (4 * ORDERS));
    let (round, turn) = (within / ORDERS, within % ORDERS);
    let r = bits(seed, 10, group * 4 + round);
    // An odd factor permutes the residues of a power of two.
    let order = turn.wrapping_mul(r | 1).wrapping_add(r >> 32) % ORDERS;
    (group * ORDERS + order, round)
}

#[derive(Clone, Copy)]
struct Time {
    ms: i64,
}

impl Time {
    /// `2020-08-27 00:00:00`
    fn seconds(&self) -> String {
        text::timestamp(self.ms.div_euclid(1000) * 1_000_000)
    }

    /// `Aug 27, 2020 12:00:00 AM`, as a Java client's default date format has it.
    fn american(&self) -> String {
        let text = self.seconds();
        let part = |from: usize, to: usize| text.get(from..to).and_then(|t| t.parse::<usize>().ok()).unwrap_or(0);
        let hour = part(11, 13);
        let month = MONTHS[part(5, 7).clamp(1, 12) - 1];
        let half = if hour < 12 { "AM" } else { "PM" };
        let twelve = if hour % 12 == 0 { 12 } else { hour % 12 };
        format!("{month} {}, {} {twelve}:{} {half}", part(8, 10), part(0, 4), text.get(14..19).unwrap_or_default())
    }
}
