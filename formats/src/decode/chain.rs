//! A chain of JSON functions over a text, without a tree: for expressions that stand above the scan.

use std::borrow::Cow;

use tidegate_core::error::{Error, Result};
use tidegate_core::scan::ChainStep;

use super::cast;
use super::fuse::{ChainEnd, Last, fuse, is_never, split_cast};
use super::value::chain_text;
use crate::json::oracle;
use crate::json::program::Program;
use crate::json::run::{Runner, Slot};
use crate::json::scan::Kind;

/// A compiled chain with the default clauses (NULL ON EMPTY, NULL ON ERROR). The same results as
/// [`crate::json::chain_text`], many times faster on large documents. Keeps buffers: one per task.
#[derive(Debug)]
pub struct ChainFunction {
    end: ChainEnd,
    /// `None`: no hop can be fused, or a path is not supported.
    program: Option<(Program, Runner)>,
    slots: Vec<Slot>,
    never: bool,
}

impl ChainFunction {
    /// Compiles a chain of JSON functions and casts to text.
    ///
    /// # Errors
    /// Where the chain has a cast to another type.
    pub fn new(steps: &[ChainStep]) -> Result<ChainFunction> {
        let (steps, to) = split_cast(steps)?;
        if to.is_some() {
            return Err(Error::internal("a chain function gives text"));
        }
        let never = is_never(&steps);
        let mut end = ChainEnd { steps: steps.clone(), last: Last::Message, residual: None, fit: None, cast: None };
        let hops = fuse(&steps, &mut end);
        let program = (!hops.is_empty()).then(|| {
            let (program, _) = Program::new(&[hops], false);
            let runner = Runner::new(&program);
            (program, runner)
        });
        Ok(ChainFunction { end, slots: vec![Slot::MISSING; 1], program, never })
    }

    /// The text the chain gives of a text; `None` is NULL.
    pub fn eval<'t>(&mut self, text: &'t str) -> Option<Cow<'t, str>> {
        if self.never {
            return None;
        }
        let Some((program, runner)) = &mut self.program else {
            return oracle::chain_text(text, &self.end.steps).map(Cow::Owned);
        };
        runner.arena.clear();
        if runner.read(program, text.as_bytes(), 0, text.len(), &mut self.slots).ok()? {
            return oracle::chain_text(text, &self.end.steps).map(Cow::Owned);
        }
        let slot = self.slots[0];
        let range = slot.start as usize..slot.end as usize;
        if !slot.arena && slot.kind == Kind::Text && self.end.is_plain() {
            return text.get(range).map(Cow::Borrowed);
        }
        let bytes = if slot.arena { &runner.arena[..] } else { text.as_bytes() };
        let found = chain_text(&self.end, slot, bytes.get(range)?)?;
        let found = String::from_utf8_lossy(&found).into_owned();
        Some(Cow::Owned(match &self.end.fit {
            Some((to, rule)) => cast::fit(found, &to.ty, *rule),
            None => found,
        }))
    }
}
