//! The rows of the function table.

use tidegate_core::Dialect;
use tidegate_core::{Error, Result};
use tidegate_plan::{Expr, Function};

use super::{Call, collection, conditional, hash, json, math, text, time};

/// Which dialects have a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialects {
    All,
    Flink,
    /// Blink and UFlink.
    Blink,
}

impl Dialects {
    pub fn includes(self, dialect: Dialect) -> bool {
        match self {
            Dialects::All => true,
            Dialects::Flink => dialect == Dialect::Flink,
            Dialects::Blink => dialect != Dialect::Flink,
        }
    }
}

/// A function in some dialects.
pub(crate) struct Row {
    pub names: &'static [&'static str],
    pub dialects: Dialects,
    /// Fewest and most arguments.
    pub arity: (usize, usize),
    pub bind: fn(Call<'_>) -> Result<Expr>,
    /// What to use in the dialects that lack it.
    pub elsewhere: &'static str,
}

const fn all(names: &'static [&'static str], arity: (usize, usize), bind: fn(Call<'_>) -> Result<Expr>) -> Row {
    Row { names, dialects: Dialects::All, arity, bind, elsewhere: "" }
}

const fn flink(
    names: &'static [&'static str],
    arity: (usize, usize),
    bind: fn(Call<'_>) -> Result<Expr>,
    elsewhere: &'static str,
) -> Row {
    Row { names, dialects: Dialects::Flink, arity, bind, elsewhere }
}

const fn blink(
    names: &'static [&'static str],
    arity: (usize, usize),
    bind: fn(Call<'_>) -> Result<Expr>,
    elsewhere: &'static str,
) -> Row {
    Row { names, dialects: Dialects::Blink, arity, bind, elsewhere }
}

const MANY: usize = usize::MAX;

/// All functions with ordinary call syntax.
pub(crate) const ROWS: &[Row] = &[
    // ---- text
    all(&["CONCAT"], (1, MANY), text::concat),
    all(&["CONCAT_WS"], (1, MANY), text::concat_ws),
    all(&["UPPER", "UCASE"], (1, 1), |c| text::keep(c, Function::Upper)),
    all(&["LOWER", "LCASE"], (1, 1), |c| text::keep(c, Function::Lower)),
    all(&["LTRIM"], (1, 2), |c| text::trim_call(c, tidegate_plan::TrimSide::Leading)),
    all(&["RTRIM"], (1, 2), |c| text::trim_call(c, tidegate_plan::TrimSide::Trailing)),
    all(&["BTRIM", "TRIM"], (1, 2), |c| text::trim_call(c, tidegate_plan::TrimSide::Both)),
    all(&["SUBSTRING", "SUBSTR"], (2, 3), text::substring),
    all(&["CHAR_LENGTH", "CHARACTER_LENGTH"], (1, 1), |c| text::to_int(c, Function::CharLength)),
    blink(&["LENGTH"], (1, 1), |c| text::to_int(c, Function::CharLength), "use CHAR_LENGTH"),
    all(&["REPLACE"], (3, 3), |c| text::to_string(c, Function::Replace)),
    all(&["POSITION"], (2, 2), |c| text::to_int(c, Function::Position)),
    all(&["INSTR"], (2, 3), text::instr),
    all(&["LOCATE"], (2, 3), text::locate),
    all(&["REGEXP_EXTRACT"], (2, 3), text::regexp_extract),
    all(&["REGEXP_REPLACE"], (3, 3), |c| text::to_string(c, Function::RegexpReplace)),
    all(&["REGEXP"], (2, 2), |c| text::to_boolean(c, Function::Regexp)),
    all(&["LPAD"], (3, 3), |c| text::pad(c, Function::Lpad)),
    all(&["RPAD"], (3, 3), |c| text::pad(c, Function::Rpad)),
    all(&["REPEAT"], (2, 2), |c| text::counted(c, Function::Repeat)),
    all(&["REVERSE"], (1, 1), |c| text::to_string(c, Function::Reverse)),
    all(&["LEFT"], (2, 2), |c| text::counted(c, Function::Left)),
    all(&["RIGHT"], (2, 2), |c| text::counted(c, Function::Right)),
    all(&["SPLIT_INDEX"], (3, 3), text::split_index),
    all(&["INITCAP"], (1, 1), |c| text::to_string(c, Function::Initcap)),
    all(&["ASCII"], (1, 1), |c| text::to_int(c, Function::Ascii)),
    all(&["CHR"], (1, 1), text::chr),
    all(&["OVERLAY"], (3, 4), text::overlay),
    all(&["TO_BASE64"], (1, 1), text::to_base64),
    all(&["FROM_BASE64"], (1, 1), |c| text::to_string(c, Function::FromBase64)),
    all(&["HEX"], (1, 1), text::hex),
    all(&["STARTSWITH"], (2, 2), |c| text::to_boolean(c, Function::StartsWith)),
    all(&["ENDSWITH"], (2, 2), |c| text::to_boolean(c, Function::EndsWith)),
    all(&["UUID"], (0, 0), text::uuid),
    all(&["PARSE_URL"], (2, 3), |c| text::find(c, Function::ParseUrl)),
    blink(&["KEYVALUE"], (4, 4), |c| text::find(c, Function::KeyValue), "use REGEXP_EXTRACT"),
    all(&["JSON_STRING"], (1, 1), json::string),
    // ---- hash
    all(&["MD5"], (1, 1), |c| hash::digest(c, Function::Md5, 32)),
    all(&["SHA1"], (1, 1), |c| hash::digest(c, Function::Sha1, 40)),
    all(&["SHA224"], (1, 1), |c| hash::digest(c, Function::Sha224, 56)),
    all(&["SHA256"], (1, 1), |c| hash::digest(c, Function::Sha256, 64)),
    all(&["SHA384"], (1, 1), |c| hash::digest(c, Function::Sha384, 96)),
    all(&["SHA512"], (1, 1), |c| hash::digest(c, Function::Sha512, 128)),
    all(&["SHA2"], (2, 2), hash::sha2),
    // ---- numbers
    all(&["ABS"], (1, 1), |c| math::keep(c, Function::Abs)),
    all(&["SIGN"], (1, 1), |c| math::keep(c, Function::Sign)),
    all(&["FLOOR"], (1, 1), |c| math::whole(c, Function::Floor)),
    all(&["CEIL", "CEILING"], (1, 1), |c| math::whole(c, Function::Ceil)),
    all(&["ROUND"], (1, 2), |c| math::rounded(c, Function::Round)),
    all(&["TRUNCATE"], (1, 2), |c| math::rounded(c, Function::Truncate)),
    all(&["MOD"], (2, 2), math::modulo),
    all(&["POWER"], (2, 2), |c| math::to_double(c, Function::Power)),
    all(&["SQRT"], (1, 1), |c| math::to_double(c, Function::Sqrt)),
    all(&["EXP"], (1, 1), |c| math::to_double(c, Function::Exp)),
    all(&["LN"], (1, 1), |c| math::to_double(c, Function::Ln)),
    all(&["LOG10"], (1, 1), |c| math::to_double(c, Function::Log10)),
    all(&["LOG2"], (1, 1), |c| math::to_double(c, Function::Log2)),
    all(&["LOG"], (1, 2), math::log),
    all(&["SIN"], (1, 1), |c| math::trigonometric(c, "sin")),
    all(&["COS"], (1, 1), |c| math::trigonometric(c, "cos")),
    all(&["TAN"], (1, 1), |c| math::trigonometric(c, "tan")),
    all(&["COT"], (1, 1), |c| math::trigonometric(c, "cot")),
    all(&["ASIN"], (1, 1), |c| math::trigonometric(c, "asin")),
    all(&["ACOS"], (1, 1), |c| math::trigonometric(c, "acos")),
    all(&["ATAN"], (1, 1), |c| math::trigonometric(c, "atan")),
    all(&["PI"], (0, 0), math::pi),
    all(&["RAND"], (0, 0), math::rand),
    all(&["RAND_INTEGER"], (1, 1), math::rand_integer),
    all(&["GREATEST"], (1, MANY), |c| conditional::extreme(c, Function::Greatest)),
    all(&["LEAST"], (1, MANY), |c| conditional::extreme(c, Function::Least)),
    // ---- conditions
    all(&["COALESCE"], (1, MANY), conditional::coalesce),
    all(&["IFNULL"], (2, 2), conditional::coalesce),
    all(&["NULLIF"], (2, 2), conditional::null_if),
    all(&["IF"], (3, 3), conditional::if_call),
    all(&["TYPEOF"], (1, 1), conditional::type_of),
    // ---- time
    flink(&["NOW"], (0, 0), time::now, ""),
    blink(&["NOW"], (0, 1), time::now_seconds, ""),
    all(&["CURRENT_TIMESTAMP", "CURRENT_ROW_TIMESTAMP"], (0, 0), time::now),
    all(&["PROCTIME"], (0, 0), time::proctime),
    all(&["LOCALTIMESTAMP"], (0, 0), time::local_timestamp),
    all(&["CURRENT_DATE"], (0, 0), time::current_date),
    all(&["CURRENT_TIME", "LOCALTIME"], (0, 0), time::current_time),
    all(&["UNIX_TIMESTAMP"], (0, 2), time::unix_timestamp),
    all(&["FROM_UNIXTIME"], (1, 2), time::from_unixtime),
    flink(&["TO_TIMESTAMP"], (1, 2), time::to_timestamp, ""),
    blink(&["TO_TIMESTAMP"], (1, 2), time::to_instant, ""),
    flink(&["TO_TIMESTAMP_LTZ"], (2, 2), time::to_timestamp_ltz, "use TO_TIMESTAMP(milliseconds)"),
    all(&["TO_DATE"], (1, 2), time::to_date),
    flink(&["DATE_FORMAT"], (2, 2), time::date_format, ""),
    blink(&["DATE_FORMAT"], (2, 3), time::date_format, ""),
    blink(&["DATEDIFF"], (2, 2), time::datediff, "use TIMESTAMPDIFF(DAY, from, to)"),
    blink(&["DATE_ADD"], (2, 2), |c| time::date_shift(c, true), "use time + INTERVAL '1' DAY"),
    blink(&["DATE_SUB"], (2, 2), |c| time::date_shift(c, false), "use time - INTERVAL '1' DAY"),
    all(&["CONVERT_TZ"], (3, 3), |c| text::find(c, Function::ConvertTz)),
    all(&["YEAR"], (1, 1), |c| time::part(c, tidegate_plan::DateUnit::Year)),
    all(&["QUARTER"], (1, 1), |c| time::part(c, tidegate_plan::DateUnit::Quarter)),
    all(&["MONTH"], (1, 1), |c| time::part(c, tidegate_plan::DateUnit::Month)),
    all(&["WEEK"], (1, 1), |c| time::part(c, tidegate_plan::DateUnit::Week)),
    all(&["DAYOFYEAR"], (1, 1), |c| time::part(c, tidegate_plan::DateUnit::DayOfYear)),
    all(&["DAYOFMONTH", "DAY"], (1, 1), |c| time::part(c, tidegate_plan::DateUnit::Day)),
    all(&["DAYOFWEEK"], (1, 1), |c| time::part(c, tidegate_plan::DateUnit::DayOfWeek)),
    all(&["HOUR"], (1, 1), |c| time::part(c, tidegate_plan::DateUnit::Hour)),
    all(&["MINUTE"], (1, 1), |c| time::part(c, tidegate_plan::DateUnit::Minute)),
    all(&["SECOND"], (1, 1), |c| time::part(c, tidegate_plan::DateUnit::Second)),
    // ---- collections
    all(&["ARRAY"], (1, MANY), collection::array),
    all(&["MAP"], (2, MANY), collection::map),
    all(&["ROW"], (1, MANY), collection::row),
    all(&["CARDINALITY"], (1, 1), collection::cardinality),
    // ---- known and refused, with the reason
    all(&["CURRENT_WATERMARK"], (1, 1), |c| refused(&c, "lateness is decided where the record is read")),
    all(&["CURRENT_DATABASE"], (0, 0), |c| refused(&c, "there are no databases")),
    all(&["STR_TO_MAP"], (1, 3), |c| refused(&c, "use SPLIT_INDEX or REGEXP_EXTRACT")),
    all(&["JSON_OBJECTAGG", "JSON_ARRAYAGG"], (1, MANY), |c| refused(&c, "use LISTAGG with JSON_OBJECT")),
];

fn refused(c: &Call<'_>, help: &str) -> Result<Expr> {
    Err(Error::user(format!("{} is not supported", c.name)).at(c.span).help(help))
}
