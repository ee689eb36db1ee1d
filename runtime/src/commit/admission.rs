//! All fences are read before any is claimed. Pure.

use std::collections::BTreeMap;

use tidegate_core::Error;
use tidegate_core::sink::Fence;

use super::verify::Verdict;
use crate::store::decision::LaneKey;

/// The answer of one lane's target at the start.
#[derive(Debug, Clone)]
pub enum Reading {
    /// It was read and judged.
    Read {
        /// As read.
        fence: Option<Fence>,
        /// What it means.
        verdict: Verdict,
    },
    /// The target does not answer: judged and claimed on its own, once it does.
    Absent,
}

/// Whether the job may start: one refusal keeps every lane from being claimed.
///
/// # Errors
/// The first refusal, naming the others.
pub fn admit(readings: &BTreeMap<LaneKey, Reading>) -> Result<(), Error> {
    let mut refused = readings.iter().filter_map(|(key, reading)| match reading {
        Reading::Read { verdict: Verdict::Refuse(refusal), .. } => Some((key, refusal)),
        _ => None,
    });
    let Some((key, refusal)) = refused.next() else { return Ok(()) };
    let error = refusal.to_error(key);
    let others: Vec<String> = refused.map(|(k, _)| format!("{} lane {}", k.sink, k.lane)).collect();
    Err(if others.is_empty() { error } else { error.context(format!("refused as well: {}", others.join(", "))) })
}

#[cfg(test)]
mod tests {
    use super::super::verify::Refusal;
    use super::*;
    use crate::store::decision::Mark;

    #[test]
    fn one_refusal_refuses_all() {
        let mark = Mark { position: 0, epoch: 0, digest: 0 };
        let key = |s: &str| LaneKey { sink: s.to_owned(), lane: 0 };
        let fine = Reading::Read { fence: None, verdict: Verdict::Make(mark) };
        let bad = Reading::Read { fence: None, verdict: Verdict::Refuse(Refusal::Beyond { fence: 9, decided: 3 }) };
        let mut readings = BTreeMap::from([(key("a"), fine), (key("b"), Reading::Absent)]);
        assert!(admit(&readings).is_ok());
        readings.insert(key("c"), bad.clone());
        readings.insert(key("d"), bad);
        let text = admit(&readings).unwrap_err().to_string();
        assert!(text.contains("sink c lane 0") && text.contains("d lane 0"), "{text}");
    }
}
