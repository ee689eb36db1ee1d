//! Running a path program over documents: one pass over the bytes, values recorded as slots.
//!
//! Messages of one topic look alike: most of them have a shape that is known (`shapes.rs`). In the
//! others each object remembers in which order its members came last time and compares the next name
//! with the expected one before it looks anything up.

use super::expected::{Expected, Target};
use super::program::{Program, Reaction};
use super::scan::{Broken, Kind, MAX_DEPTH, Scanner, Token, What};
use super::shapes::Shapes;
use super::string::unescape;

/// Where a value stands: in the batch's bytes or in the arena of unescaped texts.
#[derive(Debug, Clone, Copy)]
pub struct Slot {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
    /// What it is.
    pub kind: Kind,
    /// Whether the range points into [`Runner::arena`].
    pub arena: bool,
}

impl Slot {
    /// Nothing there.
    pub const MISSING: Slot = Slot { start: 0, end: 0, kind: Kind::Missing, arena: false };
    /// A NULL.
    pub const NULL: Slot = Slot { start: 0, end: 0, kind: Kind::Null, arena: false };

    /// Whether its bytes surely are its text: of the integers only -0 is printed otherwise than written.
    #[inline(always)]
    pub(crate) fn is_as_written(self) -> bool {
        self.kind == Kind::Text || (self.kind == Kind::Int && self.end - self.start != 2)
    }

    /// A value; `offset`: where the text it was found in begins.
    #[inline(always)]
    pub(crate) fn of(token: Token, offset: usize, arena: bool) -> Slot {
        Slot { start: (token.start + offset) as u32, end: (token.end + offset) as u32, kind: token.kind, arena }
    }
}

/// Members remembered per object; beyond that names are looked up.
const MAX_LAYOUT: usize = 128;
/// How far ahead an expected member is searched before the names are looked up.
const LOOK_AHEAD: usize = 8;

/// What running needs besides the program; reused from document to document.
#[derive(Debug)]
pub struct Runner {
    shapes: Shapes,
    layouts: Vec<Vec<Expected>>,
    visited: Vec<u32>,
    generation: u32,
    /// Unescaped texts that hold documents of their own.
    pub arena: Vec<u8>,
}

impl Runner {
    /// For a program.
    pub fn new(program: &Program) -> Self {
        Runner {
            shapes: Shapes::new(),
            layouts: program.nodes.iter().map(|_| Vec::new()).collect(),
            visited: vec![0; program.nodes.len()],
            generation: 0,
            arena: Vec::new(),
        }
    }

    /// Reads the document `data[start..end]` into `slots` (one for each path, all overwritten).
    /// `Ok(true)` means that the row needs the plain evaluation.
    ///
    /// # Errors
    /// Where the document is broken; the slots mean nothing then.
    #[inline]
    pub fn read(
        &mut self,
        program: &Program,
        data: &[u8],
        start: usize,
        end: usize,
        slots: &mut [Slot],
    ) -> Result<bool, Broken> {
        let document = Scanner { data: data.get(..end).unwrap_or(data), wide: data, pos: start };
        if self.shapes.read(document, slots) { Ok(false) } else { self.read_new(program, document, slots) }
    }

    /// The same for a document of a shape that is not known yet.
    #[inline(never)]
    fn read_new(&mut self, program: &Program, document: Scanner<'_>, slots: &mut [Slot]) -> Result<bool, Broken> {
        slots.fill(Slot::MISSING);
        let slow = self.read_plainly(program, document, slots)?;
        self.shapes.learn(program, document);
        Ok(slow)
    }

    /// The same for a document of any shape.
    fn read_plainly(&mut self, program: &Program, document: Scanner<'_>, slots: &mut [Slot]) -> Result<bool, Broken> {
        self.generation = self.generation.wrapping_add(1);
        if self.generation == 0 {
            self.visited.fill(0);
            self.generation = 1;
        }
        let mut pass = Pass { program, runner: self, slots, s: document, offset: 0, arena: false, slow: false };
        pass.document()?;
        Ok(pass.slow)
    }
}

/// One document being read.
struct Pass<'a, 'd> {
    program: &'a Program,
    runner: &'a mut Runner,
    slots: &'a mut [Slot],
    s: Scanner<'d>,
    /// Added to positions to get slot positions.
    offset: usize,
    arena: bool,
    slow: bool,
}

impl Pass<'_, '_> {
    fn document(&mut self) -> Result<(), Broken> {
        self.s.blanks();
        if self.s.peek() == b'{' {
            return self.object(0, 0);
        }
        if self.program.needs_object {
            let what = if self.s.pos >= self.s.data.len() { What::End } else { What::NotObject };
            return Err(Broken { at: self.s.pos, what });
        }
        self.s.skip(0).map(drop)
    }

    /// An object whose members are wanted; the position is at its brace.
    fn object(&mut self, node: u32, depth: usize) -> Result<(), Broken> {
        if depth >= MAX_DEPTH {
            return Err(Broken { at: self.s.pos, what: What::Depth });
        }
        // A copy, which lives in registers.
        let mut s = self.s;
        s.pos += 1;
        s.blanks();
        if s.peek() == b'}' {
            self.s.pos = s.pos + 1;
            return Ok(());
        }
        let mut turn = 0;
        loop {
            match self.name(node, &mut turn, &mut s)? {
                Target::Unread => drop(s.value(depth + 1)?),
                Target::Leaf(slot) => {
                    let token = s.value(depth + 1)?;
                    self.slots[slot as usize] = self.slot(token);
                }
                Target::Node(child) => {
                    s.blanks();
                    self.s.pos = s.pos;
                    self.value(child, depth + 1)?;
                    s.pos = self.s.pos;
                }
            }
            s.blanks();
            match s.peek() {
                b',' => s.pos += 1,
                b'}' => {
                    self.s.pos = s.pos + 1;
                    return Ok(());
                }
                _ => return Err(s.broken()),
            }
        }
    }

    /// A member name and its colon: what its value is read for.
    #[inline(always)]
    fn name(&mut self, node: u32, turn: &mut usize, s: &mut Scanner<'_>) -> Result<Target, Broken> {
        if let Some(expected) = self.runner.layouts[node as usize].get(*turn) {
            let mut found = expected.is_at(s.data, s.wide, s.pos);
            if !found {
                s.blanks();
                found = expected.is_at(s.data, s.wide, s.pos);
            }
            if found {
                s.pos += expected.bytes.len();
                *turn += 1;
                return Ok(expected.target);
            }
        }
        s.blanks();
        self.s.pos = s.pos;
        let (target, next) = self.unexpected_name(node, *turn)?;
        (*turn, s.pos) = (next, self.s.pos);
        Ok(target)
    }

    /// The same for another name than the one that is expected; and which is expected next.
    #[inline(never)]
    fn unexpected_name(&mut self, node: u32, mut turn: usize) -> Result<(Target, usize), Broken> {
        let layout = &mut self.runner.layouts[node as usize];
        for (i, expected) in layout.iter().enumerate().skip(turn + 1).take(LOOK_AHEAD) {
            if expected.is_at(self.s.data, self.s.wide, self.s.pos) {
                self.s.pos += expected.bytes.len();
                return Ok((expected.target, i + 1));
            }
        }
        if self.s.peek() != b'"' {
            return Err(self.s.broken());
        }
        let from = self.s.pos;
        let token = self.s.string()?;
        let name = &self.s.data[token.start..token.end];
        let target = self.program.target(node, name, token.kind);
        if self.s.peek() == b':' && layout.len() < MAX_LAYOUT && token.end - token.start < 256 {
            let bytes = &self.s.data[from..=self.s.pos];
            if layout.iter().all(|e| *e.bytes != *bytes) {
                layout.insert(turn.min(layout.len()), Expected::new(bytes, target));
                turn += 1;
            }
        }
        self.s.blanks();
        self.s.expect(b':')?;
        Ok((target, turn))
    }

    /// A value inside which members are wanted.
    #[inline(always)]
    fn value(&mut self, node: u32, depth: usize) -> Result<(), Broken> {
        let token = self.inner(node, depth)?;
        if let Some(slot) = self.program.nodes[node as usize].slot {
            self.slots[slot as usize] = self.slot(token);
        }
        Ok(())
    }

    #[inline(always)]
    fn slot(&self, token: Token) -> Slot {
        Slot::of(token, self.offset, self.arena)
    }

    /// A value with wanted members.
    fn inner(&mut self, node: u32, depth: usize) -> Result<Token, Broken> {
        let n = &self.program.nodes[node as usize];
        let seen = &mut self.runner.visited[node as usize];
        if *seen == self.runner.generation {
            self.slots[n.below.clone()].fill(Slot::MISSING);
        }
        *seen = self.runner.generation;
        if self.s.peek() == b'{' && n.on_object == Reaction::Enter {
            let start = self.s.pos;
            self.object(node, depth)?;
            return Ok(Token { kind: Kind::Object, start, end: self.s.pos });
        }
        let token = self.s.skip(depth)?;
        let reaction = match token.kind {
            Kind::Object => n.on_object,
            Kind::Array => n.on_array,
            Kind::Text | Kind::Escaped => n.on_text,
            Kind::Null | Kind::Missing => Reaction::Dead,
            _ => n.on_scalar,
        };
        match reaction {
            Reaction::Enter | Reaction::Dead => {
                // A NULL row has NULL fields; a JSON path through null finds nothing.
                if token.kind == Kind::Null && self.program.needs_object {
                    self.slots[n.below.clone()].fill(Slot::NULL);
                }
            }
            Reaction::Slow => self.slow = true,
            Reaction::Bad => {
                let bad = Slot { kind: Kind::Bad, ..self.slot(token) };
                self.slots[n.below.clone()].fill(bad);
            }
            Reaction::Reparse => self.reparse(node, token),
        }
        Ok(token)
    }

    /// A string that may hold a document: read into the same slots, from the arena. If it is no
    /// object or broken, what is below is missing.
    #[inline(never)]
    fn reparse(&mut self, node: u32, token: Token) {
        let start = self.runner.arena.len();
        unescape(&self.s.data[token.start..token.end], &mut self.runner.arena);
        // The pass borrows the text while deeper texts are appended to the arena.
        let text = self.runner.arena[start..].to_vec();
        let mut pass = Pass {
            program: self.program,
            runner: &mut *self.runner,
            slots: &mut *self.slots,
            s: Scanner::new(&text),
            offset: start,
            arena: true,
            slow: false,
        };
        pass.s.blanks();
        let read = if pass.s.peek() == b'{' { pass.object(node, 0) } else { Ok(()) };
        self.slow |= pass.slow;
        if read.is_err() {
            self.slots[self.program.nodes[node as usize].below.clone()].fill(Slot::MISSING);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::super::program::{Crossing, Hop};
    use super::*;

    fn read(paths: &[&str], crossing: Crossing, docs: &[&str]) -> Vec<Vec<String>> {
        let paths: Vec<Vec<Hop>> =
            paths.iter().map(|p| p.split('.').map(|n| Hop { name: n.to_owned(), crossing }).collect()).collect();
        let (program, places) = Program::new(&paths, false);
        let mut runner = Runner::new(&program);
        docs.iter()
            .map(|doc| {
                let mut slots = vec![Slot::MISSING; program.slots()];
                if runner.read(&program, doc.as_bytes(), 0, doc.len(), &mut slots).is_err() {
                    return vec!["broken".to_owned()];
                }
                let show = |p: &usize| {
                    let slot = slots[*p];
                    let bytes = if slot.arena { &runner.arena[..] } else { doc.as_bytes() };
                    match slot.kind {
                        Kind::Missing => "-".to_owned(),
                        Kind::Null => "null".to_owned(),
                        _ => String::from_utf8_lossy(&bytes[slot.start as usize..slot.end as usize]).into_owned(),
                    }
                };
                places.iter().map(show).collect()
            })
            .collect()
    }

    #[test]
    fn finds_members_in_any_order() {
        let docs = [
            r#"{"a":1,"skip":{"a":9},"b":{"c":"x"}}"#,
            r#"{"b":{"c":"y"},"a":2}"#,
            r#"{ "a" : 3 , "b" : { "d":0, "\u0063" : "z" } }"#,
            r#"{"a":4}"#,
            r#"{"a":5,"b":{"c":"x"},"b":{},"a":6}"#,
            r#"{"a":7,"b":null}"#,
            r#"{"a":1,"b":{"c":"x"}"#,
            "[]",
        ];
        let got = read(&["a", "b.c"], Crossing::FlinkPath, &docs);
        let want = [["1", "x"], ["2", "y"], ["3", "z"], ["4", "-"], ["6", "-"], ["7", "-"]];
        for (g, w) in got.iter().zip(want) {
            assert_eq!(g, &w);
        }
        assert_eq!(got[6], ["broken"]);
        assert_eq!(got[7], ["-", "-"]);
    }

    /// A document that ends early stays broken whatever the next one of the batch begins with.
    #[test]
    fn nothing_is_read_from_the_next_document() {
        let doc = br#"{"first":1234567,"second":{"inner":"a text of some length"},"third":"x","fourth":true}"#;
        let hop = |name: &str| Hop { name: name.to_owned(), crossing: Crossing::FlinkPath };
        let paths = [vec![hop("first")], vec![hop("second"), hop("inner")], vec![hop("fourth")]];
        let (program, _) = Program::new(&paths, false);
        let mut runner = Runner::new(&program);
        let mut slots = vec![Slot::MISSING; program.slots()];
        for _ in 0..2 {
            assert_eq!(runner.read(&program, doc, 0, doc.len(), &mut slots), Ok(false));
            for end in 1..doc.len() {
                let alone = Runner::new(&program).read(&program, &doc[..end], 0, end, &mut slots);
                assert!(alone.is_err());
                assert_eq!(runner.read(&program, doc, 0, end, &mut slots), alone, "at {end}");
            }
        }
    }

    /// A document of members `a` to `d`, some with members of their own, its values taken from a list.
    fn document(members: &[Member], blanks: bool, values: &mut impl Iterator<Item = usize>) -> String {
        const VALUES: [&str; 12] = [
            "1",
            "-20",
            "3.5e2",
            "true",
            "null",
            r#""text""#,
            r#""a \"quote\"""#,
            r#"[1,{"a":[]}]"#,
            r#"{"a":{"b":1}}"#,
            r#""{\"a\":{\"b\":2}}""#,
            "{}",
            r#""""#,
        ];
        let (comma, colon) = if blanks { (" , ", " : ") } else { (",", ":") };
        let member = |name: u8, value: &str| format!("\"{}\"{colon}{value}", char::from(b'a' + name));
        let object = |members: Vec<String>| format!("{{{}}}", members.join(comma));
        let mut value = || VALUES[values.next().unwrap_or(0) % VALUES.len()];
        let mut all = Vec::new();
        for (name, inside) in members {
            let inner: Vec<String> = inside.iter().map(|n| member(*n, value())).collect();
            all.push(if inner.is_empty() { member(*name, value()) } else { member(*name, &object(inner)) });
        }
        object(all)
    }

    const CROSSINGS: [Crossing; 6] = [
        Crossing::FlinkPath,
        Crossing::BlinkPath,
        Crossing::BlinkValue,
        Crossing::FlinkValue,
        Crossing::Query,
        Crossing::Row,
    ];

    /// A name, and the names inside.
    type Member = (u8, Vec<u8>);

    fn members() -> impl Strategy<Value = Vec<Member>> {
        vec((0..4u8, vec(0..4u8, 0..3)), 0..5)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        /// Documents of few shapes, some of them damaged: the same values and errors as without shapes.
        #[test]
        fn shapes_change_nothing(
            shapes in vec((members(), any::<bool>()), 1..4),
            documents in vec((0..4usize, vec(0..12usize, 0..12), 0..9u8, 0..200usize), 1..40),
            crossing in select(CROSSINGS.to_vec()),
            whole in any::<bool>(),
            needs_object in any::<bool>(),
        ) {
            let mut paths = vec!["a", "b.a", "b.c", "c.d", "c.a", "d"];
            paths.extend(whole.then_some("b"));
            let hop = |n: &str| Hop { name: n.to_owned(), crossing };
            let paths: Vec<Vec<Hop>> = paths.iter().map(|p| p.split('.').map(hop).collect()).collect();
            let (program, _) = Program::new(&paths, needs_object);
            let (mut with, mut without) = (Runner::new(&program), Runner::new(&program));
            for (shape, values, damage, at) in documents {
                let (members, blanks) = &shapes[shape % shapes.len()];
                let mut text = document(members, *blanks, &mut values.into_iter()).into_bytes();
                let at = at % text.len();
                match damage {
                    0 => text.truncate(at),
                    1 => text[at] = b",:{}\"0a \\"[at % 9],
                    _ => {}
                }
                let end = text.len();
                // What stands behind a document is not its own.
                text.extend_from_slice(br#"","a":{"b":1}}}, and more of it"#);
                let show = |runner: &Runner, slots: &[Slot]| -> Vec<(Kind, Vec<u8>)> {
                    let bytes = |s: &Slot| if s.arena { &runner.arena } else { &text };
                    slots.iter().map(|s| (s.kind, bytes(s)[s.start as usize..s.end as usize].to_vec())).collect()
                };
                // What was there before is overwritten.
                let mut slots = vec![Slot::NULL; program.slots()];
                let got = with.read(&program, &text, 0, end, &mut slots);
                let got = got.map(|slow| (slow, show(&with, &slots)));
                slots.fill(Slot::MISSING);
                let alone = Scanner { data: &text[..end], wide: &text, pos: 0 };
                let want = without.read_plainly(&program, alone, &mut slots);
                let want = want.map(|slow| (slow, show(&without, &slots)));
                prop_assert_eq!(got, want, "{}", String::from_utf8_lossy(&text[..end]));
            }
        }
    }

    #[test]
    fn text_is_read_again() {
        let docs =
            [r#"{"d":"{\"x\":{\"y\":\"a\\\"b\"}}","e":1}"#, r#"{"d":"{\"x\":{\"y\":1}"}"#, r#"{"d":{"x":{"y":5}}}"#];
        let got = read(&["d.x.y", "e"], Crossing::BlinkValue, &docs);
        assert_eq!(got, [["a\\\"b", "1"], ["-", "-"], ["5", "-"]]);
        assert_eq!(read(&["d.x"], Crossing::Query, &docs[..1]), [["-"]]);
    }
}
