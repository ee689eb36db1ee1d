//! The shapes that documents have had: what stood between their values, from value to value.
//!
//! ```text
//! {"user":17,"data":{"room":"a"},"x":null}
//! '-------'  '--------------'  '-----'   '      gaps: equal in every document of one shape
//! ```
//!
//! A document of a known shape is read by comparing its gaps, many bytes at once, and scanning its
//! values: no name is looked up, no object entered. Values are complete wherever a gap begins, so equal
//! gaps leave the grammar in the same state, and what their names stood for stands for it again. Shapes
//! that begin alike share their beginnings. Whatever fits none of them is read the plain way
//! ([`super::run`]), which alone decides what is broken.

use super::expected::{Expected, Target};
use super::program::{Program, Reaction};
use super::run::Slot;
use super::scan::Scanner;

/// Gaps remembered.
const MOST_GAPS: usize = 512;
/// The longest gap that is remembered.
const LONGEST_GAP: usize = 1024;
/// Documents after which it is asked whether shapes are worth their while.
const WINDOW: u32 = 256;
/// Documents read without them where they are not.
const PAUSE: u32 = 16 * WINDOW;

/// No gap.
const NONE: u32 = u32::MAX;

/// A gap, and what is read behind it.
#[derive(Debug)]
struct Gap {
    expected: Expected,
    /// Containers that are open behind it.
    depth: u16,
    /// What may follow the value; [`NONE`] where the document has ended.
    next: u32,
    /// What else may stand here.
    other: u32,
    /// Where the document has ended: the slots that nothing was read into.
    missing: Box<[u32]>,
}

/// Known shapes of the documents of one program.
#[derive(Debug)]
pub(crate) struct Shapes {
    gaps: Vec<Gap>,
    first: u32,
    /// Of this window.
    fitted: u32,
    missed: u32,
    /// Documents to go until shapes are looked at again.
    pause: u32,
}

impl Shapes {
    /// None known yet.
    pub(crate) fn new() -> Self {
        Shapes { gaps: Vec::new(), first: NONE, fitted: 0, missed: 0, pause: 0 }
    }

    /// Reads a document of a known shape into the slots, all of them; `false`: it has none, and the slots
    /// mean nothing.
    #[inline(never)]
    pub(crate) fn read(&mut self, document: Scanner<'_>, slots: &mut [Slot]) -> bool {
        if self.pause > 0 {
            self.pause -= 1;
            return false;
        }
        let fits = self.fits(document, slots);
        *(if fits { &mut self.fitted } else { &mut self.missed }) += 1;
        if self.fitted + self.missed >= WINDOW {
            self.judge();
        }
        fits
    }

    #[inline(always)]
    fn fits(&self, document: Scanner<'_>, slots: &mut [Slot]) -> bool {
        // A copy, which lives in registers.
        let mut s = document;
        let mut at = self.first;
        while let Some(gap) = self.gaps.get(at as usize) {
            if !gap.expected.stands_at(s.wide, s.pos) {
                at = gap.other;
                continue;
            }
            s.pos += gap.expected.bytes.len();
            if gap.next == NONE {
                // Nothing that was read over the end of the document is its own.
                if s.pos > s.data.len() {
                    return false;
                }
                gap.missing.iter().for_each(|slot| slots[*slot as usize] = Slot::MISSING);
                return true;
            }
            let token = match s.usual() {
                Some(token) => token,
                None => match s.value(gap.depth.into()) {
                    Ok(token) => token,
                    Err(_) => return false,
                },
            };
            if let Target::Leaf(slot) = gap.expected.target {
                slots[slot as usize] = Slot::of(token, 0, false);
            }
            at = gap.next;
        }
        false
    }

    /// Where most documents have shapes of their own, remembering them is in vain.
    fn judge(&mut self) {
        if self.missed > self.fitted {
            *self = Shapes { pause: PAUSE, ..Shapes::new() };
        }
        (self.fitted, self.missed) = (0, 0);
    }

    /// Remembers the shape of a document that has been read the plain way.
    pub(crate) fn learn(&mut self, program: &Program, s: Scanner<'_>) {
        if self.pause > 0 || self.gaps.len() >= MOST_GAPS {
            return;
        }
        let mut walk = Walk { program, s, gap: s.pos, entered: vec![false; program.nodes.len()], steps: Vec::new() };
        walk.s.blanks();
        if walk.s.peek() != b'{' || walk.object(0, 0).is_none() {
            return;
        }
        let Walk { s, gap, mut steps, .. } = walk;
        steps.push(Step { gap: &s.data[gap..s.pos], target: Target::Unread, depth: 0 });
        if self.gaps.len() + steps.len() <= MOST_GAPS && steps.iter().all(|step| step.gap.len() <= LONGEST_GAP) {
            self.insert(&steps, program.slots());
        }
    }

    fn insert(&mut self, steps: &[Step<'_>], slots: usize) {
        let mut before = None;
        for step in steps {
            let first = before.map_or(self.first, |gap: usize| self.gaps[gap].next);
            before = Some(self.known(first, step.gap).unwrap_or_else(|| self.add(before, first, step)));
        }
        if let Some(last) = before {
            let is_read = |slot: u32| steps.iter().any(|step| step.target == Target::Leaf(slot));
            self.gaps[last].missing = (0..slots as u32).filter(|slot| !is_read(*slot)).collect();
        }
    }

    fn known(&self, first: u32, bytes: &[u8]) -> Option<usize> {
        let mut at = first;
        while let Some(gap) = self.gaps.get(at as usize) {
            if *gap.expected.bytes == *bytes {
                return Some(at as usize);
            }
            at = gap.other;
        }
        None
    }

    /// Adds a gap behind the value of `before`, to be tried before those that are known there.
    fn add(&mut self, before: Option<usize>, other: u32, step: &Step<'_>) -> usize {
        let added = self.gaps.len();
        let link = before.map_or(&mut self.first, |gap| &mut self.gaps[gap].next);
        *link = added as u32;
        let expected = Expected::new(step.gap, step.target);
        self.gaps.push(Gap { expected, depth: step.depth, next: NONE, other, missing: Box::default() });
        added
    }
}

/// A gap of the document that is learnt, and what stands behind it.
struct Step<'a> {
    gap: &'a [u8],
    target: Target,
    depth: u16,
}

/// Collects the gaps of a document.
struct Walk<'a> {
    program: &'a Program,
    s: Scanner<'a>,
    /// Where the gap began.
    gap: usize,
    entered: Vec<bool>,
    steps: Vec<Step<'a>>,
}

impl Walk<'_> {
    /// An object with its members. `None`: more decides here than what stands between values, or the
    /// document is broken.
    fn object(&mut self, node: u32, depth: u16) -> Option<()> {
        self.s.pos += 1;
        self.s.blanks();
        if self.s.peek() == b'}' {
            self.s.pos += 1;
            return Some(());
        }
        loop {
            let name = self.s.name().ok()?;
            let target = self.program.target(node, &self.s.data[name.start..name.end], name.kind);
            match target {
                Target::Node(child) => self.enter(child, depth + 1)?,
                Target::Leaf(_) | Target::Unread => self.value(target, depth + 1)?,
            }
            self.s.blanks();
            match self.s.peek() {
                b',' => self.s.pos += 1,
                b'}' => {
                    self.s.pos += 1;
                    return Some(());
                }
                _ => return None,
            }
            self.s.blanks();
        }
    }

    /// An object inside: only where it is there as such, once, and itself not wanted.
    fn enter(&mut self, node: u32, depth: u16) -> Option<()> {
        let inside = &self.program.nodes[node as usize];
        let enters = inside.on_object == Reaction::Enter && inside.slot.is_none() && self.s.peek() == b'{';
        if !enters || std::mem::replace(&mut self.entered[node as usize], true) {
            return None;
        }
        self.object(node, depth)
    }

    fn value(&mut self, target: Target, depth: u16) -> Option<()> {
        self.steps.push(Step { gap: &self.s.data[self.gap..self.s.pos], target, depth });
        self.s.skip(depth.into()).ok()?;
        self.gap = self.s.pos;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::program::{Crossing, Hop};
    use super::*;

    fn program(paths: &[&str], crossing: Crossing) -> (Program, Vec<usize>) {
        let hops = |p: &&str| p.split('.').map(|n| Hop { name: n.to_owned(), crossing }).collect();
        let paths: Vec<Vec<Hop>> = paths.iter().map(hops).collect();
        Program::new(&paths, true)
    }

    struct Reader {
        program: Program,
        places: Vec<usize>,
        shapes: Shapes,
    }

    impl Reader {
        fn new(paths: &[&str]) -> Self {
            let (program, places) = program(paths, Crossing::Row);
            Reader { program, places, shapes: Shapes::new() }
        }
        fn learn(&mut self, document: &str) {
            self.shapes.learn(&self.program, Scanner::new(document.as_bytes()));
        }
        /// The texts of the paths where the shape is known.
        fn read(&mut self, document: &str) -> Option<Vec<String>> {
            let mut slots = vec![Slot::MISSING; self.program.slots()];
            let text = |slot: Slot| document[slot.start as usize..slot.end as usize].to_owned();
            let fits = self.shapes.read(Scanner::new(document.as_bytes()), &mut slots);
            fits.then(|| self.places.iter().map(|p| text(slots[*p])).collect())
        }
    }

    #[test]
    fn a_document_of_a_known_shape_is_read_without_names() {
        let mut reader = Reader::new(&["a", "b.c", "b.d", "e"]);
        let first = r#" {"a":1,"x":[1,{"y":2}],"b":{"c":"u", "d" :true},"none":{},"e":null} "#;
        assert_eq!(reader.read(first), None);
        reader.learn(first);
        assert_eq!(reader.read(first).unwrap(), ["1", "u", "true", "null"]);
        let other = r#" {"a":"text","x":-1.5e3,"b":{"c":{"z":[]}, "d" :12},"none":{},"e":[1,2]},"#;
        assert_eq!(reader.read(other).unwrap(), ["text", "{\"z\":[]}", "12", "[1,2]"]);
        for (why, document) in [
            ("another name", r#" {"a":1,"y":2,"b":{"c":"u", "d" :true},"none":{},"e":null}"#),
            ("no object", r#" {"a":1,"x":2,"b":null,"none":{},"e":null}"#),
            ("a member more", r#" {"a":1,"x":2,"b":{"c":"u", "d" :true},"none":{},"e":null,"f":1}"#),
            ("a member less", r#" {"a":1,"x":2,"b":{"c":"u", "d" :true},"none":{}}"#),
            ("other blanks", r#" {"a": 1,"x":2,"b":{"c":"u","d" :true},"none":{},"e":null}"#),
            ("a broken value", r#" {"a":01,"x":2,"b":{"c":"u", "d" :true},"none":{},"e":null}"#),
            ("an early end", r#" {"a":1,"x":2,"b":{"c":"u", "d" :true},"none":{},"e":nul"#),
        ] {
            assert_eq!(reader.read(document), None, "{why}");
        }
    }

    #[test]
    fn shapes_that_begin_alike_share_their_beginnings() {
        let mut reader = Reader::new(&["a", "b.c"]);
        let documents =
            [r#"{"a":1,"b":{"c":2},"d":3}"#, r#"{"a":4,"b":{"c":5}}"#, r#"{"a":6,"e":0}"#, r#"{"a":7,"f":0}"#, "{}"];
        documents.iter().for_each(|d| reader.learn(d));
        documents.iter().for_each(|d| reader.learn(d));
        // `{"a":`, `,"b":{"c":`, `},"d":`, `}`; `}}`; `,"e":`, `}`; `,"f":`, `}`; `{}`
        assert_eq!(reader.shapes.gaps.len(), 10);
        let read: Vec<_> = documents.iter().map(|d| reader.read(d).unwrap()).collect();
        assert_eq!(read, [["1", "2"], ["4", "5"], ["6", ""], ["7", ""], ["", ""]]);
    }

    #[test]
    fn what_gaps_do_not_decide_is_not_learnt() {
        let mut reader = Reader::new(&["a.b", "a.c"]);
        for document in [
            r#"{"a":{"b":1},"a":{"c":2}}"#,
            r#"{"a":null}"#,
            r#"{"a":"{}"}"#,
            r#"{"a":{"b":1}"#,
            r#"{"a":{"b":1}} "#.strip_suffix("}} ").unwrap(),
            "[]",
            "",
        ] {
            reader.learn(document);
            assert!(reader.shapes.gaps.is_empty(), "{document}");
        }
        let (program, _) = program(&["a", "a.b"], Crossing::FlinkPath);
        let mut shapes = Shapes::new();
        shapes.learn(&program, Scanner::new(br#"{"a":{"b":1}}"#));
        assert!(shapes.gaps.is_empty(), "the object itself is wanted");
    }

    #[test]
    fn shapes_are_given_up_where_they_are_in_vain_and_tried_again() {
        let mut reader = Reader::new(&["a"]);
        let same = r#"{"a":1}"#;
        for n in 0..WINDOW {
            let document = format!(r#"{{"a":1,"b{n}":2}}"#);
            assert_eq!(reader.read(&document), None);
            reader.learn(&document);
            assert!(reader.shapes.gaps.len() <= MOST_GAPS);
        }
        for _ in 0..PAUSE {
            reader.learn(same);
            assert!(reader.shapes.gaps.is_empty());
            assert_eq!(reader.read(same), None);
        }
        reader.learn(same);
        for _ in 0..3 * WINDOW {
            assert_eq!(reader.read(same).unwrap(), ["1"]);
        }
    }
}
