//! The types and refusals of Flink 1.20, expression by expression. Values are compared where plans
//! run. Skipped where the recorded answers are not at hand (`TIDEGATE_GOLDEN`, or beside the
//! workspace).

use std::path::PathBuf;

use tidegate_core::registry::Registry;
use tidegate_sql::{PlanOptions, plan_query};

fn golden() -> Option<PathBuf> {
    let dir = std::env::var_os("TIDEGATE_GOLDEN")
        .map(PathBuf::from)
        .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/golden"));
    dir.join("semantics/probe1.tsv").exists().then_some(dir)
}

/// Planning answers where Flink only answers, or fails, when the row is computed.
fn fails_later(answer: &str) -> bool {
    [
        "ClassCastException",
        "TableRuntimeException",
        "NumberFormatException",
        "DateTimeParseException",
        "ArithmeticException",
        "TableException",
    ]
    .iter()
    .any(|e| answer.contains(e))
}

#[test]
fn types_and_refusals_are_flinks() {
    let Some(dir) = golden() else {
        eprintln!("skipped: no recorded answers");
        return;
    };
    let text = std::fs::read_to_string(dir.join("semantics/probe1.tsv")).unwrap();
    let registry = Registry::new();
    let mut settings: Vec<(String, String)> = Vec::new();
    let (mut same, mut different) = (0, Vec::new());
    for line in text.lines().filter(|l| !l.starts_with('#') && !l.is_empty()) {
        if let Some(set) = line.strip_prefix("! ") {
            match set.split_once('=') {
                Some((k, v)) => settings.push((k.to_owned(), v.to_owned())),
                None => settings.clear(),
            }
            continue;
        }
        let parts: Vec<&str> = line.split('\t').collect();
        let [expr, types, value] = parts[..] else { continue };
        let query = if expr.starts_with("SELECT") { expr.to_owned() } else { format!("SELECT {expr}") };
        let mut options = PlanOptions::new(&registry);
        options.settings.clone_from(&settings);
        options.settings.push(("table.local-time-zone".to_owned(), "UTC".to_owned()));
        let got = match plan_query("", &query, &options) {
            Ok(p) => {
                let types: Vec<String> = p.columns.iter().map(|c| c.data_type.to_string()).collect();
                format!("[{}]", types.join(", "))
            }
            Err(e) => format!("ERROR {}", e[0].message()),
        };
        let equal = match types {
            "-" if fails_later(value) => got.starts_with('['),
            "-" => got.starts_with("ERROR"),
            _ => got == types,
        };
        if equal {
            same += 1;
        } else {
            different.push(format!("{expr}\n  flink: {types} {value}\n  here:  {got}"));
        }
    }
    let total = same + different.len();
    println!("{same} of {total} equal\n{}", different.join("\n"));
    assert!(
        total > 100 && different.len() * 20 <= total,
        "{} of {total} differ:\n{}",
        different.len(),
        different.join("\n")
    );
}
