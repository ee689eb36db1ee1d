//! CONCAT and `||`: all parts of a row go into one buffer; numbers and times that are only cast to
//! be concatenated are printed there directly.

use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::{Array, UInt32Array};
use tidegate_core::scan::CastFlavor;
use tidegate_core::types::MAX_LENGTH;
use tidegate_core::{Result, SqlType};
use tidegate_plan::{Expr, ExprKind, Function};

use super::cast::printer::{Print, Printer};
use super::frame::Frame;
use super::graph::{Graph, Id};
use super::value::{Texts, Value};

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
        .ok_or_else(|| tidegate_core::Error::user(format!("{ty} cannot be concatenated")).help("cast it to VARCHAR"))?;
    out.push(Piece::Print(id, print));
    Ok(())
}

/// A part ready to be read.
enum Reader<'a> {
    Literal(&'a str),
    Null,
    Text(Texts<'a>, bool),
    Print(Box<Printer<'a>>, bool),
}

/// Evaluates a concatenation for a frame's rows.
pub(super) fn run(frame: &Frame<'_>, pieces: &[Piece], skip_nulls: bool) -> Result<Value> {
    let values: Vec<Option<(Value, bool)>> =
        pieces.iter().map(|p| p.arg().map(|id| frame.unselected(id)).transpose()).collect::<Result<_>>()?;
    let mut fixed = 0;
    let mut readers = Vec::with_capacity(pieces.len());
    for (piece, value) in pieces.iter().zip(&values) {
        readers.push(match (piece, value) {
            (Piece::Literal(text), _) => {
                fixed += text.len();
                Reader::Literal(text)
            }
            (Piece::Text(_), Some((value, indexed))) => {
                fixed += 12;
                Reader::Text(Texts::of(value)?, *indexed)
            }
            (Piece::Print(_, print), Some((value, indexed))) => {
                fixed += 12;
                Reader::Print(Box::new(print.reader(value)?), *indexed)
            }
            _ => Reader::Null,
        });
    }
    let all_constant = values.iter().all(|v| v.as_ref().is_none_or(|(v, _)| v.constant));
    let rows = if all_constant { 1 } else { frame.rows };
    let mut out = StringBuilder::with_capacity(rows, rows * fixed);
    let mut buffer = String::with_capacity(fixed * 2);
    for row in 0..rows {
        buffer.clear();
        if append_row(&mut readers, row, frame.batch_rows(), skip_nulls, &mut buffer) {
            out.append_value(&buffer);
        } else {
            out.append_null();
        }
    }
    Ok(Value { array: Arc::new(out.finish()), constant: all_constant })
}

/// One row; false where it is NULL.
fn append_row(
    readers: &mut [Reader<'_>],
    row: usize,
    batch_rows: Option<&UInt32Array>,
    skip_nulls: bool,
    out: &mut String,
) -> bool {
    let outer = batch_rows.map_or(row, |r| r.values().get(row).map_or(row, |r| *r as usize));
    for reader in readers {
        let present = match reader {
            Reader::Literal(text) => {
                out.push_str(text);
                true
            }
            Reader::Null => false,
            Reader::Text(texts, indexed) => match texts.get(if *indexed { outer } else { row }) {
                Some(text) => {
                    out.push_str(text);
                    true
                }
                None => false,
            },
            Reader::Print(printer, indexed) => printer.write(if *indexed { outer } else { row }, out),
        };
        if !present && !skip_nulls {
            return false;
        }
    }
    true
}
