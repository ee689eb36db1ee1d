//! From a scan's fields to readers and slots.

use tidegate_core::error::{Error, Result};
use tidegate_core::scan::{
    CastRule, ChainStep, FieldSource, JsonPath, JsonRule, JsonSegment, Metadata, OnCastError, Root, ScanField,
};
use tidegate_core::table::{CsvFormat, Format};
use tidegate_core::types::{Column, DataType, SqlType};

use super::DecoderSpec;
use super::cast;
use super::csv::CsvLines;
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

impl Field {
    /// Whether the values are text.
    pub(crate) fn is_text(&self) -> bool {
        matches!(self.data_type.ty, SqlType::Char(_) | SqlType::VarChar(_))
    }
}
