//! Results of Apache Flink: reading the files and comparing with them.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::place::Place;
use crate::topics::{self, Message};

/// Inputs, SQL and results of Apache Flink, where they are at hand (`TIDEGATE_GOLDEN`, or beside the
/// workspace). Tests that need them say so and pass without.
pub fn folder() -> Option<PathBuf> {
    let dir = match std::env::var_os("TIDEGATE_GOLDEN") {
        Some(dir) => PathBuf::from(dir),
        None => crate::root().join("../shared/golden"),
    };
    if dir.is_dir() {
        return Some(dir);
    }
    println!("skipped: no Flink results at {}; set TIDEGATE_GOLDEN", dir.display());
    None
}

/// The text of a file, which may be packed.
pub fn text(path: &Path) -> String {
    if path.exists() {
        return std::fs::read_to_string(path).expect("a readable file");
    }
    let packed = PathBuf::from(format!("{}.gz", path.display()));
    let out = std::process::Command::new("gzip").arg("-dc").arg(&packed).output().expect("gzip");
    assert!(out.status.success(), "{}", packed.display());
    let mut text = String::new();
    out.stdout.as_slice().read_to_string(&mut text).expect("text");
    text
}

/// In order of bytes.
pub fn sorted(lines: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut all: Vec<String> = lines.into_iter().collect();
    all.sort_unstable();
    all
}

/// The lines of a file, sorted.
pub fn lines(path: &Path) -> Vec<String> {
    sorted(text(path).lines().map(str::to_owned))
}

fn tab(m: &Message) -> String {
    format!("{}\t{}", m.key.as_deref().unwrap_or("\\N"), m.value.as_deref().unwrap_or("\\N"))
}

/// Key TAB value, as Flink's files have them: a value with a line break takes two lines.
pub fn tabs(place: &Place, topic: &str) -> Vec<String> {
    let all: Vec<String> = place.read(topic).iter().map(tab).collect();
    sorted(all.join("\n").lines().map(str::to_owned))
}

/// Key TAB value of the newest value of every key.
pub fn newest(place: &Place, topic: &str) -> Vec<String> {
    sorted(topics::newest(&place.read(topic)).into_iter().map(|(k, v)| format!("{k}\t{v}")))
}

/// The values of a topic.
pub fn values(place: &Place, topic: &str) -> Vec<String> {
    sorted(place.read(topic).into_iter().filter_map(|m| m.value))
}

/// Panics where two multisets of lines differ.
pub fn same(what: &str, got: &[String], want: &[String]) {
    let mut count: BTreeMap<&String, i64> = BTreeMap::new();
    got.iter().for_each(|g| *count.entry(g).or_default() += 1);
    want.iter().for_each(|w| *count.entry(w).or_default() -= 1);
    let wrong: Vec<_> = count.iter().filter(|(_, n)| **n != 0).take(6).collect();
    assert!(wrong.is_empty(), "{what}: {} rows, Flink {}; +ours -Flink's: {wrong:#?}", got.len(), want.len());
}
