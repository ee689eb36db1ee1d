//! The path program: all JSON paths a statement set reads of one kind of message, compiled into a
//! tree of member names so that one pass over the bytes finds every value.
//!
//! A path is a list of [`Hop`]s. Where a chain of SQL functions goes on inside the result of an
//! earlier one (`JSON_VALUE(CAST(JSON_VALUE(m, '$.data') AS VARCHAR), '$.userid')`) the hop says
//! which rule holds at that point; as long as the value is an object the chain and the plain path
//! `$.data.userid` are the same, and only the other kinds of values tell them apart.

use std::collections::HashMap;
use std::ops::Range;

use super::expected::Target;
use super::scan::Kind;
use super::string::unescape;

/// The rule at a member whose inside is read by a further hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crossing {
    /// Inside one Flink path: only objects have members.
    FlinkPath,
    /// Inside one Blink path: an array maps the rest of the path over its elements.
    BlinkPath,
    /// Out of a Blink JSON_VALUE: objects become text and are read again, and so is a string.
    BlinkValue,
    /// Out of a Flink JSON_VALUE: an object is NULL, a string is read again.
    FlinkValue,
    /// Out of a JSON_QUERY: an object is read again, everything else is NULL.
    Query,
    /// A ROW column: anything but an object or null is a bad field.
    Row,
}

/// What to do with the members wanted below a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reaction {
    /// Read them here.
    Enter,
    /// They are NULL.
    Dead,
    /// The value is a string: its text is a document of its own.
    Reparse,
    /// They are bad fields.
    Bad,
    /// The paths disagree or the rule is rare: the plain evaluation decides for this row.
    Slow,
}

impl Crossing {
    fn on_object(self) -> Reaction {
        if self == Crossing::FlinkValue { Reaction::Dead } else { Reaction::Enter }
    }
    fn on_text(self) -> Reaction {
        match self {
            Crossing::BlinkValue | Crossing::FlinkValue => Reaction::Reparse,
            Crossing::Row => Reaction::Bad,
            Crossing::FlinkPath | Crossing::BlinkPath | Crossing::Query => Reaction::Dead,
        }
    }
    fn on_array(self) -> Reaction {
        match self {
            Crossing::BlinkPath => Reaction::Slow,
            Crossing::Row => Reaction::Bad,
            _ => Reaction::Dead,
        }
    }
    fn on_scalar(self) -> Reaction {
        if self == Crossing::Row { Reaction::Bad } else { Reaction::Dead }
    }
}

/// One member of a path, and the rule for what is inside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    /// The member's name.
    pub name: String,
    /// The rule at its value; without meaning for the last hop.
    pub crossing: Crossing,
}

/// Paths longer than this are not fused (the reader recurses once per hop).
pub const MAX_HOPS: usize = 32;

/// A value that is read, or has something read inside it.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) slot: Option<u32>,
    pub(crate) members: HashMap<Box<[u8]>, u32>,
    /// The slots of everything below.
    pub(crate) below: Range<usize>,
    pub(crate) on_object: Reaction,
    pub(crate) on_text: Reaction,
    pub(crate) on_array: Reaction,
    pub(crate) on_scalar: Reaction,
}

/// A compiled set of paths. Slots are numbered so that what is below a node is one range.
#[derive(Debug)]
pub struct Program {
    pub(crate) nodes: Vec<Node>,
    /// Number of slots.
    pub(crate) slots: usize,
    /// A document that is not an object is broken.
    pub(crate) needs_object: bool,
}

/// A tree under construction.
#[derive(Default)]
struct Branch {
    wants: Vec<usize>,
    crossings: Vec<Crossing>,
    members: Vec<(String, Branch)>,
}

impl Program {
    /// Compiles paths; the second result is each path's slot. Equal paths share one. `needs_object`
    /// makes a document that is no object an error; otherwise all its paths are missing.
    pub fn new(paths: &[Vec<Hop>], needs_object: bool) -> (Program, Vec<usize>) {
        let mut root = Branch::default();
        for (i, path) in paths.iter().enumerate() {
            let mut at = &mut root;
            for (n, hop) in path.iter().enumerate() {
                let place = match at.members.iter().position(|(name, _)| *name == hop.name) {
                    Some(place) => place,
                    None => {
                        at.members.push((hop.name.clone(), Branch::default()));
                        at.members.len() - 1
                    }
                };
                at = &mut at.members[place].1;
                if n + 1 < path.len() {
                    at.crossings.push(hop.crossing);
                }
            }
            at.wants.push(i);
        }
        let mut program = Program { nodes: Vec::new(), slots: 0, needs_object };
        let mut slots = vec![0; paths.len()];
        program.add(root, &mut slots);
        (program, slots)
    }

    /// Adds a branch and everything below it; depth is bounded by [`MAX_HOPS`].
    fn add(&mut self, branch: Branch, slots: &mut [usize]) -> u32 {
        let id = self.nodes.len() as u32;
        let slot = (!branch.wants.is_empty()).then(|| {
            self.slots += 1;
            (self.slots - 1) as u32
        });
        for want in branch.wants {
            slots[want] = self.slots - 1;
        }
        let agreed = |reaction: fn(Crossing) -> Reaction| {
            let mut reactions = branch.crossings.iter().map(|c| reaction(*c));
            let first = reactions.next().unwrap_or(Reaction::Dead);
            if reactions.all(|r| r == first) { first } else { Reaction::Slow }
        };
        self.nodes.push(Node {
            slot,
            members: HashMap::new(),
            below: 0..0,
            on_object: agreed(Crossing::on_object),
            on_text: agreed(Crossing::on_text),
            on_array: agreed(Crossing::on_array),
            on_scalar: agreed(Crossing::on_scalar),
        });
        let from = self.slots;
        let mut members = HashMap::with_capacity(branch.members.len());
        for (name, child) in branch.members {
            let child = self.add(child, slots);
            members.insert(name.into_bytes().into_boxed_slice(), child);
        }
        let node = &mut self.nodes[id as usize];
        node.members = members;
        node.below = from..self.slots;
        id
    }

    /// What the value of a node's member is read for. The name is given as it stands between its quotes:
    /// [`Kind::Text`] or [`Kind::Escaped`].
    pub(crate) fn target(&self, node: u32, name: &[u8], kind: Kind) -> Target {
        let mut plain = Vec::new();
        let name = if kind == Kind::Escaped {
            unescape(name, &mut plain);
            &plain
        } else {
            name
        };
        let Some(child) = self.nodes[node as usize].members.get(name) else { return Target::Unread };
        let child_node = &self.nodes[*child as usize];
        match child_node.slot {
            Some(slot) if child_node.members.is_empty() => Target::Leaf(slot),
            _ => Target::Node(*child),
        }
    }

    /// Number of slots a row needs.
    pub fn slots(&self) -> usize {
        self.slots
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(names: &[&str], crossing: Crossing) -> Vec<Hop> {
        names.iter().map(|n| Hop { name: (*n).to_owned(), crossing }).collect()
    }

    #[test]
    fn slots_below_are_one_range() {
        let c = Crossing::FlinkPath;
        let (p, slots) = Program::new(
            &[path(&["a", "b"], c), path(&["x"], c), path(&["a"], c), path(&["a", "c", "d"], c), path(&["x"], c)],
            false,
        );
        assert_eq!(slots, [1, 3, 0, 2, 3]);
        assert_eq!(p.nodes[0].below, 0..4);
        assert_eq!(p.nodes[1].below, 1..3);
    }

    #[test]
    fn disagreement_is_slow() {
        let (p, _) =
            Program::new(&[path(&["a", "b"], Crossing::FlinkPath), path(&["a", "c"], Crossing::BlinkValue)], false);
        let a = &p.nodes[1];
        assert_eq!((a.on_object, a.on_text, a.on_array), (Reaction::Enter, Reaction::Slow, Reaction::Dead));
    }
}
