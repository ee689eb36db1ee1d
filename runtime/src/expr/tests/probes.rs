//! What Flink was observed to answer, and what Blink's documentation says.

use tidegate_core::Scalar;
use tidegate_core::SqlType as T;
use tidegate_core::scan::{CompareOp, JsonMode, JsonPath, JsonRule, JsonSegment};
use tidegate_plan::{DateUnit, Expr, ExprKind, Function as F, JsonCall, JsonCallKind, OnJson, TrimSide};

use super::fixture::*;

const STRING: T = T::STRING;

#[test]
fn casts() {
    assert_eq!(eval(&cast(text(" 5 "), T::BigInt, FAIL)), "5");
    assert_eq!(
        eval(&cast(text("5e2"), T::BigInt, FAIL)),
        "ERROR NumberFormatException: For input string: '5e2'. Invalid character found."
    );
    assert_eq!(eval(&cast(text(""), T::BigInt, TRY)), "NULL");
    assert_eq!(eval(&cast(text("5.7"), T::BigInt, TRY)), "5");
    assert_eq!(
        eval(&cast(text("300"), T::TinyInt, FAIL)),
        "ERROR NumberFormatException: For input string: '300'. Overflow."
    );
    assert_eq!(eval(&cast(int(300), T::TinyInt, FAIL)), "44");
    assert_eq!(eval(&cast(text("NaN"), T::Double, FAIL)), "NaN");
    assert_eq!(eval(&cast(null(STRING), T::BigInt, FAIL)), "NULL");
    assert_eq!(eval(&cast(double(1e7), STRING, FAIL)), "1.0E7");
    assert_eq!(eval(&cast(dec(150, 3, 2), STRING, FAIL)), "1.50");
    assert_eq!(eval(&cast(boolean(true), STRING, FAIL)), "TRUE");
    assert_eq!(eval(&cast(boolean(true), STRING, BLINK)), "true");
    assert_eq!(eval(&cast(cast(text("中文"), T::BYTES, FAIL), STRING, FAIL)), "中文");
    assert_eq!(eval(&cast(text("abc"), T::VarChar(2), FAIL)), "ab");
    assert_eq!(eval(&cast(double(2.9), T::Int, FAIL)), "2");
    assert_eq!(eval(&cast(double(-2.9), T::Int, FAIL)), "-2");
    assert_eq!(eval(&cast(dec(-29, 2, 1), T::Int, FAIL)), "-2");
    assert_eq!(eval(&cast(double(1.005), T::Decimal(4, 2), FAIL)), "1.01");
    assert_eq!(eval(&cast(int(1000), T::Decimal(4, 2), FAIL)), "NULL");
    assert_eq!(eval(&cast(at("2020-08-27 11:45:16.120", 3), STRING, FAIL)), "2020-08-27 11:45:16.120");
    assert_eq!(eval(&cast(at("2020-08-27 11:45:16.12", 3), T::Timestamp(0), FAIL)), "2020-08-27 11:45:16");
    assert_eq!(eval(&cast(at("2020-08-27 11:45:16", 0), T::Date, FAIL)), "2020-08-27");
    assert_eq!(eval(&cast(at("2020-08-27 11:45:16", 0), T::Time(0), FAIL)), "11:45:16");
    assert_eq!(
        eval(&cast(text("garbage"), T::Timestamp(3), FAIL)),
        "ERROR DateTimeException: Text 'garbage' could not be parsed at index 0"
    );
    // Blink: a number cast to a time counts seconds.
    assert_eq!(eval(&cast(big(1_598_528_716), T::Timestamp(3), BLINK)), "2020-08-27 11:45:16.000");
    assert_eq!(eval(&cast(at("2020-08-27 11:45:16", 3), T::BigInt, BLINK)), "1598528716");
    assert_eq!(eval(&cast(text("12.9"), T::BigInt, BLINK)), "12");
    assert_eq!(eval(&cast(text("-"), T::Int, BLINK)), "NULL");
    assert_eq!(eval(&cast(text("abc"), T::Double, BLINK)), "NULL");
}

#[test]
fn casts_in_a_zone() {
    let instant = call(F::EpochToInstant { seconds: false }, vec![big(1_598_528_716_123)], T::TimestampLtz(3));
    let in_zone = |e: Expr, ty: T| {
        Expr::new(ExprKind::Cast { input: Box::new(e), rule: FAIL, zone: "Asia/Shanghai".into() }, ty.nullable())
    };
    assert_eq!(eval(&in_zone(instant.clone(), STRING)), "2020-08-27 19:45:16.123");
    assert_eq!(eval(&in_zone(instant, T::Timestamp(0))), "2020-08-27 19:45:16");
    assert_eq!(eval(&in_zone(at("2020-08-27 19:45:16", 0), T::TimestampLtz(3))), "2020-08-27 11:45:16.000");
    assert_eq!(eval(&in_zone(text("2020-08-27 19:45:16"), T::TimestampLtz(3))), "2020-08-27 11:45:16.000");
}

#[test]
fn collections_cast_and_print() {
    let array = call(F::ArrayOf, vec![text("1"), text("x"), null(STRING)], T::Array(Box::new(STRING.nullable())));
    assert_eq!(eval(&cast(array.clone(), STRING, FAIL)), "[1, x, NULL]");
    let ints = cast(array.clone(), T::Array(Box::new(T::Int.nullable())), FAIL);
    assert!(eval(&cast(ints, STRING, FAIL)).starts_with("ERROR NumberFormatException"));
    let ints = cast(array.clone(), T::Array(Box::new(T::Int.nullable())), TRY);
    assert_eq!(eval(&cast(ints, STRING, FAIL)), "[1, NULL, NULL]");
    assert_eq!(eval(&call(F::Element, vec![array.clone(), int(2)], STRING)), "x");
    assert_eq!(eval(&call(F::Element, vec![array.clone(), int(4)], STRING)), "NULL");
    assert_eq!(eval(&call(F::Cardinality, vec![array], T::Int)), "3");
    let map_type = T::Map(Box::new(STRING.not_null()), Box::new(T::Int.nullable()));
    let map = call(F::MapOf, vec![text("a"), int(1), text("b"), int(2)], map_type);
    assert_eq!(eval(&call(F::Element, vec![map.clone(), text("b")], T::Int)), "2");
    assert_eq!(eval(&call(F::Element, vec![map.clone(), text("c")], T::Int)), "NULL");
    assert_eq!(eval(&cast(map, STRING, FAIL)), "{a=1, b=2}");
}

#[test]
fn comparisons() {
    assert_eq!(eval(&eq(null(STRING), text("a"))), "NULL");
    assert_eq!(eval(&eq(int(1), dec(10, 2, 1))), "TRUE");
    assert_eq!(eval(&eq(dec(1, 2, 1), double(0.1))), "TRUE");
    assert_eq!(eval(&compare(CompareOp::Lt, text("B"), text("a"))), "TRUE");
    assert_eq!(eval(&compare(CompareOp::GtEq, int(1), big(2))), "FALSE");
    assert_eq!(eval(&compare(CompareOp::NotEq, double(f64::NAN), double(f64::NAN))), "TRUE");
    let distinct = |a, b| eval(&call(F::IsDistinctFrom { negated: false }, vec![a, b], T::Boolean));
    assert_eq!(distinct(null(T::Int), int(1)), "TRUE");
    assert_eq!(distinct(null(T::Int), null(T::Int)), "FALSE");
    assert!(eval(&eq(boolean(true), int(1))).starts_with("COMPILE BOOLEAN and INT cannot be compared"));
}

#[test]
fn in_lists_are_three_valued() {
    let is_in = |input: Expr, values: Vec<Scalar>, negated| {
        eval(&Expr::new(ExprKind::In { input: Box::new(input), values, negated }, T::Boolean.nullable()))
    };
    let ab = vec![Scalar::Text("A".into()), Scalar::Text("B".into())];
    assert_eq!(is_in(text("A"), ab.clone(), false), "TRUE");
    assert_eq!(is_in(text("C"), ab.clone(), true), "TRUE");
    assert_eq!(is_in(null(STRING), ab, false), "NULL");
    assert_eq!(is_in(int(3), vec![Scalar::Int(1), Scalar::Null], false), "NULL");
    assert_eq!(is_in(int(1), vec![Scalar::Int(1), Scalar::Null], true), "FALSE");
}

#[test]
fn concat_and_its_nulls() {
    let concat = |skip_nulls, args| eval(&call(F::Concat { skip_nulls }, args, STRING));
    assert_eq!(concat(false, vec![text("a"), text("b")]), "ab");
    assert_eq!(concat(false, vec![text("a"), null(STRING), text("b")]), "NULL");
    assert_eq!(concat(true, vec![text("Hello"), null(STRING), text("World")]), "HelloWorld");
    assert_eq!(concat(true, vec![null(STRING), null(STRING)]), "");
    assert_eq!(
        concat(false, vec![text("n="), cast(int(-5), STRING, FAIL), cast(boolean(true), STRING, FAIL)]),
        "n=-5TRUE"
    );
    let ws = |null_separator_is_empty, args| eval(&call(F::ConcatWs { null_separator_is_empty }, args, STRING));
    assert_eq!(ws(false, vec![text("-"), text("a"), null(STRING), text("b")]), "a-b");
    assert_eq!(ws(false, vec![null(STRING), text("a")]), "NULL");
    assert_eq!(ws(true, vec![null(STRING), text("a"), text("b")]), "ab");
    assert_eq!(ws(true, vec![text("-"), null(STRING)]), "");
}

#[test]
fn arithmetic() {
    let op = |f, a, b, ty| eval(&call(f, vec![a, b], ty));
    let divide = F::Divide { null_on_zero: false };
    assert_eq!(op(divide.clone(), int(-7), int(2), T::Int), "-3");
    assert_eq!(op(divide.clone(), int(7), dec(20, 2, 1), T::Decimal(17, 6)), "3.500000");
    assert_eq!(op(divide.clone(), dec(70, 2, 1), int(2), T::Decimal(13, 12)), "3.500000000000");
    assert_eq!(op(divide.clone(), int(1), int(0), T::Int), "ERROR ArithmeticException: Division by zero");
    assert_eq!(op(divide.clone(), double(1.0), double(0.0), T::Double), "ERROR ArithmeticException: Division by zero");
    assert_eq!(op(F::Divide { null_on_zero: true }, double(1.0), double(0.0), T::Double), "NULL");
    assert_eq!(op(divide, int(7), int(2), T::Double), "3.5"); // Blink
    assert_eq!(op(F::Modulo, int(-7), int(3), T::Int), "-1");
    assert_eq!(op(F::Add, big(i64::MAX), big(1), T::BigInt), "-9223372036854775808");
    assert_eq!(op(F::Add, int(i64::from(i32::MAX)), int(1), T::Int), "-2147483648");
    assert_eq!(op(F::Multiply, dec(11, 2, 1), dec(11, 2, 1), T::Decimal(5, 2)), "1.21");
    assert_eq!(op(F::Add, dec(110, 3, 2), int(1), T::Decimal(13, 2)), "2.10");
    let most = 10_i128.pow(38) - 1;
    assert_eq!(op(F::Add, dec(most, 38, 0), dec(1, 38, 0), T::Decimal(38, 0)), "NULL");
    assert_eq!(
        op(F::Multiply, dec(most, 38, 38), dec(most, 38, 38), T::Decimal(38, 38)),
        format!("0.{}8", "9".repeat(37))
    );
    assert_eq!(eval(&call(F::Round, vec![dec(-25, 2, 1)], T::Decimal(2, 0))), "-3");
    assert_eq!(op(F::Round, dec(2345, 4, 3), int(2), T::Decimal(4, 2)), "2.35");
    assert_eq!(op(F::Round, double(2.345), int(2), T::Double), "2.35");
    assert_eq!(op(F::Round, int(1250), int(-2), T::Int), "1300");
    assert_eq!(op(F::Truncate, double(-2.349), int(2), T::Double), "-2.34");
    assert_eq!(eval(&call(F::Floor, vec![dec(-25, 2, 1)], T::Decimal(2, 0))), "-3");
    assert_eq!(eval(&call(F::Ceil, vec![double(-2.5)], T::Double)), "-2.0");
    assert_eq!(eval(&call(F::Greatest, vec![int(1), int(3), int(2)], T::Int)), "3");
    assert_eq!(eval(&call(F::Least, vec![text("b"), text("a")], STRING)), "a");
    assert_eq!(eval(&call(F::Greatest, vec![int(1), null(T::Int)], T::Int)), "NULL");
    assert_eq!(op(F::Power, int(2), int(10), T::Double), "1024.0");
}

#[test]
fn texts() {
    let f = |function, args: Vec<Expr>| eval(&call(function, args, STRING));
    let n = |function, args: Vec<Expr>| eval(&call(function, args, T::Int));
    assert_eq!(eval(&call(F::Upper, vec![text("straße")], T::Char(6))), "STRASS");
    assert_eq!(n(F::CharLength, vec![text("中文a")]), "3");
    assert_eq!(f(F::Substring, vec![text("abcdef"), int(2), int(3)]), "bcd");
    assert_eq!(f(F::Substring, vec![text("abcdef"), int(-3), int(2)]), "de");
    assert_eq!(f(F::Substring, vec![text("中文字"), int(2)]), "文字");
    assert_eq!(f(F::Substring, vec![text("abc"), int(-5)]), "");
    assert_eq!(f(F::Trim(TrimSide::Both), vec![text("  a "), text(" ")]), "a");
    assert_eq!(f(F::Trim(TrimSide::Leading), vec![text("xyxa"), text("xy")]), "a");
    assert_eq!(f(F::RegexpExtract, vec![text("foothebar"), text("foo(.*?)(bar)"), int(2)]), "bar");
    assert_eq!(f(F::RegexpReplace, vec![text("foobar"), text("oo|ar"), text("")]), "fb");
    assert_eq!(f(F::Replace, vec![text("abcabc"), text("b"), text("x")]), "axcaxc");
    assert_eq!(n(F::Position, vec![text("中abc"), text("b")]), "3");
    assert_eq!(n(F::Position, vec![text("abab"), text("a"), int(2)]), "3");
    assert_eq!(f(F::Lpad, vec![text("hi"), int(4), text("??")]), "??hi");
    assert_eq!(f(F::Rpad, vec![text("hi"), int(1), text("?")]), "h");
    assert_eq!(f(F::Lpad, vec![text("hi"), int(-1), text("?")]), "NULL");
    assert_eq!(f(F::SplitIndex, vec![text("a,b,c"), text(","), int(1)]), "b");
    assert_eq!(f(F::SplitIndex, vec![text("a,b"), int(44), int(2)]), "NULL");
    assert_eq!(f(F::Initcap, vec![text("hello WORLD")]), "Hello World");
    assert_eq!(f(F::Overlay, vec![text("abcdef"), text("XY"), int(3)]), "abXYef");
    assert_eq!(f(F::Left, vec![text("中文字"), int(2)]), "中文");
    assert_eq!(f(F::Right, vec![text("中文字"), int(2)]), "文字");
    assert_eq!(f(F::Reverse, vec![text("中a")]), "a中");
    assert_eq!(f(F::Repeat, vec![text("ab"), int(2)]), "abab");
    assert_eq!(f(F::ToBase64, vec![text("hello")]), "aGVsbG8=");
    assert_eq!(f(F::FromBase64, vec![text("aGVsbG8=")]), "hello");
    assert_eq!(f(F::Hex, vec![int(255)]), "FF");
    assert_eq!(f(F::Hex, vec![text("a")]), "61");
    assert_eq!(f(F::Chr, vec![int(65)]), "A");
    assert_eq!(f(F::KeyValue, vec![text("k1:v1|k2:v2"), text("|"), text(":"), text("k2")]), "v2");
    let url = || text("http://u@facebook.com:80/path/p1.php?query=1&b=2#Ref");
    assert_eq!(f(F::ParseUrl, vec![url(), text("HOST")]), "facebook.com");
    assert_eq!(f(F::ParseUrl, vec![url(), text("QUERY"), text("query")]), "1");
    assert_eq!(f(F::Md5, vec![text("中文")]), "a7bac2239fcdcb3a067903d8077c4a07");
    assert_eq!(f(F::Md5, vec![text("")]), "d41d8cd98f00b204e9800998ecf8427e");
    assert_eq!(f(F::Sha256, vec![text("1")]), "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b");
    assert_eq!(f(F::Uuid, vec![]).len(), 36);
}

#[test]
fn times_and_texts() {
    let f = |function, args: Vec<Expr>| eval(&call(function, args, STRING));
    let ts = |args: Vec<Expr>| eval(&call(F::ToTimestamp, args, T::Timestamp(3)));
    assert_eq!(ts(vec![text("2020-08-27 11:45:16.5")]), "2020-08-27 11:45:16.500");
    assert_eq!(ts(vec![text("2020-02-30 00:00:00")]), "2020-02-29 00:00:00.000");
    assert_eq!(ts(vec![text("2020-08-27T11:45:16")]), "NULL");
    let pattern = text("MMM d, yyyy h:mm:ss a");
    assert_eq!(ts(vec![text("Sep 11, 2019 1:44:01 PM"), pattern]), "2019-09-11 13:44:01.000");
    assert_eq!(ts(vec![text("1999-9-10 05:20:10"), text("yyyy-MM-dd HH:mm:ss")]), "1999-09-10 05:20:10.000");
    let utc = || String::from("UTC");
    let format = |t, p| f(F::DateFormat { zone: utc() }, vec![at(t, 0), text(p)]);
    assert_eq!(format("2020-08-27 11:45:16", "yyyyMMddHH"), "2020082711");
    assert_eq!(format("2020-08-27 01:45:16", "YYYY u e h a"), "2020 2020 5 1 AM");
    let of_text = |t, p| f(F::DateFormatText, vec![text(t), text(p)]);
    assert_eq!(of_text("2020-08-27 11:45:16.999", "yyyy-MM-dd HH:mm:ss.SSS"), "2020-08-27 11:45:16.000");
    assert_eq!(of_text("2020-02-30 00:00:00", "yyyy-MM-dd"), "2020-03-01");
    assert_eq!(of_text("2020-13-40 99:99:99", "yyyy-MM-dd"), "2021-02-13");
    for bad in ["2020-08-27", "garbage", "", "2020-08-27T11:45:16Z"] {
        assert_eq!(of_text(bad, "yyyy-MM-dd"), "NULL", "{bad}");
    }
    assert_eq!(f(F::DateFormatFromTo, vec![text("20200827"), text("yyyyMMdd"), text("yyyy/MM/dd")]), "2020/08/27");
    let seconds = || big(1_598_528_716);
    assert_eq!(f(F::FromUnixtime { zone: utc() }, vec![seconds()]), "2020-08-27 11:45:16");
    assert_eq!(f(F::FromUnixtime { zone: "Asia/Shanghai".into() }, vec![seconds()]), "2020-08-27 19:45:16");
    let unix = |t, null_on_error| {
        let function = F::UnixTimestampText { zone: "Asia/Shanghai".into(), null_on_error };
        eval(&call(function, vec![text(t)], T::BigInt))
    };
    assert_eq!(unix("2020-08-27 11:45:16", false), "1598499916");
    assert_eq!(unix("x", false), "-9223372036854775808");
    assert_eq!(unix("x", true), "NULL");
    let ltz = |n, seconds| eval(&call(F::EpochToInstant { seconds }, vec![big(n)], T::TimestampLtz(3)));
    assert_eq!(ltz(1_598_528_716_000, false), "2020-08-27 11:45:16.000");
    assert_eq!(ltz(1_598_528_716, true), "2020-08-27 11:45:16.000");
    assert_eq!(ltz(253_402_300_800_000, false), "NULL");
    assert_eq!(eval(&call(F::ToDate, vec![text("2020-08-27")], T::Date)), "2020-08-27");
    let days = F::DateDiff { zone: utc() };
    assert_eq!(eval(&call(days, vec![text("2020-08-27 10:00:00"), text("2020-08-20")], T::Int)), "7");
    assert_eq!(f(F::DateAdd { zone: utc() }, vec![text("2020-02-28"), int(2)]), "2020-03-01");
    assert_eq!(f(F::DateSub { zone: utc() }, vec![text("x"), int(2)]), "NULL");
    let convert = vec![text("1970-01-01 00:00:00"), text("UTC"), text("America/Los_Angeles")];
    assert_eq!(f(F::ConvertTz, convert), "1969-12-31 16:00:00");
    assert!(f(F::DateFormatText, vec![text("x"), text("yyyy-bb")]).starts_with("COMPILE pattern"));
}

#[test]
fn times() {
    let ts = || at("2020-08-27 11:45:16.900", 3);
    let extract = |unit| eval(&call(F::Extract { unit, zone: String::new() }, vec![ts()], T::BigInt));
    assert_eq!(extract(DateUnit::Hour), "11");
    assert_eq!(extract(DateUnit::Quarter), "3");
    assert_eq!(extract(DateUnit::Week), "35");
    assert_eq!(extract(DateUnit::DayOfWeek), "5");
    let diff = |unit, a, b| eval(&call(F::TimestampDiff(unit), vec![at(a, 3), at(b, 3)], T::Int));
    assert_eq!(diff(DateUnit::Second, "2020-08-27 11:45:16.900", "2020-08-27 11:45:17.100"), "0");
    assert_eq!(diff(DateUnit::Month, "2020-01-31 00:00:00", "2020-02-29 00:00:00"), "0");
    assert_eq!(diff(DateUnit::Day, "2020-01-02 00:00:00", "2020-01-01 00:00:00"), "-1");
    let floor = |unit| eval(&call(F::FloorTo { unit, zone: String::new() }, vec![ts()], T::Timestamp(3)));
    assert_eq!(floor(DateUnit::Month), "2020-08-01 00:00:00.000");
    assert_eq!(floor(DateUnit::Minute), "2020-08-27 11:45:00.000");
    let ceil = eval(&call(F::CeilTo { unit: DateUnit::Year, zone: String::new() }, vec![ts()], T::Timestamp(3)));
    assert_eq!(ceil, "2021-01-01 00:00:00.000");
    let month = Expr::literal(Scalar::Int(1), T::IntervalYearMonth.not_null());
    let day = Expr::literal(Scalar::Int(86_400_000), T::IntervalDayTime.not_null());
    let plus = |e, i| eval(&call(F::AddInterval, vec![e, i], T::Timestamp(3)));
    assert_eq!(plus(at("2020-01-31 10:00:00", 3), month.clone()), "2020-02-29 10:00:00.000");
    assert_eq!(plus(day.clone(), at("2020-01-31 10:00:00", 3)), "2020-02-01 10:00:00.000");
    assert_eq!(eval(&call(F::SubtractInterval, vec![ts(), day], T::Timestamp(3))), "2020-08-26 11:45:16.900");
    let add = call(F::TimestampAdd(DateUnit::Quarter), vec![int(1), ts()], T::Timestamp(3));
    assert_eq!(eval(&add), "2020-11-27 11:45:16.900");
    assert_eq!(eval(&call(F::CurrentTimestamp, vec![], T::TimestampLtz(3))), "2020-08-27 11:45:16.123");
    assert_eq!(eval(&call(F::CurrentDate { zone: "Asia/Tokyo".into() }, vec![], T::Date)), "2020-08-27");
    assert_eq!(eval(&call(F::UnixNow, vec![], T::BigInt)), "1598528716");
}

fn json_value(document: Expr, member: &str, on_error: OnJson, ty: T) -> String {
    json_value_as(JsonRule::Flink, document, member, on_error, ty)
}

fn json_value_as(rule: JsonRule, document: Expr, member: &str, on_error: OnJson, ty: T) -> String {
    let path = JsonPath {
        text: format!("lax $.{member}"),
        mode: Some(JsonMode::Lax),
        segments: Some(vec![JsonSegment::Member(member.into())]),
    };
    let kind = JsonCallKind::Value { on_empty: OnJson::Default(Box::new(text("none"))), on_error };
    let call = JsonCall { input: document, path, rule, kind };
    eval(&Expr::new(ExprKind::Json(Box::new(call)), ty.nullable()))
}

#[test]
fn json() {
    assert_eq!(json_value(text(r#"{"a":1.50}"#), "a", OnJson::Null, STRING), "1.5");
    assert_eq!(json_value(text(r#"{"a":1}"#), "b", OnJson::Null, STRING), "none");
    assert_eq!(json_value(text("nothing"), "b", OnJson::Default(Box::new(text("e"))), STRING), "e");
    assert!(json_value(text("nothing"), "b", OnJson::Error, STRING).starts_with("ERROR TableRuntimeException"));
    assert_eq!(json_value(text(r#"{"a":5}"#), "a", OnJson::Null, T::Int), "5");
    assert!(json_value(text(r#"{"a":"x"}"#), "a", OnJson::Null, T::Int).starts_with("ERROR ClassCastException"));
    assert_eq!(json_value(cast(text(r#"{"a":1}"#), T::BYTES, FAIL), "a", OnJson::Null, STRING), "NULL");
    let bytes = cast(text(r#"{"a":{"b":1}}"#), T::BYTES, FAIL);
    assert_eq!(json_value_as(JsonRule::Blink, bytes, "a", OnJson::Null, STRING), r#"{"b":1}"#);
    let args = vec![text("a"), double(1.5), text("t"), at("2020-08-27 11:45:16", 0), text("n"), null(STRING)];
    let object = call(F::JsonObject { absent_on_null: true }, args.clone(), STRING);
    assert_eq!(eval(&object), r#"{"a":1.5,"t":"2020-08-27T11:45:16"}"#);
    let object = call(F::JsonObject { absent_on_null: false }, args, STRING);
    assert_eq!(eval(&object), r#"{"a":1.5,"t":"2020-08-27T11:45:16","n":null}"#);
    assert_eq!(eval(&call(F::JsonString, vec![text("a\"b\n")], STRING)), r#""a\"b\n""#);
    let inner = call(F::JsonArray { absent_on_null: false }, vec![int(1), boolean(true)], STRING);
    let outer = call(F::JsonArray { absent_on_null: false }, vec![inner, text("x")], STRING);
    assert_eq!(eval(&outer), r#"[[1,true],"x"]"#);
    let is = |t: &str, k| eval(&call(F::IsJson(k), vec![text(t)], T::Boolean));
    assert_eq!(is("{}", tidegate_plan::JsonKind::Object), "TRUE");
    assert_eq!(is("[1]", tidegate_plan::JsonKind::Scalar), "FALSE");
    assert_eq!(is("{", tidegate_plan::JsonKind::Value), "FALSE");
}
