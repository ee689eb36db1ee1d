//! Values as Java's `toString` prints them in Flink's collected results, to compare with its output.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    Time32MillisecondType, TimestampMicrosecondType,
};
use arrow_array::{Array, ArrayRef};
use tidegate_core::{Column, SqlType};
use tidegate_formats::text::{calendar, decimal, number};

/// A value inside a row: texts without quotes, NULL as `null`.
pub fn show(array: &ArrayRef, i: usize, ty: &SqlType) -> String {
    if array.is_null(i) {
        return "null".to_owned();
    }
    match ty {
        SqlType::Null => "null".to_owned(),
        SqlType::Boolean => array.as_boolean().value(i).to_string(),
        SqlType::TinyInt => array.as_primitive::<Int8Type>().value(i).to_string(),
        SqlType::SmallInt => array.as_primitive::<Int16Type>().value(i).to_string(),
        SqlType::Int => array.as_primitive::<Int32Type>().value(i).to_string(),
        SqlType::BigInt | SqlType::IntervalYearMonth | SqlType::IntervalDayTime => {
            array.as_primitive::<Int64Type>().value(i).to_string()
        }
        SqlType::Float => number::java_float(array.as_primitive::<Float32Type>().value(i)),
        SqlType::Double => number::java_double(array.as_primitive::<Float64Type>().value(i)),
        SqlType::Decimal(_, scale) => {
            decimal::decimal_to_string(array.as_primitive::<Decimal128Type>().value(i), *scale)
        }
        SqlType::Char(_) | SqlType::VarChar(_) => array.as_string::<i32>().value(i).to_owned(),
        SqlType::Binary(_) | SqlType::VarBinary(_) => {
            array.as_binary::<i32>().value(i).iter().fold("x".to_owned(), |s, b| s + &format!("{b:02x}"))
        }
        SqlType::Date => {
            let d = calendar::date_of(i64::from(array.as_primitive::<Date32Type>().value(i)));
            format!("{:04}-{:02}-{:02}", d.year, d.month, d.day)
        }
        SqlType::Time(_) => clock(i64::from(array.as_primitive::<Time32MillisecondType>().value(i)) * 1000, false),
        SqlType::Timestamp(_) => timestamp(array.as_primitive::<TimestampMicrosecondType>().value(i), false),
        SqlType::TimestampLtz(_) => timestamp(array.as_primitive::<TimestampMicrosecondType>().value(i), true) + "Z",
        SqlType::Array(e) => {
            let items = array.as_list::<i32>().value(i);
            let all: Vec<String> = (0..items.len()).map(|j| show(&items, j, &e.ty)).collect();
            format!("[{}]", all.join(", "))
        }
        SqlType::Map(k, v) => {
            let entries = array.as_map().value(i);
            let all: Vec<String> = (0..entries.len())
                .map(|j| format!("{}={}", show(entries.column(0), j, &k.ty), show(entries.column(1), j, &v.ty)))
                .collect();
            format!("{{{}}}", all.join(", "))
        }
        SqlType::Row(fields) => {
            let row = array.as_struct();
            show_row("+I", row.columns(), fields, i)
        }
    }
}

/// `+I[1, x, null]`
pub fn show_row(kind: &str, columns: &[ArrayRef], types: &[Column], i: usize) -> String {
    let all: Vec<String> = columns.iter().zip(types).map(|(c, t)| show(c, i, &t.data_type.ty)).collect();
    format!("{kind}[{}]", all.join(", "))
}

/// `LocalDateTime.toString` leaves out seconds that are zero; `Instant.toString` does not.
fn timestamp(micros: i64, instant: bool) -> String {
    let d = calendar::date_of(micros.div_euclid(86_400_000_000));
    format!("{:04}-{:02}-{:02}T{}", d.year, d.month, d.day, clock(micros.rem_euclid(86_400_000_000), instant))
}

fn clock(micros: i64, seconds_always: bool) -> String {
    let (s, fraction) = (micros / 1_000_000, micros % 1_000_000);
    let mut out = format!("{:02}:{:02}", s / 3600, s / 60 % 60);
    if seconds_always || s % 60 != 0 || fraction != 0 {
        out += &format!(":{:02}", s % 60);
    }
    if fraction % 1000 != 0 {
        out += &format!(".{fraction:06}");
    } else if fraction != 0 {
        out += &format!(".{:03}", fraction / 1000);
    }
    out
}
