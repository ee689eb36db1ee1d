//! SQL types as written in DDL and CAST, and what they are in each dialect.

use sqlparser::ast as sp;
use sqlparser::tokenizer::Token;
use tidegate_core::options::nearest;
use tidegate_core::types::MAX_LENGTH;
use tidegate_core::{Column, DataType, Dialect, Error, Result, Span, SqlType};

use super::cursor::Cursor;
use crate::ast::TypeName;

/// The name of the type that stands for every type of a CAST; its one modifier is the type.
pub(super) const ENCODED: &str = "__type";
/// How deep types may be nested.
const MAX_DEPTH: usize = 32;

/// The type of a CAST. Every `Expr::Cast` that the parser hands out carries one.
///
/// # Errors
/// Only for an AST that this parser did not make.
pub fn cast_type(data_type: &sp::DataType, dialect: Dialect) -> Result<DataType> {
    match data_type {
        sp::DataType::Custom(name, modifiers) if name.to_string() == ENCODED => modifiers
            .first()
            .and_then(|m| serde_json::from_str::<DataType>(m).ok())
            .map(|t| resolve(&t, dialect))
            .ok_or_else(|| Error::internal("an encoded type that cannot be read")),
        other => Err(Error::internal(format!("type {other} did not come from this parser"))),
    }
}

/// A written type in a dialect: TIMESTAMP is a wall clock in Flink and an instant of three decimals
/// in Blink and UFlink.
pub fn resolve(written: &DataType, dialect: Dialect) -> DataType {
    if dialect == Dialect::Flink {
        return written.clone();
    }
    let ty = match &written.ty {
        SqlType::Timestamp(_) => SqlType::TimestampLtz(3),
        SqlType::Array(e) => SqlType::Array(Box::new(resolve(e, dialect))),
        SqlType::Map(k, v) => SqlType::Map(Box::new(resolve(k, dialect)), Box::new(resolve(v, dialect))),
        SqlType::Row(fields) => {
            SqlType::Row(fields.iter().map(|f| Column::new(f.name.clone(), resolve(&f.data_type, dialect))).collect())
        }
        other => other.clone(),
    };
    DataType { ty, nullable: written.nullable }
}

pub(super) fn encode(data_type: &DataType) -> String {
    serde_json::to_string(data_type).unwrap_or_default()
}

/// Reads a type and `[NOT] NULL` after it.
pub(super) fn type_name(c: &mut Cursor<'_>) -> Result<TypeName> {
    let span = c.span();
    let data_type = nested(c, 0)?;
    Ok(TypeName { not_null: !data_type.nullable, data_type, span })
}

fn nested(c: &mut Cursor<'_>, depth: usize) -> Result<DataType> {
    if depth > MAX_DEPTH {
        return Err(too_deep(c));
    }
    let mut ty = base(c, depth)?;
    let mut nullable = nullability(c);
    let mut depth = depth;
    while c.is("ARRAY") {
        c.advance();
        depth += 1;
        if depth > MAX_DEPTH {
            return Err(too_deep(c));
        }
        ty = SqlType::Array(Box::new(DataType { ty, nullable }));
        nullable = nullability(c);
    }
    Ok(DataType { ty, nullable })
}

fn too_deep(c: &Cursor<'_>) -> Error {
    Error::user(format!("types nested deeper than {MAX_DEPTH}")).at(c.span())
}

fn nullability(c: &mut Cursor<'_>) -> bool {
    if c.take(&["NOT", "NULL"]) {
        return false;
    }
    c.take(&["NULL"]);
    true
}

fn base(c: &mut Cursor<'_>, depth: usize) -> Result<SqlType> {
    let span = c.span();
    let word = c.word("a type")?;
    if word.quote_style.is_some() {
        return Err(Error::user(format!("'{}' is not a type", word.value)).at(span));
    }
    let name = word.value.to_ascii_uppercase();
    Ok(match name.as_str() {
        "BOOLEAN" | "BOOL" => SqlType::Boolean,
        "TINYINT" => width(c, SqlType::TinyInt)?,
        "SMALLINT" => width(c, SqlType::SmallInt)?,
        "INT" | "INTEGER" => width(c, SqlType::Int)?,
        "BIGINT" | "LONG" => width(c, SqlType::BigInt)?,
        "FLOAT" => width(c, SqlType::Float)?,
        "DOUBLE" => {
            c.take(&["PRECISION"]);
            width(c, SqlType::Double)?
        }
        "DECIMAL" | "DEC" | "NUMERIC" => decimal(c)?,
        "CHAR" | "CHARACTER" if c.take(&["VARYING"]) => SqlType::VarChar(length(c, MAX_LENGTH)?),
        "CHAR" | "CHARACTER" => SqlType::Char(length(c, 1)?),
        "VARCHAR" => SqlType::VarChar(length(c, MAX_LENGTH)?),
        "STRING" => SqlType::STRING,
        "BINARY" if c.take(&["VARYING"]) => SqlType::VarBinary(length(c, MAX_LENGTH)?),
        "BINARY" => SqlType::Binary(length(c, 1)?),
        "VARBINARY" => SqlType::VarBinary(length(c, MAX_LENGTH)?),
        "BYTES" => SqlType::BYTES,
        "DATE" => SqlType::Date,
        "TIME" => {
            let p = precision(c, 0)?;
            c.take(&["WITHOUT", "TIME", "ZONE"]);
            SqlType::Time(p)
        }
        "TIMESTAMP" => timestamp(c)?,
        "TIMESTAMP_LTZ" => SqlType::TimestampLtz(precision(c, 6)?),
        "ARRAY" | "LIST" => {
            c.expect_token(&Token::Lt)?;
            let element = nested(c, depth + 1)?;
            c.expect_gt()?;
            SqlType::Array(Box::new(element))
        }
        "MAP" => {
            c.expect_token(&Token::Lt)?;
            let key = nested(c, depth + 1)?;
            c.expect_token(&Token::Comma)?;
            let value = nested(c, depth + 1)?;
            c.expect_gt()?;
            SqlType::Map(Box::new(key), Box::new(value))
        }
        "ROW" => row(c, depth)?,
        _ => return Err(unknown(&word.value, &name, span)),
    })
}

/// `ROW<a INT, b STRING 'comment'>` or `ROW(a INT, …)`.
fn row(c: &mut Cursor<'_>, depth: usize) -> Result<SqlType> {
    let angle = c.take_token(&Token::Lt);
    if !angle {
        c.expect_token(&Token::LParen)?;
    }
    let mut fields: Vec<Column> = Vec::new();
    loop {
        let name = c.name("the name of a field")?;
        if fields.iter().any(|f| f.name == name.text) {
            return Err(Error::user(format!("field '{}' occurs twice in one ROW", name.text)).at(name.span));
        }
        fields.push(Column::new(name.text, nested(c, depth + 1)?));
        if matches!(c.peek(), Token::SingleQuotedString(_)) {
            c.advance();
        }
        if !c.take_token(&Token::Comma) {
            break;
        }
    }
    if angle {
        c.expect_gt()?;
    } else {
        c.expect_token(&Token::RParen)?;
    }
    Ok(SqlType::Row(fields))
}

/// MySQL's display width, as in `bigint(20)`, says nothing about the values.
fn width(c: &mut Cursor<'_>, ty: SqlType) -> Result<SqlType> {
    if c.take_token(&Token::LParen) {
        c.integer("a number")?;
        if c.take_token(&Token::Comma) {
            c.integer("a number")?;
        }
        c.expect_token(&Token::RParen)?;
    }
    Ok(ty)
}

fn length(c: &mut Cursor<'_>, default: u32) -> Result<u32> {
    if !c.take_token(&Token::LParen) {
        return Ok(default);
    }
    let span = c.span();
    let n = c.integer("a length")?;
    c.expect_token(&Token::RParen)?;
    u32::try_from(n)
        .ok()
        .filter(|n| (1..=MAX_LENGTH).contains(n))
        .ok_or_else(|| Error::user(format!("a length must be between 1 and {MAX_LENGTH}, not {n}")).at(span))
}

fn precision(c: &mut Cursor<'_>, default: u8) -> Result<u8> {
    if !c.take_token(&Token::LParen) {
        return Ok(default);
    }
    let span = c.span();
    let n = c.integer("a number of decimals")?;
    c.expect_token(&Token::RParen)?;
    u8::try_from(n)
        .ok()
        .filter(|n| *n <= 9)
        .ok_or_else(|| Error::user(format!("a time has 0 to 9 decimals, not {n}")).at(span))
}

fn timestamp(c: &mut Cursor<'_>) -> Result<SqlType> {
    let p = precision(c, 6)?;
    if c.take(&["WITH", "LOCAL", "TIME", "ZONE"]) {
        return Ok(SqlType::TimestampLtz(p));
    }
    if c.are(&["WITH", "TIME", "ZONE"]) {
        return Err(Error::user("TIMESTAMP WITH TIME ZONE is not supported")
            .at(c.span())
            .help("use TIMESTAMP_LTZ, an instant shown in the session's zone"));
    }
    c.take(&["WITHOUT", "TIME", "ZONE"]);
    Ok(SqlType::Timestamp(p))
}

fn decimal(c: &mut Cursor<'_>) -> Result<SqlType> {
    if !c.take_token(&Token::LParen) {
        return Ok(SqlType::Decimal(10, 0));
    }
    let span = c.span();
    let p = c.integer("a number of digits")?;
    let s = if c.take_token(&Token::Comma) { c.integer("a number of decimals")? } else { 0 };
    c.expect_token(&Token::RParen)?;
    match (u8::try_from(p), u8::try_from(s)) {
        (Ok(p @ 1..=38), Ok(s)) if s <= p => Ok(SqlType::Decimal(p, s)),
        _ => Err(Error::user(format!("DECIMAL({p}, {s}) is not possible"))
            .at(span)
            .help("the precision is 1 to 38, the scale 0 to the precision")),
    }
}

const NAMES: &[&str] = &[
    "BOOLEAN",
    "TINYINT",
    "SMALLINT",
    "INT",
    "INTEGER",
    "BIGINT",
    "FLOAT",
    "DOUBLE",
    "DECIMAL",
    "CHAR",
    "VARCHAR",
    "STRING",
    "BINARY",
    "VARBINARY",
    "BYTES",
    "DATE",
    "TIME",
    "TIMESTAMP",
    "TIMESTAMP_LTZ",
    "ARRAY",
    "MAP",
    "ROW",
];

fn unknown(written: &str, upper: &str, span: Span) -> Error {
    let error = Error::user(format!("unknown type '{written}'")).at(span);
    let help = match upper {
        "TEXT" | "LONGTEXT" | "CLOB" | "NVARCHAR" => "use STRING".to_owned(),
        "DATETIME" => "use TIMESTAMP(3)".to_owned(),
        "BLOB" | "BYTEA" => "use BYTES".to_owned(),
        "REAL" => "use FLOAT (32 bit) or DOUBLE (64 bit)".to_owned(),
        "MULTISET" | "RAW" | "VARIANT" | "SYMBOL" => "multiset, raw and variant columns are not supported".to_owned(),
        "STRUCT" => "use ROW<…>".to_owned(),
        _ => match nearest(upper, NAMES.iter().copied()) {
            Some(n) => format!("did you mean {n}?"),
            None => format!("the types are {}", NAMES.join(", ")),
        },
    };
    error.help(help)
}
