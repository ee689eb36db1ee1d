//! Random and sequence fields: Flink's `fields.<column>.…` options.

use tidegate_core::options::{CheckedOptions, nearest, parse_duration};
use tidegate_core::{Column, Error, Result, SqlType};

use super::random::mix;

const NAMES: &[&str] = &["kind", "min", "max", "length", "var-len", "start", "end", "null-rate", "max-past"];

/// One column's options, with those of its nested fields.
#[derive(Debug, Clone)]
pub(crate) struct FieldOptions {
    pub(super) ty: SqlType,
    pub(super) kind: Kind,
    pub(super) null_rate: f64,
    pub(super) length: u64,
    pub(super) var_len: bool,
    pub(super) max_past_us: u64,
    pub(super) stream: u64,
    pub(super) inner: Vec<FieldOptions>,
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    Random { min: f64, max: f64, int: (i64, i64) },
    Sequence { start: i64, end: i64 },
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
}
