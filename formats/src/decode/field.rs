//! From a scan's fields to readers and slots.

use tidegate_core::error::{Error, Result};
use tidegate_core::scan::{ChainStep, FieldSource, Metadata, OnCastError, Root, ScanField};
use tidegate_core::table::{CsvFormat, Format};
use tidegate_core::types::{Column, DataType, SqlType};

use super::DecoderSpec;
use super::csv::CsvLines;
use super::fuse::{ChainEnd, Last, fuse, is_never, split_cast};
use super::problem::OnBad;
use super::read::{Reader, Way};
use super::typed::TypedOptions;
use super::value::bounds;
use crate::json::program::{Crossing, Hop, MAX_HOPS, Program};
use crate::json::run::Runner;

/// One output column.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) data_type: DataType,
    pub(crate) source: Source,
    /// What a value that cannot be converted does.
    pub(crate) on_bad: OnBad,
    /// What text that is not UTF-8 does.
    pub(crate) on_invalid_text: OnBad,
    /// A plain run of digits is the value: no other rule can apply to it.
    pub(crate) plain_digits: bool,
    /// Where [`super::early`] has its values.
    pub(crate) early: Option<usize>,
    range: (i64, i64),
}

impl Field {
    #[inline]
    pub(crate) fn in_range(&self, n: i64) -> bool {
        (self.range.0..=self.range.1).contains(&n)
    }
}

/// Where a field's values come from.
#[derive(Debug)]
pub(crate) enum Source {
    /// Always NULL: a JSON path that is not understood.
    Never,
    Meta(Metadata),
    Slot {
        reader: usize,
        slot: usize,
        how: How,
    },
}

/// From a slot to a value.
#[derive(Debug)]
pub(crate) enum How {
    Chain(ChainEnd),
    Typed(TypedOptions),
    Raw { little_endian: bool },
    Csv(CsvFormat),
}

/// A field whose slot is known once the program of its reader is compiled.
struct Wanted {
    root: Root,
    kind: Kind,
    path: Vec<Hop>,
    /// Position in a csv line.
    column: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Whole,
    Chains,
    Columns,
    Csv,
}

/// Compiles the fields of a scan; adds the readers they need.
pub(crate) fn compile(spec: &DecoderSpec<'_>, readers: &mut Vec<Reader>) -> Result<Vec<Field>> {
    let mut fields = Vec::with_capacity(spec.scan.fields.len());
    let mut wanted: Vec<Option<Wanted>> = Vec::with_capacity(spec.scan.fields.len());
    for scan_field in &spec.scan.fields {
        let (field, want) = one(spec, scan_field).map_err(|e| e.context(format!("field '{}'", scan_field.name)))?;
        fields.push(field);
        wanted.push(want);
    }
    for root in [Root::Key, Root::Value] {
        for kind in [Kind::Whole, Kind::Chains, Kind::Columns, Kind::Csv] {
            let members: Vec<usize> = (0..wanted.len())
                .filter(|i| wanted[*i].as_ref().is_some_and(|w| w.root == root && w.kind == kind))
                .collect();
            // A message of the json or csv format is read even for its metadata alone: a broken one has no row.
            let format = format_of(spec, root);
            let checks = root == Root::Value
                && match format {
                    Some(Format::Json(_)) => kind == Kind::Columns,
                    Some(Format::Csv(_)) => kind == Kind::Csv,
                    _ => false,
                };
            if members.is_empty() && !checks {
                continue;
            }
            let paths: Vec<Vec<Hop>> =
                members.iter().filter_map(|i| wanted[*i].as_ref().map(|w| w.path.clone())).collect();
            let (reader, slots) = reader(spec, root, kind, &paths);
            for (n, i) in members.iter().enumerate() {
                if let (Source::Slot { reader, slot, .. }, Some(w)) = (&mut fields[*i].source, &wanted[*i]) {
                    *reader = readers.len();
                    *slot = if kind == Kind::Csv { w.column } else { slots.get(n).copied().unwrap_or(0) };
                }
            }
            readers.push(reader);
        }
    }
    Ok(fields)
}

fn format_of<'a>(spec: &DecoderSpec<'a>, root: Root) -> Option<&'a Format> {
    if root == Root::Key { spec.key_format } else { spec.value_format }
}

fn reader(spec: &DecoderSpec<'_>, root: Root, kind: Kind, paths: &[Vec<Hop>]) -> (Reader, Vec<usize>) {
    let format = format_of(spec, root);
    let lenient = match format {
        Some(Format::Json(f)) => f.ignore_parse_errors,
        Some(Format::Csv(f)) => f.ignore_parse_errors,
        _ => false,
    };
    let on_broken = if lenient { OnBad::Skip } else { OnBad::Fail };
    let mut slots = Vec::new();
    let way = match (kind, format) {
        (Kind::Chains | Kind::Columns, _) => {
            let (program, places) = Program::new(paths, kind == Kind::Columns);
            slots = places;
            let runner = Runner::new(&program);
            if kind == Kind::Columns { Way::Columns(program, runner) } else { Way::Chains(program, runner) }
        }
        (Kind::Csv, Some(Format::Csv(f))) => {
            let columns = if root == Root::Key { spec.key_columns } else { spec.value_columns };
            Way::Csv(CsvLines::new(f.clone(), columns.len()))
        }
        (Kind::Whole | Kind::Csv, _) => Way::Whole,
    };
    (Reader::new(root, way, on_broken), slots)
}

fn one(spec: &DecoderSpec<'_>, field: &ScanField) -> Result<(Field, Option<Wanted>)> {
    let mut out = Field {
        name: field.name.clone(),
        data_type: field.data_type.clone(),
        source: Source::Never,
        on_bad: OnBad::Fail,
        on_invalid_text: OnBad::Quiet,
        plain_digits: false,
        early: None,
        range: bounds(&field.data_type.ty),
    };
    let want = match &field.from {
        FieldSource::Metadata(meta) => {
            out.source = Source::Meta(*meta);
            None
        }
        FieldSource::Column { root, path } => Some(column(spec, &mut out, *root, path)?),
        FieldSource::Chain { root, steps } => chain(&mut out, *root, steps)?,
    };
    Ok((out, want))
}

/// A column of the table's own format.
fn column(spec: &DecoderSpec<'_>, out: &mut Field, root: Root, path: &[String]) -> Result<Wanted> {
    let half = if root == Root::Key { "key" } else { "value" };
    let format = format_of(spec, root)
        .ok_or_else(|| Error::user(format!("the table reads a {half} column but has no {half} format")))?;
    let first = path.first().ok_or_else(|| Error::internal("a column without a name"))?;
    let mut wanted = Wanted { root, kind: Kind::Whole, path: Vec::new(), column: 0 };
    let how = match format {
        Format::Json(f) => {
            wanted.kind = Kind::Columns;
            wanted.path = path.iter().map(|name| Hop { name: name.clone(), crossing: Crossing::Row }).collect();
            if root == Root::Key {
                let plain = first.strip_prefix(spec.key_prefix).unwrap_or(first);
                plain.clone_into(&mut wanted.path[0].name);
            }
            if path.len() > MAX_HOPS {
                return Err(Error::user(format!("rows nested deeper than {MAX_HOPS} cannot be read")));
            }
            out.on_bad = if f.ignore_parse_errors { OnBad::Null } else { OnBad::Fail };
            out.on_invalid_text = if f.ignore_parse_errors { OnBad::Skip } else { OnBad::Fail };
            out.plain_digits = out.data_type.ty.is_integer();
            How::Typed(TypedOptions::of(f))
        }
        Format::Csv(f) => {
            wanted.kind = Kind::Csv;
            wanted.column = position(spec, root, first)?;
            out.on_bad = if f.ignore_parse_errors { OnBad::Null } else { OnBad::Fail };
            How::Csv(f.clone())
        }
        Format::Raw(f) => How::Raw { little_endian: f.little_endian },
    };
    if path.len() > 1 && !matches!(format, Format::Json(_)) {
        return Err(Error::user("only the json format has ROW columns"));
    }
    out.source = Source::Slot { reader: 0, slot: 0, how };
    Ok(wanted)
}

fn position(spec: &DecoderSpec<'_>, root: Root, name: &str) -> Result<usize> {
    let columns: &[Column] = if root == Root::Key { spec.key_columns } else { spec.value_columns };
    columns
        .iter()
        .position(|c| c.name == name)
        .ok_or_else(|| Error::internal(format!("column '{name}' is not among the format's columns")))
}

/// A chain: as many hops as the program can take, then the rest.
fn chain(out: &mut Field, root: Root, steps: &[ChainStep]) -> Result<Option<Wanted>> {
    let (steps, to) = split_cast(steps)?;
    if is_never(&steps) {
        return Ok(None);
    }
    let mut end = ChainEnd { steps: steps.clone(), last: Last::Message, residual: None, fit: None, cast: to };
    let path = fuse(&steps, &mut end);
    if let Some((_, rule)) = &end.cast {
        out.on_bad = if rule.on_error == OnCastError::Null { OnBad::Null } else { OnBad::Fail };
        out.plain_digits = out.data_type.ty.is_integer() && end.is_plain();
    } else if !out.data_type.ty.is_text() {
        return Err(Error::internal(format!("a chain gives text, the field is {}", out.data_type)));
    }
    let kind = if path.is_empty() { Kind::Whole } else { Kind::Chains };
    out.source = Source::Slot { reader: 0, slot: 0, how: How::Chain(end) };
    Ok(Some(Wanted { root, kind, path, column: 0 }))
}

impl Field {
    /// Whether the values are text.
    pub(crate) fn is_text(&self) -> bool {
        matches!(self.data_type.ty, SqlType::Char(_) | SqlType::VarChar(_))
    }
}
