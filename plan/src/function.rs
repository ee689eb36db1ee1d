//! Scalar functions. One variant has exactly one meaning; where dialects differ there are two
//! variants or a parameter. Unless said otherwise the result is NULL if any argument is NULL.

use serde::{Deserialize, Serialize};

/// A scalar function.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Function {
    // ---- arithmetic: operands already have the result's type family
    /// `a + b`; integers wrap as Java's do.
    Add,
    /// `a - b`
    Subtract,
    /// `a * b`
    Multiply,
    /// `a / b` of the result's type: integers truncate, decimals round half up. Division by zero is
    /// a row error, also for doubles (Flink), unless `null_on_zero`.
    Divide {
        /// NULL instead of an error.
        null_on_zero: bool,
    },
    /// `MOD(a, b)`, sign of the dividend.
    Modulo,
    /// `-a`
    Negate,
    /// timestamp or date + interval (ms or months)
    AddInterval,
    /// timestamp or date - interval
    SubtractInterval,

    // ---- mathematics
    /// ABS
    Abs,
    /// FLOOR of a number
    Floor,
    /// CEIL of a number
    Ceil,
    /// ROUND(x, digits) half up
    Round,
    /// TRUNCATE(x, digits)
    Truncate,
    /// POWER → DOUBLE
    Power,
    /// SQRT → DOUBLE
    Sqrt,
    /// EXP → DOUBLE
    Exp,
    /// LN → DOUBLE
    Ln,
    /// LOG10 → DOUBLE
    Log10,
    /// LOG2 → DOUBLE
    Log2,
    /// LOG(base, x) → DOUBLE
    Log,
    /// SIGN
    Sign,
    /// RAND() → DOUBLE
    Rand,
    /// RAND_INTEGER(bound) → INT
    RandInteger,
    /// GREATEST
    Greatest,
    /// LEAST
    Least,
    /// PI()
    Pi,
    /// SIN, COS, TAN, COT, ASIN, ACOS, ATAN by name (lower case) → DOUBLE
    Trigonometric(String),

    // ---- text
    /// CONCAT or `||` of texts.
    Concat {
        /// NULL arguments are left out (Blink); otherwise they make the result NULL.
        skip_nulls: bool,
    },
    /// CONCAT_WS(separator, …): NULLs are left out.
    ConcatWs {
        /// A NULL separator joins without one (Blink); otherwise the result is NULL.
        null_separator_is_empty: bool,
    },
    /// UPPER
    Upper,
    /// LOWER
    Lower,
    /// TRIM(side, characters, text): args text, characters.
    Trim(TrimSide),
    /// `SUBSTRING(text, from[, length])`, characters from 1, negative counts from the end.
    Substring,
    /// CHAR_LENGTH in characters
    CharLength,
    /// REPLACE(text, search, replacement)
    Replace,
    /// POSITION(needle IN text), INSTR, LOCATE: args text, needle[, from]; 0 where absent.
    Position,
    /// REGEXP_EXTRACT(text, regex[, group])
    RegexpExtract,
    /// REGEXP_REPLACE(text, regex, replacement)
    RegexpReplace,
    /// REGEXP(text, regex) → BOOLEAN
    Regexp,
    /// LPAD(text, length, pad)
    Lpad,
    /// RPAD(text, length, pad)
    Rpad,
    /// REPEAT(text, n)
    Repeat,
    /// REVERSE
    Reverse,
    /// LEFT(text, n)
    Left,
    /// RIGHT(text, n)
    Right,
    /// SPLIT_INDEX(text, separator, index from 0)
    SplitIndex,
    /// INITCAP
    Initcap,
    /// ASCII → INT
    Ascii,
    /// CHR(n)
    Chr,
    /// OVERLAY(text PLACING new FROM a [FOR n])
    Overlay,
    /// TO_BASE64
    ToBase64,
    /// FROM_BASE64
    FromBase64,
    /// HEX of text or integer
    Hex,
    /// STARTSWITH
    StartsWith,
    /// ENDSWITH
    EndsWith,
    /// UUID()
    Uuid,
    /// MD5 of text in lower-case hex
    Md5,
    /// SHA1
    Sha1,
    /// SHA224
    Sha224,
    /// SHA256
    Sha256,
    /// SHA384
    Sha384,
    /// SHA512
    Sha512,
    /// KEYVALUE / STR_TO_MAP-like lookup: KEYVALUE(text, pair separator, key separator, key)
    KeyValue,
    /// PARSE_URL(url, part[, key])
    ParseUrl,

    // ---- conditions
    /// COALESCE, IFNULL
    Coalesce,
    /// `IS [NOT] DISTINCT FROM`
    IsDistinctFrom {
        /// IS NOT DISTINCT FROM
        negated: bool,
    },

    // ---- JSON construction
    /// JSON_STRING(value)
    JsonString,
    /// JSON_OBJECT: args alternate key, value
    JsonObject {
        /// ABSENT ON NULL
        absent_on_null: bool,
    },
    /// JSON_ARRAY
    JsonArray {
        /// ABSENT ON NULL
        absent_on_null: bool,
    },
    /// `x IS JSON [VALUE|OBJECT|ARRAY|SCALAR]`
    IsJson(JsonKind),

    // ---- time; `zone` is an IANA name or offset, resolved by the planner
    /// CURRENT_TIMESTAMP, NOW() → TIMESTAMP_LTZ(3); one value a batch
    CurrentTimestamp,
    /// PROCTIME()
    Proctime,
    /// LOCALTIMESTAMP → TIMESTAMP(3) in the zone
    LocalTimestamp {
        /// The zone.
        zone: String,
    },
    /// CURRENT_DATE → DATE in the zone
    CurrentDate {
        /// The zone.
        zone: String,
    },
    /// CURRENT_TIME, LOCALTIME → TIME in the zone
    CurrentTime {
        /// The zone.
        zone: String,
    },
    /// UNIX_TIMESTAMP(), Blink NOW() → BIGINT seconds
    UnixNow,
    /// TO_TIMESTAMP(text[, pattern]) → TIMESTAMP(3) wall clock, NULL where it does not parse
    ToTimestamp,
    /// Blink TO_TIMESTAMP(text[, pattern]) → instant, text read in the zone
    TextToInstant {
        /// The zone.
        zone: String,
    },
    /// TO_TIMESTAMP_LTZ(number, 0|3), Blink TO_TIMESTAMP(BIGINT ms) → instant; NULL beyond year 9999
    EpochToInstant {
        /// The number counts seconds, not milliseconds.
        seconds: bool,
    },
    /// DATE_FORMAT(timestamp, pattern), SimpleDateFormat letters
    DateFormat {
        /// For instants.
        zone: String,
    },
    /// DATE_FORMAT(text, pattern): reads the text leniently as `yyyy-MM-dd HH:mm:ss` first
    DateFormatText,
    /// Blink DATE_FORMAT(text, from pattern, to pattern)
    DateFormatFromTo,
    /// FROM_UNIXTIME(seconds[, pattern]) → text
    FromUnixtime {
        /// The zone.
        zone: String,
    },
    /// UNIX_TIMESTAMP(text[, pattern]) → BIGINT seconds
    UnixTimestampText {
        /// The zone.
        zone: String,
        /// NULL for unparsable text (Blink); otherwise `Long.MIN_VALUE` (Flink).
        null_on_error: bool,
    },
    /// UNIX_TIMESTAMP(instant) → BIGINT seconds
    UnixTimestampInstant,
    /// EXTRACT(unit FROM x), YEAR(x), … → BIGINT
    Extract {
        /// The unit.
        unit: DateUnit,
        /// For instants.
        zone: String,
    },
    /// FLOOR(x TO unit)
    FloorTo {
        /// The unit.
        unit: DateUnit,
        /// For instants.
        zone: String,
    },
    /// CEIL(x TO unit)
    CeilTo {
        /// The unit.
        unit: DateUnit,
        /// For instants.
        zone: String,
    },
    /// TIMESTAMPDIFF(unit, from, to) → INT
    TimestampDiff(DateUnit),
    /// TIMESTAMPADD(unit, n, x)
    TimestampAdd(DateUnit),
    /// TO_DATE(text[, pattern])
    ToDate,
    /// DATEDIFF(a, b) → INT days
    DateDiff {
        /// For instants.
        zone: String,
    },
    /// DATE_ADD(text or date, n) → text (Blink)
    DateAdd {
        /// For instants.
        zone: String,
    },
    /// DATE_SUB(text or date, n) → text (Blink)
    DateSub {
        /// For instants.
        zone: String,
    },
    /// CONVERT_TZ(text, from, to) → text
    ConvertTz,

    // ---- collections
    /// `array[n]` from 1, `map[key]`
    Element,
    /// CARDINALITY
    Cardinality,
    /// ARRAY[…]
    ArrayOf,
    /// MAP[k, v, …]
    MapOf,
    /// ROW(…)
    RowOf,
}

impl Function {
    /// Whether the same arguments always give the same result.
    pub fn is_deterministic(&self) -> bool {
        !matches!(
            self,
            Function::Rand
                | Function::RandInteger
                | Function::Uuid
                | Function::CurrentTimestamp
                | Function::Proctime
                | Function::LocalTimestamp { .. }
                | Function::CurrentDate { .. }
                | Function::CurrentTime { .. }
                | Function::UnixNow
        )
    }
}

/// Sides of TRIM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TrimSide {
    /// BOTH
    Both,
    /// LEADING
    Leading,
    /// TRAILING
    Trailing,
}

/// IS JSON what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum JsonKind {
    /// Anything.
    Value,
    /// An object.
    Object,
    /// An array.
    Array,
    /// A scalar.
    Scalar,
}

/// Units of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names say it")]
pub enum DateUnit {
    Millisecond,
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
    /// Day of week, 1 = Sunday.
    DayOfWeek,
    /// Day of year.
    DayOfYear,
    /// Seconds since 1970.
    Epoch,
}
