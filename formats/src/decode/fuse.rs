//! From a chain of SQL functions to the hops of a path program, and what is left for afterwards.

use tidegate_core::error::{Error, Result};
use tidegate_core::scan::{CastRule, ChainStep, JsonPath, JsonRule, JsonSegment};
use tidegate_core::types::DataType;

use super::cast;
use crate::json::program::{Crossing, Hop, MAX_HOPS};

/// What is left of a chain once the path program has found the value.
#[derive(Debug)]
pub(crate) struct ChainEnd {
    /// The whole chain, for rows that need the plain evaluation.
    pub(crate) steps: Vec<ChainStep>,
    pub(crate) last: Last,
    pub(crate) residual: Option<Residual>,
    /// A last cast to CHAR(n) or VARCHAR(n).
    pub(crate) fit: Option<LastCast>,
    pub(crate) cast: Option<LastCast>,
}

impl ChainEnd {
    /// Whether a string without escapes is the chain's value as it stands.
    pub(crate) fn is_plain(&self) -> bool {
        self.residual.is_none() && self.fit.is_none() && self.last != Last::Query
    }
}

/// The cast that ends a chain.
pub(crate) type LastCast = (DataType, CastRule);

/// The function that makes text of the value the program found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Last {
    /// The message itself.
    Message,
    FlinkValue,
    BlinkValue,
    Query,
}

/// Steps that the program cannot take.
#[derive(Debug)]
pub(crate) struct Residual {
    pub(crate) steps: Vec<ChainStep>,
    /// They go on inside a path: only objects and arrays have anything there.
    pub(crate) mid_path: bool,
}

/// Whether a path of the chain is not understood: its value is NULL whatever the text.
pub(crate) fn is_never(steps: &[ChainStep]) -> bool {
    steps.iter().any(|s| matches!(s, ChainStep::JsonValue(p, _) | ChainStep::JsonQuery(p, _) if p.segments.is_none()))
}

/// Text casts without effect go; a cast to another type must be the last.
pub(crate) fn split_cast(steps: &[ChainStep]) -> Result<(Vec<ChainStep>, Option<LastCast>)> {
    let mut kept = Vec::with_capacity(steps.len());
    let mut to = None;
    for (i, step) in steps.iter().enumerate() {
        match step {
            ChainStep::Cast(ty, rule) if ty.ty.is_text() => {
                if cast::changes_text(&ty.ty, *rule) {
                    kept.push(step.clone());
                }
            }
            ChainStep::Cast(ty, rule) if i + 1 == steps.len() => to = Some((ty.clone(), *rule)),
            ChainStep::Cast(ty, _) => return Err(Error::internal(format!("a cast to {ty} inside a chain"))),
            other => kept.push(other.clone()),
        }
    }
    Ok((kept, to))
}

/// The hops a path program can take of a chain; what it cannot stays in `end`.
pub(crate) fn fuse(steps: &[ChainStep], end: &mut ChainEnd) -> Vec<Hop> {
    let mut hops: Vec<Hop> = Vec::new();
    for (i, step) in steps.iter().enumerate() {
        let (path, rule, last) = match step {
            ChainStep::JsonValue(path, rule @ JsonRule::Flink) => (path, *rule, Last::FlinkValue),
            ChainStep::JsonValue(path, rule @ JsonRule::Blink) => (path, *rule, Last::BlinkValue),
            ChainStep::JsonQuery(path, rule) => (path, *rule, Last::Query),
            ChainStep::Cast(ty, rule) => {
                if i + 1 == steps.len() {
                    end.fit = Some((ty.clone(), *rule));
                } else {
                    end.residual = Some(Residual { steps: steps[i..].to_vec(), mid_path: false });
                }
                return hops;
            }
        };
        let segments = path.segments.as_deref().unwrap_or(&[]);
        let names = segments.iter().take_while(|s| matches!(s, JsonSegment::Member(_))).count();
        if names == 0 || hops.len() + names > MAX_HOPS {
            // A path that starts with an index, or `$`: nothing of this step can be fused.
            end.residual = Some(Residual { steps: steps[i..].to_vec(), mid_path: false });
            return hops;
        }
        if let Some(before) = hops.last_mut() {
            before.crossing = match end.last {
                Last::BlinkValue => Crossing::BlinkValue,
                Last::FlinkValue => Crossing::FlinkValue,
                Last::Query | Last::Message => Crossing::Query,
            };
        }
        let crossing = if rule == JsonRule::Blink { Crossing::BlinkPath } else { Crossing::FlinkPath };
        for segment in &segments[..names] {
            if let JsonSegment::Member(name) = segment {
                hops.push(Hop { name: name.clone(), crossing });
            }
        }
        end.last = last;
        if names < segments.len() {
            let rest = JsonPath { segments: Some(segments[names..].to_vec()), ..path.clone() };
            let mut left = vec![match step {
                ChainStep::JsonQuery(..) => ChainStep::JsonQuery(rest, rule),
                _ => ChainStep::JsonValue(rest, rule),
            }];
            left.extend_from_slice(&steps[i + 1..]);
            end.residual = Some(Residual { steps: left, mid_path: true });
            return hops;
        }
    }
    hops
}
