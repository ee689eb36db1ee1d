//! UFlink's `rowkey = 'a+b'`: columns, functions of a column, constants.

use tidegate_core::{Error, Result};

/// One part of a row key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyPart {
    /// The text of a column.
    Column(String),
    /// A function of a column: `md5(a)`.
    Function(String, String),
    /// A fixed text.
    Constant(String),
}

/// Reads `md5(a)+'_'+b`.
///
/// # Errors
/// Anything else.
pub fn parse(text: &str) -> Result<Vec<KeyPart>> {
    text.split('+').map(|p| part(p.trim(), text)).collect()
}

fn part(p: &str, text: &str) -> Result<KeyPart> {
    let is_name = |n: &str| !n.is_empty() && n.chars().all(|c| c.is_alphanumeric() || c == '_' || c == ':');
    if let Some(constant) = p.strip_prefix(['\'', '"']).and_then(|q| q.strip_suffix(['\'', '"'])) {
        return Ok(KeyPart::Constant(constant.to_owned()));
    }
    if let Some((function, rest)) = p.split_once('(')
        && let Some(argument) = rest.strip_suffix(')').map(str::trim)
        && is_name(function.trim())
        && is_name(argument)
    {
        return Ok(KeyPart::Function(function.trim().to_lowercase(), argument.to_owned()));
    }
    if is_name(p) {
        return Ok(KeyPart::Column(p.to_owned()));
    }
    Err(Error::user(format!("option 'rowkey': '{text}' cannot be read at '{p}'"))
        .help("write columns with + between them: 'a+b', 'md5(a)+b'"))
}
