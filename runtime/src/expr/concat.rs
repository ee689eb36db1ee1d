//! CONCAT and `||`: all parts of a row go into one buffer; numbers and times that are only cast to
//! be concatenated are printed there directly.

use std::sync::Arc;

use arrow_array::{Array, StringArray};
use arrow_buffer::{NullBufferBuilder, OffsetBuffer};
use tidegate_core::scan::CastFlavor;
use tidegate_core::types::MAX_LENGTH;
use tidegate_core::{Error, Result, SqlType};
use tidegate_formats::text::buffer::{WIDE, WideBuffer};
use tidegate_plan::{Expr, ExprKind, Function};

use super::cast::printer::{Print, Printer};
use super::frame::Frame;
use super::graph::{Graph, Id};
use super::value::{Value, arrow};
use super::view::Texts;

/// One part of a concatenation.
#[derive(Debug)]
pub(super) enum Piece {
    /// A constant; neighbours are merged.
    Literal(String),
    /// A constant NULL.
    Null,
    /// A text.
    Text(Id),
    /// A value printed as CAST would.
    Print(Id, Print),
}

impl Piece {
    /// Its argument.
    pub fn arg(&self) -> Option<Id> {
        match self {
            Piece::Text(id) | Piece::Print(id, _) => Some(*id),
            Piece::Literal(_) | Piece::Null => None,
        }
    }
}

/// Takes the arguments apart: nested concatenations are flattened, casts to text become printing.
pub(super) fn compile(graph: &mut Graph, args: &[Expr], skip_nulls: bool) -> Result<Vec<Piece>> {
    let mut pieces = Vec::with_capacity(args.len());
    for arg in args {
        add(graph, arg, skip_nulls, &mut pieces)?;
    }
    let mut merged: Vec<Piece> = Vec::with_capacity(pieces.len());
    for piece in pieces {
        match (merged.last_mut(), piece) {
            (Some(Piece::Literal(text)), Piece::Literal(more)) => text.push_str(&more),
            (_, Piece::Null) if skip_nulls => {}
            (_, piece) => merged.push(piece),
        }
    }
    Ok(merged)
}

fn add(graph: &mut Graph, arg: &Expr, skip_nulls: bool, out: &mut Vec<Piece>) -> Result<()> {
    match &arg.kind {
        // Flattening is sound only where both treat NULL alike.
        ExprKind::Call { function: Function::Concat { skip_nulls: inner }, args }
            if *inner == skip_nulls && !args.is_empty() && !skip_nulls =>
        {
            for a in args {
                add(graph, a, skip_nulls, out)?;
            }
            return Ok(());
        }
        ExprKind::Cast { input, rule, zone }
            if matches!(arg.data_type.ty, SqlType::VarChar(MAX_LENGTH)) && !input.data_type.ty.is_text() =>
        {
            if let Some(print) = Print::of(&input.data_type.ty, rule.flavor, zone)? {
                let id = graph.add(input)?;
                if graph.literal(id).is_none() {
                    out.push(Piece::Print(id, print));
                    return Ok(());
                }
            }
        }
        _ => {}
    }
    let id = graph.add(arg)?;
    match graph.literal(id) {
        Some(array) if array.is_null(0) => out.push(Piece::Null),
        Some(array) => {
            let value = Value::constant(Arc::clone(array));
            match Texts::of(&value).ok().and_then(|t| t.get(0).map(str::to_string)) {
                Some(text) => out.push(Piece::Literal(text)),
                None => add_printed(graph, id, out)?,
            }
        }
        None if graph.nodes[id].data_type.ty.is_text() || graph.nodes[id].data_type.ty == SqlType::Null => {
            out.push(Piece::Text(id));
        }
        None => add_printed(graph, id, out)?,
    }
    Ok(())
}

/// A part that is not text although nobody cast it: printed as the legacy rules do.
fn add_printed(graph: &Graph, id: Id, out: &mut Vec<Piece>) -> Result<()> {
    let ty = &graph.nodes[id].data_type.ty;
    let print = Print::of(ty, CastFlavor::Blink, "")?
        .ok_or_else(|| Error::user(format!("{ty} cannot be concatenated")).help("cast it to VARCHAR"))?;
    out.push(Piece::Print(id, print));
    Ok(())
}

/// A part ready to be read, and the literal before it.
struct Step<'a> {
    prefix: Prefix,
    reader: Reader<'a>,
}

/// A literal, padded so that it can be copied in whole steps of [`WIDE`] bytes.
#[derive(Default)]
struct Prefix {
    padded: Vec<u8>,
    length: usize,
}

impl Prefix {
    fn of(text: &str) -> Prefix {
        let mut padded = text.as_bytes().to_vec();
        padded.resize(text.len().next_multiple_of(WIDE), 0);
        Prefix { padded, length: text.len() }
    }
    #[inline(always)]
    fn append(&self, out: &mut WideBuffer) {
        let mut at = 0;
        while at < self.length {
            let end = self.length.min(at + WIDE);
            out.range(&self.padded, at, end);
            at = end;
        }
    }
}

/// Rows after which the length of the others is known well enough.
const SAMPLE: usize = 32;

enum Reader<'a> {
    /// Nothing: the literal stands at the end.
    End,
    Null,
    Text(Texts<'a>, bool),
    Print(Box<Printer<'a>>, bool),
}

/// Evaluates a concatenation for a frame's rows.
pub(super) fn run(frame: &Frame<'_>, pieces: &[Piece], skip_nulls: bool) -> Result<Value> {
    let values: Vec<Option<(Value, bool)>> =
        pieces.iter().map(|p| p.arg().map(|id| frame.unselected(id)).transpose()).collect::<Result<_>>()?;
    let (mut steps, width) = steps(pieces, &values)?;
    let constant = values.iter().all(|v| v.as_ref().is_none_or(|(v, _)| v.constant));
    let rows = if constant { 1 } else { frame.rows };
    let mut bytes = WideBuffer::with_capacity(rows.min(SAMPLE) * width);
    let mut offsets: Vec<i32> = Vec::with_capacity(rows + 1);
    offsets.push(0);
    let mut nulls = NullBufferBuilder::new(rows);
    let batch_rows = frame.batch_rows().map(|r| r.values().as_ref());
    for row in 0..rows {
        let start = bytes.len();
        if row == SAMPLE {
            bytes.reserve((rows - row) * (start / row + start / row / 8 + WIDE));
        }
        let outer = batch_rows.and_then(|r: &[u32]| r.get(row)).map_or(row, |r| *r as usize);
        let present = append_row(&mut steps, row, outer, skip_nulls, &mut bytes);
        if !present {
            bytes.truncate(start);
        }
        nulls.append(present);
        offsets.push(i32::try_from(bytes.len()).map_err(|_| too_long())?);
    }
    let offsets = OffsetBuffer::new(offsets.into());
    let array = StringArray::try_new(offsets, bytes.into_vec().into(), nulls.finish()).map_err(arrow)?;
    Ok(Value { array: Arc::new(array), constant })
}

fn too_long() -> Error {
    Error::user("the concatenated texts of one batch are longer than 2 GiB")
}

/// Literals go in front of the part that follows them; also the expected length of a row.
fn steps<'a>(pieces: &'a [Piece], values: &'a [Option<(Value, bool)>]) -> Result<(Vec<Step<'a>>, usize)> {
    let mut steps = Vec::with_capacity(pieces.len() / 2 + 1);
    let mut prefix = "";
    let mut width = 0;
    for (piece, value) in pieces.iter().zip(values) {
        width += 14;
        let reader = match (piece, value) {
            (Piece::Literal(text), _) => {
                width += text.len();
                prefix = text;
                continue;
            }
            (Piece::Text(_), Some((value, indexed))) => Reader::Text(Texts::of(value)?, *indexed),
            (Piece::Print(_, print), Some((value, indexed))) => Reader::Print(Box::new(print.reader(value)?), *indexed),
            _ => Reader::Null,
        };
        steps.push(Step { prefix: Prefix::of(std::mem::take(&mut prefix)), reader });
    }
    if !prefix.is_empty() {
        steps.push(Step { prefix: Prefix::of(prefix), reader: Reader::End });
    }
    Ok((steps, width))
}

/// One row; false where it is NULL. `outer` is its row in the batch.
fn append_row(steps: &mut [Step<'_>], row: usize, outer: usize, skip_nulls: bool, out: &mut WideBuffer) -> bool {
    for step in steps {
        step.prefix.append(out);
        let present = match &mut step.reader {
            Reader::End => true,
            Reader::Null => false,
            Reader::Text(texts, indexed) => texts.append(if *indexed { outer } else { row }, out),
            Reader::Print(printer, indexed) => printer.write(if *indexed { outer } else { row }, out),
        };
        if !present && !skip_nulls {
            return false;
        }
    }
    true
}
