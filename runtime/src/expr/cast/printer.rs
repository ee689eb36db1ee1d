//! Values as text, appended to a buffer: CAST to a text type, and parts of CONCAT.

use tidegate_core::scan::CastFlavor;
use tidegate_core::{Result, SqlType};
use tidegate_formats::text::buffer::TextBuffer;
use tidegate_formats::text::cast::write_boolean;
use tidegate_formats::text::decimal::write_decimal;
use tidegate_formats::text::number::{write_double, write_float, write_integer};
use tidegate_formats::text::timestamp::{TimestampPrinter, write_date, write_time};
use tidegate_formats::text::zone::Zone;

use super::super::value::Value;
use super::super::view::{Booleans, Bytes, Decimals, Doubles, Integers, Texts};

/// How a type is printed.
#[derive(Debug, Clone)]
pub(in super::super) enum Print {
    Text,
    Integer,
    Boolean(CastFlavor),
    Float,
    Double,
    Decimal,
    Date,
    Time(u8),
    Timestamp(u8),
    Instant(u8, Zone),
    Bytes,
}

impl Print {
    /// For a type; `None` for collections.
    ///
    /// # Errors
    /// Where an instant is printed in an unknown zone.
    pub fn of(ty: &SqlType, flavor: CastFlavor, zone: &str) -> Result<Option<Print>> {
        Ok(Some(match ty {
            SqlType::Null | SqlType::Char(_) | SqlType::VarChar(_) => Print::Text,
            SqlType::TinyInt | SqlType::SmallInt | SqlType::Int | SqlType::BigInt => Print::Integer,
            SqlType::IntervalYearMonth | SqlType::IntervalDayTime => Print::Integer,
            SqlType::Boolean => Print::Boolean(flavor),
            SqlType::Float => Print::Float,
            SqlType::Double => Print::Double,
            SqlType::Decimal(..) => Print::Decimal,
            SqlType::Date => Print::Date,
            SqlType::Time(p) => Print::Time(*p),
            SqlType::Timestamp(p) => Print::Timestamp(*p),
            SqlType::TimestampLtz(p) => Print::Instant(*p, Zone::named(zone)?),
            SqlType::Binary(_) | SqlType::VarBinary(_) => Print::Bytes,
            SqlType::Array(_) | SqlType::Map(..) | SqlType::Row(_) => return Ok(None),
        }))
    }

    /// Ready to print a value's rows.
    pub fn reader<'a>(&'a self, value: &'a Value) -> Result<Printer<'a>> {
        Ok(match self {
            Print::Text => Printer::Text(Texts::of(value)?),
            Print::Integer => Printer::Integer(Integers::of(value)?),
            Print::Boolean(flavor) => Printer::Boolean(Booleans::of(value)?, *flavor),
            Print::Float => Printer::Float(Doubles::of(value)?),
            Print::Double => Printer::Double(Doubles::of(value)?),
            Print::Decimal => Printer::Decimal(Decimals::of(value)?),
            Print::Date => Printer::Date(Integers::of(value)?),
            Print::Time(p) => Printer::Time(Integers::of(value)?, *p),
            Print::Timestamp(p) => Printer::Timestamp(Integers::of(value)?, TimestampPrinter::new(*p), None),
            Print::Instant(p, zone) => Printer::Timestamp(Integers::of(value)?, TimestampPrinter::new(*p), Some(zone)),
            Print::Bytes => Printer::Bytes(Bytes::of(value)?),
        })
    }
}

/// A value being printed.
pub(in super::super) enum Printer<'a> {
    Text(Texts<'a>),
    Integer(Integers<'a>),
    Boolean(Booleans<'a>, CastFlavor),
    Float(Doubles<'a>),
    Double(Doubles<'a>),
    Decimal(Decimals<'a>),
    Date(Integers<'a>),
    Time(Integers<'a>, u8),
    Timestamp(Integers<'a>, TimestampPrinter, Option<&'a Zone>),
    Bytes(Bytes<'a>),
}

impl Printer<'_> {
    /// Appends the text of a row; false for NULL.
    #[inline]
    pub fn write<B: TextBuffer>(&mut self, row: usize, out: &mut B) -> bool {
        match self {
            Printer::Integer(v) => v.get(row).map(|n| write_integer(out, n)),
            Printer::Timestamp(v, printer, zone) => {
                v.get(row).map(|us| printer.write(out, zone.map_or(us, |z| z.to_wall(us))))
            }
            Printer::Text(v) => v.get(row).map(|t| out.text(t)),
            Printer::Boolean(v, flavor) => v.get(row).map(|b| write_boolean(out, b, *flavor)),
            Printer::Float(v) => v.get(row).map(|d| write_float(out, d as f32)),
            Printer::Double(v) => v.get(row).map(|d| write_double(out, d)),
            Printer::Decimal(v) => v.get(row).map(|d| write_decimal(out, d, v.scale)),
            Printer::Date(v) => v.get(row).map(|d| write_date(out, d)),
            Printer::Time(v, p) => v.get(row).map(|ms| write_time(out, ms * 1000, *p)),
            Printer::Bytes(v) => v.get(row).map(|b| out.text(&String::from_utf8_lossy(b))),
        }
        .is_some()
    }
}
