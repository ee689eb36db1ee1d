//! What differs between the dialects, row by row, and what Tidegate does about it. `docs/dialects.md`
//! is this table; a test compares them.

/// What Tidegate does with a habit of a dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// The same.
    Follow,
    /// Something better, and why.
    Improve(&'static str),
    /// A clear error, and why.
    Refuse(&'static str),
}

/// One difference.
#[derive(Debug, Clone, Copy)]
pub struct Difference {
    /// What it is about.
    pub about: &'static str,
    /// What Flink 1.20 does.
    pub flink: &'static str,
    /// What is done with Flink's way in the flink dialect.
    pub flink_choice: Choice,
    /// What Blink does; UFlink is the same unless `uflink` says otherwise.
    pub blink: &'static str,
    /// What is done with it in the blink and uflink dialects.
    pub blink_choice: Choice,
    /// Where UFlink (and DTStack) differ from Blink; empty where they do not.
    pub uflink: &'static str,
}

const fn row(
    about: &'static str,
    flink: &'static str,
    flink_choice: Choice,
    blink: &'static str,
    blink_choice: Choice,
    uflink: &'static str,
) -> Difference {
    Difference { about, flink, flink_choice, blink, blink_choice, uflink }
}

use Choice::{Follow, Improve, Refuse};

/// All of them.
pub const DIFFERENCES: &[Difference] = &[
    row("names of tables and columns", "case matters", Follow, "case does not matter", Follow, ""),
    row("`TIMESTAMP`", "a wall clock without zone", Follow, "an instant, shown in the job's zone", Follow, ""),
    row(
        "session zone",
        "`table.local-time-zone`, else the system's",
        Follow,
        "`blink.job.timeZone`, else Asia/Shanghai",
        Follow,
        "a table's `timezone` counts for its own expressions",
    ),
    row(
        "`CONCAT(a, b, …)`",
        "texts only; NULL if any is NULL",
        Follow,
        "NULLs are left out; other types",
        Improve("other types are cast to text, as users of the cloud service rely on"),
        "",
    ),
    row("`CONCAT_WS(sep, …)`", "NULL separator: NULL", Follow, "NULL separator: joined without one", Follow, ""),
    row(
        "`a || b`",
        "texts only; NULL if either is NULL",
        Follow,
        "NULL if either is NULL; other types are cast",
        Follow,
        "",
    ),
    row("`JSON_VALUE` of an object or array", "NULL", Follow, "its text, compact", Follow, ""),
    row(
        "`JSON_VALUE` over bytes",
        "accepted, always NULL",
        Follow,
        "not documented",
        Improve("read as UTF-8 text: every published job does it"),
        "",
    ),
    row(
        "`JSON_VALUE` path",
        "`$.a['b'][0]`, strict unless `lax` is written",
        Follow,
        "keys of letters, digits, `_ - :` and blanks; `[n]`, `[*]`",
        Follow,
        "",
    ),
    row(
        "`JSON_VALUE … RETURNING BIGINT`",
        "an error when the job starts",
        Refuse("as Flink: CAST the text"),
        "no RETURNING",
        Improve("accepted as in Flink"),
        "",
    ),
    row(
        "`JSON_VALUE`, dynamic path",
        "accepted",
        Refuse("paths are compiled into the decoder"),
        "accepted",
        Refuse("the same"),
        "",
    ),
    row(
        "`CAST(text AS number)` that fails",
        "the job fails (`TRY_CAST`: NULL; legacy switch: NULL)",
        Follow,
        "NULL (blanks trimmed, `12.9` → 12)",
        Improve("NULL, and counted by column with a sample position"),
        "",
    ),
    row("`CAST(number AS TIMESTAMP)`", "refused", Follow, "seconds since 1970, and back", Follow, ""),
    row(
        "`number = text`",
        "refused",
        Follow,
        "the text becomes a number",
        Improve("the open source compares as text and is always false; the cloud converts"),
        "",
    ),
    row("`number > text`, BETWEEN", "the text becomes a number", Follow, "the text becomes a number", Follow, ""),
    row("`number IN ('1', …)`", "the texts become numbers", Follow, "everything becomes text", Follow, ""),
    row("`time = text`", "the text becomes a time, NULL where it cannot", Follow, "the same", Follow, ""),
    row(
        "CASE, IF, COALESCE with numbers and texts",
        "refused",
        Follow,
        "not documented",
        Improve("the values become text, as MySQL users expect"),
        "",
    ),
    row(
        "CASE with texts of different length",
        "VARCHAR of the longest",
        Follow,
        "old versions pad with blanks",
        Improve("never padded"),
        "",
    ),
    row("`int / int`", "an integer", Follow, "DOUBLE", Follow, ""),
    row("division by zero", "the job fails, also for DOUBLE", Follow, "not documented", Improve("NULL, counted"), ""),
    row("`AVG` of integers", "an integer, cut toward zero", Follow, "DOUBLE", Follow, ""),
    row("`SUM` of integers", "wraps silently", Follow, "wraps silently", Follow, ""),
    row("`NOW()`", "TIMESTAMP_LTZ(3)", Follow, "BIGINT seconds; `NOW(n)` adds n", Follow, ""),
    row("`TO_TIMESTAMP(number)`", "refused", Follow, "milliseconds since 1970", Follow, ""),
    row("`TO_TIMESTAMP(text)`", "a wall clock", Follow, "an instant in the job's zone", Follow, ""),
    row("`UNIX_TIMESTAMP(text)` that fails", "`Long.MIN_VALUE`", Follow, "NULL", Follow, ""),
    row("`DATE_FORMAT`", "two arguments", Follow, "also `(text, from, to)`", Follow, ""),
    row(
        "LIKE",
        "no escape character unless ESCAPE says so",
        Improve("`check` warns where a backslash seems meant to escape"),
        "the same",
        Improve("`check` warns"),
        "",
    ),
    row(
        "`LAST_VALUE(x, order)`",
        "one argument",
        Improve("two are accepted"),
        "the value of the largest order, ties keep the earlier",
        Follow,
        "",
    ),
    row(
        "time attribute of type BIGINT",
        "refused: use TO_TIMESTAMP_LTZ",
        Follow,
        "milliseconds",
        Follow,
        "the table gets a hidden column ROWTIME (or PROCTIME)",
    ),
    row(
        "NULL event time",
        "group window: 1970; table function: the job fails",
        Improve("always a counted bad row: stop, dead letter or ignore"),
        "the job fails",
        Improve("a counted bad row"),
        "",
    ),
    row(
        "INSERT of another type",
        "widening only",
        Follow,
        "must match",
        Improve("converted both ways, since COUNT into INT is in every published job"),
        "converted",
    ),
    row(
        "updating query into a keyless log",
        "an error",
        Follow,
        "not documented",
        Improve("newest values as further rows, no removals; `check` says so"),
        "`updateMode = 'upsert'`: every change with `retract`",
    ),
    row(
        "updating query into a table with key",
        "insert, update and delete by key",
        Follow,
        "the same; `ignoreDelete` leaves deletes out",
        Follow,
        "removals are never executed; NULL does not overwrite unless `allReplace`",
    ),
    row("NULL in a PRIMARY KEY column", "the job fails (or drops the row)", Follow, "written as it comes", Follow, ""),
    row(
        "group aggregates",
        "emit for every row; mini-batch is off",
        Improve("one change a key and input batch; `table.exec.mini-batch.enabled = false` for every row"),
        "mini-batch on request",
        Improve("the same as flink"),
        "",
    ),
    row("joins", "many kinds", Refuse("not supported yet: named in the message"), "many kinds", Refuse("the same"), ""),
    row(
        "OVER aggregates, MATCH_RECOGNIZE",
        "supported",
        Refuse("not supported yet; ROW_NUMBER is"),
        "supported",
        Refuse("the same"),
        "",
    ),
    row(
        "user-defined functions",
        "CREATE FUNCTION",
        Refuse("they are JVM classes"),
        "CREATE FUNCTION",
        Refuse("they are JVM classes"),
        "",
    ),
    row(
        "`EMIT …`",
        "none",
        Follow,
        "early and late firing",
        Improve("read and left out with a warning: windows fire once"),
        "",
    ),
];

/// The table as the page `docs/dialects.md`.
pub fn render() -> String {
    let mut out = String::from(
        "# Dialects\n\n\
         A job is read in one of three dialects: modern Flink, Alibaba's Blink, or UCloud's UFlink (DTStack). Which one is\n\
         inferred from its tables and printed by `explain`; `SET 'tidegate.dialect' = '…'` decides otherwise. They share their\n\
         grammar and differ in what the same text means. For each difference Tidegate *follows* the original, does something\n\
         *better* and says why, or *refuses* with a message.\n\n\
         This page is made from the table in `sql/src/bind/differences.rs`.\n\n\
         | about | Flink 1.20 | here | Blink | here | UFlink, where it differs |\n\
         |---|---|---|---|---|---|\n",
    );
    for d in DIFFERENCES {
        let cells = [d.about, d.flink, &choice(d.flink_choice), d.blink, &choice(d.blink_choice), d.uflink];
        out.push('|');
        for c in cells {
            out.push_str(&format!(" {} |", c.replace('|', "\\|")));
        }
        out.push('\n');
    }
    out
}

fn choice(c: Choice) -> String {
    match c {
        Choice::Follow => "follows".to_owned(),
        Choice::Improve(why) => format!("*better*: {why}"),
        Choice::Refuse(why) => format!("*refused*: {why}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `TIDEGATE_WRITE_DOCS=1 cargo test -p tidegate-sql differences` writes the page.
    #[test]
    fn the_page_is_the_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/dialects.md");
        if std::env::var_os("TIDEGATE_WRITE_DOCS").is_some() {
            std::fs::write(path, render()).unwrap();
        }
        assert_eq!(std::fs::read_to_string(path).unwrap_or_default(), render());
    }
}
