//! What properties come to.

mod fitting;
mod jaas;
#[cfg(feature = "client")]
mod librdkafka;
mod login;
mod rows;
mod spelling;
mod stores;

use super::{ClientProperties, page, translate};

type Pairs<'a> = &'a [(&'a str, &'a str)];

fn come(pairs: Pairs<'_>) -> ClientProperties {
    translate(pairs.iter().copied()).unwrap_or_else(|e| panic!("{pairs:?}: {e}"))
}

/// The error's message and help.
fn fails(pairs: Pairs<'_>) -> String {
    match translate(pairs.iter().copied()) {
        Ok(out) => panic!("{pairs:?} come to {out:?}"),
        Err(e) => e.to_string(),
    }
}

/// All settings, as `name=value`.
fn settings(out: &ClientProperties) -> Vec<String> {
    out.settings.iter().map(|(name, value)| format!("{name}={}", value.reveal())).collect()
}

/// `TIDEGATE_WRITE_DOCS=1 cargo test -p tidegate-kafka --no-default-features the_page` writes the page.
#[test]
fn the_page_is_the_table() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/kafka-properties.md");
    if std::env::var_os("TIDEGATE_WRITE_DOCS").is_some() {
        std::fs::write(path, page()).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(written == page(), "docs/kafka-properties.md is not the table: see above how it is written");
}
