//! Which words are keywords in which places. Everything else is a name to `sqlparser`, so that
//! columns may be called `timestamp`, `role`, `offset`, `format` or `top` without quotes.

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, Word};

/// Always keywords.
const ALWAYS: &[&str] = &[
    "SELECT",
    "FROM",
    "WHERE",
    "GROUP",
    "BY",
    "HAVING",
    "ORDER",
    "UNION",
    "ALL",
    "DISTINCT",
    "EXCEPT",
    "INTERSECT",
    "AS",
    "ON",
    "USING",
    "JOIN",
    "INNER",
    "FULL",
    "OUTER",
    "CROSS",
    "NATURAL",
    "LATERAL",
    "WITH",
    "CASE",
    "WHEN",
    "THEN",
    "ELSE",
    "END",
    "NOT",
    "AND",
    "OR",
    "IS",
    "NULL",
    "TRUE",
    "FALSE",
    "LIKE",
    "ESCAPE",
    "PLACING",
    "TO",
    "BETWEEN",
    "IN",
    "ASC",
    "DESC",
    "FOR",
    "CURRENT_DATE",
    "CURRENT_TIME",
    "CURRENT_TIMESTAMP",
    "LOCALTIME",
    "LOCALTIMESTAMP",
    "YEAR",
    "QUARTER",
    "MONTH",
    "WEEK",
    "DAY",
    "HOUR",
    "MINUTE",
    "SECOND",
    "MILLISECOND",
    "MICROSECOND",
    "NANOSECOND",
    "CENTURY",
    "DECADE",
    "MILLENNIUM",
    "EPOCH",
    "DOW",
    "DOY",
    "ISODOW",
    "ISOYEAR",
];

/// Keywords only before an opening bracket: functions and clauses with arguments.
const BEFORE_BRACKET: &[&str] = &[
    "CAST",
    "TRY_CAST",
    "EXTRACT",
    "CEIL",
    "FLOOR",
    "POSITION",
    "SUBSTRING",
    "OVERLAY",
    "TRIM",
    "EXISTS",
    "FILTER",
    "OVER",
    "ANY",
    "SOME",
    "SETS",
    "ROLLUP",
    "CUBE",
    "TABLE",
    "VALUES",
    "UNNEST",
];

/// Keywords only before one of these words.
const BEFORE_WORD: &[(&str, &[&str])] = &[
    ("PARTITION", &["BY"]),
    ("SYSTEM_TIME", &["AS"]),
    ("WITHIN", &["GROUP"]),
    ("GROUPING", &["SETS"]),
    ("CURRENT", &["ROW"]),
    ("NULLS", &["FIRST", "LAST"]),
    ("IGNORE", &["NULLS"]),
    ("RESPECT", &["NULLS"]),
    ("SIMILAR", &["TO"]),
    ("UNBOUNDED", &["PRECEDING", "FOLLOWING"]),
    ("ROWS", &["BETWEEN", "UNBOUNDED", "CURRENT", "ONLY"]),
    ("RANGE", &["BETWEEN", "UNBOUNDED", "CURRENT"]),
    ("FETCH", &["FIRST", "NEXT"]),
    ("LIMIT", &["ALL"]),
];

/// Keywords only after one of these words.
const AFTER_WORD: &[(&str, &[&str])] = &[
    ("OF", &["AS"]),
    ("ROW", &["CURRENT"]),
    ("FIRST", &["NULLS", "FETCH"]),
    ("LAST", &["NULLS"]),
    ("NEXT", &["FETCH"]),
    ("NULLS", &["IGNORE", "RESPECT"]),
    ("ONLY", &["ROW", "ROWS"]),
    ("UNKNOWN", &["IS", "NOT"]),
    ("RECURSIVE", &["WITH"]),
];

/// Gives a word its meaning from its neighbours.
pub fn settle(word: &Word, before: Option<&Token>, after: &Token) -> Word {
    let mut out = word.clone();
    if word.quote_style.is_some() || word.keyword == Keyword::NoKeyword {
        out.keyword = Keyword::NoKeyword;
        return out;
    }
    let name = word.value.to_ascii_uppercase();
    let name = name.as_str();
    let is = |t: &Token, words: &[&str]| words.iter().any(|w| super::cursor::is_word(t, w));
    let text = matches!(after, Token::SingleQuotedString(_));
    let number = matches!(after, Token::Number(..));
    let bracket = matches!(after, Token::LParen);
    // A field of a row is a name whatever it is called.
    if matches!(before, Some(Token::Period)) || (matches!(after, Token::Period) && !is_clause(name)) {
        out.keyword = Keyword::NoKeyword;
        return out;
    }
    let keyword = match name {
        "DATE" | "TIME" | "TIMESTAMP" => text,
        "INTERVAL" => text || number || bracket || matches!(after, Token::Minus),
        // LEFT(s, n) and RIGHT(s, n) are functions.
        "LEFT" | "RIGHT" => !bracket,
        "LIMIT" | "OFFSET" => number || is(after, &["ALL"]),
        "ROWS" | "RANGE" => number || text || is(after, &["BETWEEN", "UNBOUNDED", "CURRENT", "INTERVAL", "ONLY"]),
        "ROW" if is_followed_frame(before) => true,
        "PRECEDING" | "FOLLOWING" => {
            before.is_some_and(|b| matches!(b, Token::Number(..) | Token::RParen) || is_interval_end(b))
        }
        // TRIM(BOTH …)
        "BOTH" | "LEADING" | "TRAILING" => {
            matches!(before, Some(Token::LParen)) && !matches!(after, Token::RParen | Token::Comma)
        }
        "ARRAY" => matches!(after, Token::LBracket),
        "WINDOW" => matches!(after, Token::Word(_)) && !is(after, &["FROM", "AS", "WHERE", "GROUP"]),
        "FETCH" => is(after, &["FIRST", "NEXT"]),
        // OVER w
        "OVER" if matches!(before, Some(Token::RParen)) => bracket || matches!(after, Token::Word(_)),
        _ => {
            ALWAYS.contains(&name)
                || (bracket && BEFORE_BRACKET.contains(&name))
                || BEFORE_WORD.iter().any(|(w, next)| *w == name && is(after, next))
                || AFTER_WORD.iter().any(|(w, last)| *w == name && before.is_some_and(|b| is(b, last)))
        }
    };
    if !keyword {
        out.keyword = Keyword::NoKeyword;
    }
    out
}

/// FETCH FIRST n ROW ONLY, CURRENT ROW.
fn is_followed_frame(before: Option<&Token>) -> bool {
    before.is_some_and(|b| super::cursor::is_word(b, "CURRENT") || matches!(b, Token::Number(..)))
}

fn is_interval_end(token: &Token) -> bool {
    ["UNBOUNDED", "YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND"].iter().any(|w| super::cursor::is_word(token, w))
}

/// Words after which a `.` can only begin a number.
fn is_clause(name: &str) -> bool {
    matches!(name, "SELECT" | "WHERE" | "AND" | "OR" | "BY" | "WHEN" | "THEN" | "ELSE" | "NOT" | "IN")
}
