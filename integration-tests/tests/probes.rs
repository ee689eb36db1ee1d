//! Expressions and small queries beside what Apache Flink 1.20 made of them: type, value, and whether
//! a mistake is found while planning or by a value.

use std::fmt::Write as _;

use tidegate_core::Dialect;
use tidegate_integration_tests::ask::{Answer, Asker};
use tidegate_integration_tests::golden;

/// Where Tidegate differs on purpose: how the line begins, and why (`docs/flink-differences.md`).
const DIFFERENCES: &[(&str, &str)] = &[
    ("CAST('abc' AS BIGINT)", "legacy casts: NULL may come out of them, so the type says so and nothing fails"),
    ("CAST('5.7' AS BIGINT)", "legacy casts: the same; Flink's type says NOT NULL and its NULLs fail the job"),
    (
        "SELECT x, COUNT(1) FROM",
        "changes come in the order of the rows; Flink's parallel tasks mix those of different groups",
    ),
];

/// When Flink noticed.
fn while_planning(error: &str) -> bool {
    ["ValidationException", "SqlValidatorException", "CodeGenException", "SqlParserException"]
        .iter()
        .any(|class| error.starts_with(&format!("ERROR {class}")))
}

fn same(answer: &Answer, types: &str, value: &str) -> bool {
    match answer {
        Answer::Rows { types: t, rows } => t == types && rows == value,
        Answer::Refused(_) => while_planning(value),
        Answer::Failed(_) => value.starts_with("ERROR") && !while_planning(value),
    }
}

#[test]
fn equals_flinks_expressions() {
    let Some(golden) = golden::folder() else { return };
    let text = std::fs::read_to_string(golden.join("semantics/probe1.tsv")).unwrap();
    let mut asker = Asker::new(Dialect::Flink);
    let (mut cases, mut wrong, mut listed) = (0, String::new(), vec![false; DIFFERENCES.len()]);
    for line in text.lines().filter(|l| !l.trim().is_empty() && !l.starts_with('#')) {
        if let Some(setting) = line.strip_prefix('!') {
            match setting.trim().split_once('=') {
                Some((key, value)) => asker.set(key, value),
                None => asker.reset(),
            }
            continue;
        }
        let mut parts = line.splitn(3, '\t');
        let (Some(expression), Some(types), Some(value)) = (parts.next(), parts.next(), parts.next()) else {
            panic!("not a case: {line}");
        };
        cases += 1;
        let answer = asker.ask(expression);
        let known = DIFFERENCES.iter().position(|(prefix, _)| expression.starts_with(prefix));
        match (same(&answer, types, value), known) {
            (true, Some(i)) => {
                let _ = writeln!(wrong, "{expression}\n  is the same now: take '{}' off the list", DIFFERENCES[i].0);
            }
            (false, Some(i)) => listed[i] = true,
            (false, None) => {
                let _ = writeln!(wrong, "{expression}\n  Flink    {types} {value}\n  Tidegate {answer:?}");
            }
            (true, None) => {}
        }
    }
    for ((prefix, _), met) in DIFFERENCES.iter().zip(listed) {
        if !met {
            let _ = writeln!(wrong, "'{prefix}' is on the list, but nothing that begins so differs");
        }
    }
    let page = std::fs::read_to_string(tidegate_integration_tests::root().join("docs/flink-differences.md")).unwrap();
    for (prefix, _) in DIFFERENCES {
        assert!(page.contains(prefix), "docs/flink-differences.md does not tell of {prefix}");
    }
    println!("{cases} cases, {} differences on purpose", DIFFERENCES.len());
    assert!(wrong.is_empty(), "{wrong}");
}
