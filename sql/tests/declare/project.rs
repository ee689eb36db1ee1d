//! The example project's jobs: every one is declared without a complaint.

use std::collections::BTreeMap;
use std::path::Path;

use tidegate_core::Dialect;
use tidegate_sql::catalog::Catalog;
use tidegate_sql::dialect::infer;
use tidegate_sql::parse::parse;

use super::registry;

/// `name = "value"` of the section `[variables]`.
fn variables(project: &str) -> BTreeMap<String, String> {
    let section = project.split("[variables]").nth(1).unwrap().split("\n[").next().unwrap();
    let pair = |line: &str| {
        let (name, rest) = line.split_once('=')?;
        let value = rest.split('"').nth(1)?;
        Some((name.trim().to_owned(), value.to_owned()))
    };
    section.lines().filter_map(pair).collect()
}

#[test]
fn every_job_of_the_education_warehouse() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/education-warehouse");
    let variables = variables(&std::fs::read_to_string(root.join("project.toml")).unwrap());
    let mut dialects = Vec::new();
    for layer in ["ods", "dwd", "dws"] {
        for entry in std::fs::read_dir(root.join(layer)).unwrap() {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            let run = || {
                let script = parse(&text, &variables)?;
                let dialect = infer(&script, &registry())?.dialect;
                let mut catalog = Catalog::new(dialect, registry());
                script.statements.iter().try_for_each(|s| catalog.apply(&s.kind))?;
                Ok::<_, tidegate_core::Error>((dialect, catalog.objects().count()))
            };
            let (dialect, objects) = run().unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            assert!(objects >= 2, "{}", path.display());
            dialects.push(dialect);
        }
    }
    for dialect in [Dialect::Flink, Dialect::Blink, Dialect::UFlink] {
        assert!(dialects.contains(&dialect), "no job in {dialect}");
    }
}
