//! Names for files, random identities, and durable directory entries.

use std::fs::{self, File};
use std::path::Path;

use tidegate_core::{Error, Result, ResultExt};

/// A file name that stands for any topic or table name: letters, digits, `.`, `_` and `-` as they
/// are, the rest (and a leading dot) as `%XX`.
pub(crate) fn file_name(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for (i, c) in name.char_indices() {
        let plain = c.is_alphanumeric() || matches!(c, '_' | '-') || (c == '.' && i > 0);
        if plain {
            out.push(c);
        } else {
            let mut buffer = [0u8; 4];
            for b in c.encode_utf8(&mut buffer).bytes() {
                out.push_str(&format!("%{b:02X}"));
            }
        }
    }
    out
}

/// The inverse of [`file_name`]; `None` for a name it cannot have made.
pub(crate) fn name_of_file(file: &str) -> Option<String> {
    let bytes = file.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        if bytes[i] == b'%' {
            out.push(u8::from_str_radix(file.get(i + 1..i + 3)?, 16).ok()?);
            i += 3;
        } else {
            out.push(bytes[i]);
            i += 1;
        }
    }
    String::from_utf8(out).ok()
}

/// 128 random bits as 32 hex digits.
pub(crate) fn random_id() -> Result<String> {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes).map_err(|e| Error::external(format!("no random bytes: {e}")))?;
    Ok(bytes.iter().map(|b| format!("{b:02x}")).collect())
}

/// Makes new, renamed or removed entries of a directory durable.
pub(crate) fn sync_dir(dir: &Path) -> Result<()> {
    File::open(dir).and_then(|d| d.sync_all()).context(|| format!("directory {}", dir.display()))
}

/// Creates a directory and its parents.
pub(crate) fn make_dir(dir: &Path) -> Result<()> {
    fs::create_dir_all(dir).context(|| format!("directory {}", dir.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_stay_inside_the_directory() {
        for name in
            ["qos_log", "uc_account-student", "databus:activity.channel", "../etc/passwd", ".hidden", "渠道 表", "100%"]
        {
            let file = file_name(name);
            assert!(!file.contains('/') && !file.starts_with('.'), "{file}");
            assert_eq!(name_of_file(&file).as_deref(), Some(name));
        }
        assert_eq!(name_of_file("a%zz"), None);
    }
}
