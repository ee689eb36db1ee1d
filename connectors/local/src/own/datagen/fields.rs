//! Random and sequence fields: Flink's `fields.<column>.…` options, and the columns they make.

use std::sync::Arc;

use arrow_array::builder::{BinaryBuilder, StringBuilder};
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, Time32MillisecondType, TimestampMicrosecondType,
};
use arrow_array::{ArrayRef, BooleanArray, ListArray, MapArray, NullArray, PrimitiveArray, StructArray};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::DataType as ArrowType;
use tidegate_core::options::{CheckedOptions, nearest, parse_duration};
use tidegate_core::{Column, Error, Result, SqlType};

use super::random::{below, bits, mix, unit};

const NAMES: &[&str] = &["kind", "min", "max", "length", "var-len", "start", "end", "null-rate", "max-past"];

/// One column's options, with those of its nested fields.
#[derive(Debug, Clone)]
pub(crate) struct FieldOptions {
    ty: SqlType,
    kind: Kind,
    null_rate: f64,
    length: u64,
    var_len: bool,
    max_past_us: u64,
    stream: u64,
    inner: Vec<FieldOptions>,
}

#[derive(Debug, Clone)]
enum Kind {
    Random { min: f64, max: f64, int: (i64, i64) },
    Sequence { start: i64, end: i64 },
}

/// When a row is due, for time fields.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Due {
    pub(crate) started_ms: i64,
    pub(crate) rate: Option<u64>,
}

impl Due {
    fn micros(&self, n: u64) -> i64 {
        let rate = i128::from(self.rate.unwrap_or(10_000));
        self.started_ms * 1000 + (i128::from(n) * 1_000_000 / rate) as i64
    }
}

/// Reads the options of all columns.
pub(crate) fn parse(columns: &[Column], options: &CheckedOptions) -> Result<Vec<FieldOptions>> {
    let mut used = Vec::new();
    let fields =
        columns.iter().map(|c| field(&c.name, &c.data_type.ty, options, &mut used)).collect::<Result<Vec<_>>>()?;
    for (name, _) in options.with_prefix("fields.") {
        if !used.iter().any(|u| u == name) {
            return Err(unknown(name, columns));
        }
    }
    Ok(fields)
}

fn unknown(name: &str, columns: &[Column]) -> Error {
    let (path, setting) = name.rsplit_once('.').unwrap_or(("", name));
    let e = Error::user(format!("option 'fields.{name}' has no effect"));
    if NAMES.contains(&setting) {
        let hint = nearest(path, columns.iter().map(|c| c.name.as_str()));
        return e.help(match hint {
            Some(h) if h != path => format!("there is no column '{path}'; did you mean '{h}'?"),
            Some(_) => format!("'{setting}' does not apply to the type and kind of column '{path}'"),
            None => format!("there is no column '{path}'"),
        });
    }
    match nearest(setting, NAMES.iter().copied()) {
        Some(n) => e.help(format!("did you mean 'fields.{path}.{n}'?")),
        None => e.help(format!("a column has {}", NAMES.join(", "))),
    }
}

fn field(path: &str, ty: &SqlType, options: &CheckedOptions, used: &mut Vec<String>) -> Result<FieldOptions> {
    let mut get = |name: &str| {
        let key = format!("{path}.{name}");
        let value = options.get(&format!("fields.{key}")).map(str::to_owned);
        if value.is_some() {
            used.push(key);
        }
        value
    };
    fn number<T: std::str::FromStr>(path: &str, name: &str, value: Option<String>) -> Result<Option<T>> {
        let wrong = |v: &str| Error::user(format!("option 'fields.{path}.{name}': '{v}' is not a number that fits"));
        value.map(|v| v.trim().parse().map_err(|_| wrong(&v))).transpose()
    }
    let kind = match get("kind").as_deref().map(str::to_ascii_lowercase).as_deref() {
        None | Some("random") => random_kind(path, ty, &mut get, &number, &number)?,
        Some("sequence") => {
            if !ty.is_numeric() && !ty.is_text() {
                return Err(Error::user(format!("fields.{path}.kind: {ty} cannot be a sequence")));
            }
            match (number(path, "start", get("start"))?, number(path, "end", get("end"))?) {
                (Some(start), Some(end)) if start <= end => Kind::Sequence { start, end },
                _ => {
                    return Err(Error::user(format!(
                        "fields.{path}.kind = 'sequence' needs 'start' and 'end', start first"
                    ))
                    .help(format!("'fields.{path}.start' = '1', 'fields.{path}.end' = '1000'")));
                }
            }
        }
        Some(other) => {
            return Err(Error::user(format!("fields.{path}.kind: '{other}' is neither random nor sequence")));
        }
    };
    let is_text = ty.is_text() || ty.is_bytes();
    let nested = matches!(ty, SqlType::Array(_) | SqlType::Map(..));
    let length = if is_text || nested { number(path, "length", get("length"))? } else { None };
    let default_length = match ty {
        SqlType::Char(n) | SqlType::Binary(n) => u64::from(*n),
        SqlType::VarChar(n) | SqlType::VarBinary(n) => u64::from(*n).min(100),
        _ => 3,
    };
    let max_past = if ty.is_timestamp() { get("max-past") } else { None };
    let max_past_ms = max_past
        .map(|t| {
            parse_duration(&t).ok_or_else(|| Error::user(format!("fields.{path}.max-past: '{t}' is not a duration")))
        })
        .transpose()?;
    let null_rate: f64 = number(path, "null-rate", get("null-rate"))?.unwrap_or(0.0);
    if !(0.0..=1.0).contains(&null_rate) {
        return Err(Error::user(format!("fields.{path}.null-rate is between 0 and 1, not {null_rate}")));
    }
    let var_len = is_text && get("var-len").is_some_and(|v| v.trim().eq_ignore_ascii_case("true"));
    let inner = match ty {
        SqlType::Row(fields) => fields
            .iter()
            .map(|f| field(&format!("{path}.{}", f.name), &f.data_type.ty, options, used))
            .collect::<Result<Vec<_>>>()?,
        SqlType::Array(e) => vec![field(&format!("{path}.element"), &e.ty, options, used)?],
        SqlType::Map(k, v) => {
            vec![
                field(&format!("{path}.key"), &k.ty, options, used)?,
                field(&format!("{path}.value"), &v.ty, options, used)?,
            ]
        }
        _ => Vec::new(),
    };
    let stream = path.bytes().fold(0x6669_656c_6473, |h, b| mix(h ^ u64::from(b)));
    Ok(FieldOptions {
        ty: ty.clone(),
        kind,
        null_rate,
        length: length.unwrap_or(default_length),
        var_len,
        max_past_us: max_past_ms.unwrap_or(0).max(0) as u64 * 1000,
        stream,
        inner,
    })
}

type Number<T> = dyn Fn(&str, &str, Option<String>) -> Result<Option<T>>;

fn random_kind(
    path: &str,
    ty: &SqlType,
    get: &mut dyn FnMut(&str) -> Option<String>,
    int: &Number<i64>,
    real: &Number<f64>,
) -> Result<Kind> {
    let full = match ty {
        SqlType::TinyInt => (i64::from(i8::MIN), i64::from(i8::MAX)),
        SqlType::SmallInt => (i64::from(i16::MIN), i64::from(i16::MAX)),
        SqlType::Int => (i64::from(i32::MIN), i64::from(i32::MAX)),
        _ => (i64::MIN, i64::MAX),
    };
    let (mut kind, mut ordered) = (Kind::Random { min: 0.0, max: 0.0, int: full }, true);
    if ty.is_integer() {
        let bounds = (int(path, "min", get("min"))?.unwrap_or(full.0), int(path, "max", get("max"))?.unwrap_or(full.1));
        ordered = bounds.0 <= bounds.1 && bounds.0 >= full.0 && bounds.1 <= full.1;
        kind = Kind::Random { min: 0.0, max: 0.0, int: bounds };
    } else if ty.is_numeric() {
        let limit = match ty {
            SqlType::Float => f64::from(f32::MAX),
            SqlType::Decimal(p, s) => 10f64.powi(i32::from(*p) - i32::from(*s)),
            _ => f64::MAX,
        };
        let min =
            real(path, "min", get("min"))?.unwrap_or(if matches!(ty, SqlType::Decimal(..)) { 0.0 } else { -limit });
        let max = real(path, "max", get("max"))?.unwrap_or(limit);
        ordered = min <= max && min >= -limit && max <= limit;
        kind = Kind::Random { min, max, int: full };
    }
    if ordered {
        Ok(kind)
    } else {
        Err(Error::user(format!("fields.{path}: min and max do not fit {ty}, or min is above max")))
    }
}

impl FieldOptions {
    /// How many rows a sequence lasts.
    pub(crate) fn sequence_length(&self) -> Option<u64> {
        match self.kind {
            Kind::Sequence { start, end } => {
                Some((i128::from(end) - i128::from(start) + 1).min(i128::from(u64::MAX)) as u64)
            }
            Kind::Random { .. } => None,
        }
    }

    /// The column of these rows.
    pub(crate) fn column(&self, seed: u64, rows: &[u64], due: Due) -> Result<ArrayRef> {
        Ok(match &self.ty {
            SqlType::Null => Arc::new(NullArray::new(rows.len())),
            SqlType::Boolean => {
                Arc::new(rows.iter().map(|n| self.some(seed, *n, |r| r & 1 == 1)).collect::<BooleanArray>())
            }
            SqlType::TinyInt => self.primitive::<Int8Type>(seed, rows, |n, r| self.integer(n, r) as i8),
            SqlType::SmallInt => self.primitive::<Int16Type>(seed, rows, |n, r| self.integer(n, r) as i16),
            SqlType::Int => self.primitive::<Int32Type>(seed, rows, |n, r| self.integer(n, r) as i32),
            SqlType::BigInt | SqlType::IntervalYearMonth | SqlType::IntervalDayTime => {
                self.primitive::<Int64Type>(seed, rows, |n, r| self.integer(n, r))
            }
            SqlType::Float => self.primitive::<Float32Type>(seed, rows, |n, r| self.real(n, r) as f32),
            SqlType::Double => self.primitive::<Float64Type>(seed, rows, |n, r| self.real(n, r)),
            SqlType::Decimal(p, s) => {
                let (scale, limit) = (10f64.powi(i32::from(*s)), 10i128.pow(u32::from(*p)) - 1);
                self.primitive::<Decimal128Type>(seed, rows, |n, r| match self.kind {
                    Kind::Sequence { .. } => i128::from(self.integer(n, r)) * 10i128.pow(u32::from(*s)),
                    Kind::Random { .. } => ((self.real(n, r) * scale).floor() as i128).clamp(-limit, limit),
                })
            }
            SqlType::Char(_) | SqlType::VarChar(_) => self.texts(seed, rows),
            SqlType::Binary(_) | SqlType::VarBinary(_) => self.bytes(seed, rows),
            SqlType::Date => {
                self.primitive::<Date32Type>(seed, rows, |n, _| due.micros(n).div_euclid(86_400_000_000) as i32)
            }
            SqlType::Time(_) => self.primitive::<Time32MillisecondType>(seed, rows, |_, r| below(r, 86_400_000) as i32),
            SqlType::Timestamp(_) | SqlType::TimestampLtz(_) => {
                let past = |r| below(r, self.max_past_us + 1) as i64;
                self.primitive::<TimestampMicrosecondType>(seed, rows, |n, r| {
                    (due.micros(n) - past(r)).div_euclid(1000) * 1000
                })
            }
            SqlType::Row(_) => {
                let columns = self.inner.iter().map(|f| f.column(seed, rows, due)).collect::<Result<Vec<_>>>()?;
                let ArrowType::Struct(fields) = self.ty.to_arrow() else {
                    return Err(Error::internal("a ROW is a struct"));
                };
                Arc::new(
                    StructArray::try_new(fields, columns, Some(self.nulls(seed, rows)))
                        .map_err(|e| Error::internal(e.to_string()))?,
                )
            }
            SqlType::Array(_) => {
                let ArrowType::List(item) = self.ty.to_arrow() else {
                    return Err(Error::internal("an ARRAY is a list"));
                };
                let items = self.inner[0].column(seed, &self.elements(rows), due)?;
                let list = ListArray::try_new(item, self.offsets(rows), items, Some(self.nulls(seed, rows)));
                Arc::new(list.map_err(|e| Error::internal(e.to_string()))?)
            }
            SqlType::Map(..) => self.maps(seed, rows, due)?,
        })
    }

    fn maps(&self, seed: u64, rows: &[u64], due: Due) -> Result<ArrayRef> {
        let internal = |e: arrow_schema::ArrowError| Error::internal(e.to_string());
        let ArrowType::Map(entry, _) = self.ty.to_arrow() else { return Err(Error::internal("a MAP is a map")) };
        let ArrowType::Struct(fields) = entry.data_type().clone() else {
            return Err(Error::internal("entries are structs"));
        };
        let elements = self.elements(rows);
        let columns = self.inner.iter().map(|f| f.column(seed, &elements, due)).collect::<Result<Vec<_>>>()?;
        let entries = StructArray::try_new(fields, columns, None).map_err(internal)?;
        let nulls = Some(self.nulls(seed, rows));
        Ok(Arc::new(MapArray::try_new(entry, self.offsets(rows), entries, nulls, false).map_err(internal)?))
    }

    fn elements(&self, rows: &[u64]) -> Vec<u64> {
        rows.iter().flat_map(|n| (0..self.length).map(move |k| n.wrapping_mul(self.length).wrapping_add(k))).collect()
    }

    fn offsets(&self, rows: &[u64]) -> OffsetBuffer<i32> {
        OffsetBuffer::from_lengths(std::iter::repeat_n(self.length as usize, rows.len()))
    }

    fn nulls(&self, seed: u64, rows: &[u64]) -> NullBuffer {
        rows.iter().map(|n| self.some(seed, *n, |_| ()).is_some()).collect()
    }

    /// A value from row `n`'s bits, or NULL as often as asked.
    fn some<T>(&self, seed: u64, n: u64, value: impl FnOnce(u64) -> T) -> Option<T> {
        let r = bits(seed, self.stream, n);
        let is_null = self.null_rate > 0.0 && unit(mix(r)) < self.null_rate;
        (!is_null).then(|| value(r))
    }

    fn primitive<T: ArrowPrimitiveType>(
        &self,
        seed: u64,
        rows: &[u64],
        value: impl Fn(u64, u64) -> T::Native,
    ) -> ArrayRef {
        let values = rows.iter().map(|n| self.some(seed, *n, |r| value(*n, r)));
        Arc::new(values.collect::<PrimitiveArray<T>>().with_data_type(self.ty.to_arrow()))
    }

    fn integer(&self, n: u64, r: u64) -> i64 {
        match self.kind {
            Kind::Sequence { start, .. } => start.wrapping_add(n as i64),
            Kind::Random { int: (i64::MIN, i64::MAX), .. } => r as i64,
            Kind::Random { int: (min, max), .. } => min.wrapping_add(below(r, max.wrapping_sub(min) as u64 + 1) as i64),
        }
    }

    fn real(&self, n: u64, r: u64) -> f64 {
        match self.kind {
            Kind::Sequence { start, .. } => start as f64 + n as f64,
            // Halved, so that the full range does not overflow.
            Kind::Random { min, max, .. } => (min / 2.0 + (max / 2.0 - min / 2.0) * unit(r)) * 2.0,
        }
    }

    fn len(&self, r: u64) -> u64 {
        if self.var_len { below(mix(r ^ 1), self.length + 1) } else { self.length }
    }

    fn texts(&self, seed: u64, rows: &[u64]) -> ArrayRef {
        let mut out = StringBuilder::new();
        let mut text = String::new();
        for n in rows {
            let made = self.some(seed, *n, |r| {
                text.clear();
                match self.kind {
                    Kind::Sequence { .. } => text += &self.integer(*n, r).to_string(),
                    Kind::Random { .. } => {
                        text.extend(
                            (0..self.len(r)).map(|i| char::from(b"0123456789abcdef"[(mix(r ^ i) & 15) as usize])),
                        );
                    }
                }
            });
            out.append_option(made.map(|()| text.as_str()));
        }
        Arc::new(out.finish())
    }

    fn bytes(&self, seed: u64, rows: &[u64]) -> ArrayRef {
        let mut out = BinaryBuilder::new();
        for n in rows {
            out.append_option(self.some(seed, *n, |r| (0..self.len(r)).map(|i| mix(r ^ i) as u8).collect::<Vec<u8>>()));
        }
        Arc::new(out.finish())
    }
}
