//! Functions with regular expressions. The syntax is that of the `regex` crate: Java's but for
//! back-references and look-around, which are refused where the pattern is constant.

use regex::Regex;
use tidegate_core::{Error, Result};
use tidegate_plan::Function;

use super::kernel::{Arg, Kernel};
use super::value::{booleans, slices, texts};

/// The pattern of a call: compiled once, or again whenever a row brings another.
struct Patterns {
    constant: Option<Regex>,
}

impl Patterns {
    fn of(arg: &Arg) -> Result<Patterns> {
        let constant = match arg.text() {
            Some(text) => Some(Regex::new(text).map_err(|e| {
                Error::user(format!("regular expression '{text}' is not supported: {}", short(&e)))
                    .help("back-references and look-around are not available")
            })?),
            None => None,
        };
        Ok(Patterns { constant })
    }
}

fn short(error: &regex::Error) -> String {
    error.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_string()
}

/// The last pattern that a row brought.
#[derive(Default)]
struct Cache {
    text: String,
    regex: Option<Regex>,
}

impl Cache {
    /// `None` for a broken pattern, as Flink answers NULL then.
    fn get<'a>(&'a mut self, patterns: &'a Patterns, text: Option<&str>) -> Option<&'a Regex> {
        if let Some(regex) = &patterns.constant {
            return Some(regex);
        }
        let text = text?;
        if self.regex.is_none() || self.text != text {
            self.text = text.to_string();
            self.regex = Regex::new(text).ok();
        }
        self.regex.as_ref()
    }
}

/// REGEXP, REGEXP_EXTRACT, REGEXP_REPLACE
pub(super) fn compile(function: &Function, args: &[Arg]) -> Result<Kernel> {
    let patterns = Patterns::of(&args[1])?;
    Ok(match function {
        Function::Regexp => Box::new(move |call| {
            let (input, regexes) = (call.texts(0)?, call.texts(1)?);
            let mut cache = Cache::default();
            Ok(booleans(call.rows, |i| {
                let text = input.get(i)?;
                Some(cache.get(&patterns, regexes.get(i))?.is_match(text))
            }))
        }),
        Function::RegexpExtract => {
            let with_group = args.len() > 2;
            Box::new(move |call| {
                let (input, regexes) = (call.texts(0)?, call.texts(1)?);
                let groups = if with_group { Some(call.integers(2)?) } else { None };
                let mut cache = Cache::default();
                Ok(slices(call.rows, |i| {
                    let text = input.get(i)?;
                    let group = match &groups {
                        Some(g) => usize::try_from(g.get(i)?).ok()?,
                        None => 0,
                    };
                    let found = cache.get(&patterns, regexes.get(i))?.captures(text)?;
                    found.get(group).map(|m| m.as_str())
                }))
            })
        }
        Function::RegexpReplace => Box::new(move |call| {
            let (input, regexes, replacements) = (call.texts(0)?, call.texts(1)?, call.texts(2)?);
            let mut cache = Cache::default();
            let mut last = (String::new(), String::new());
            Ok(texts(call.rows, |i, out| {
                let (Some(text), Some(with)) = (input.get(i), replacements.get(i)) else { return false };
                if last.0 != with {
                    last = (with.to_string(), java_replacement(with));
                }
                let Some(regex) = cache.get(&patterns, regexes.get(i)) else { return false };
                out.push_str(&regex.replace_all(text, last.1.as_str()));
                true
            }))
        }),
        other => return Err(Error::internal(format!("{other:?} has no regular expression"))),
    })
}

/// From `$1` and `\$` to what the regex crate understands: `${1}` and `$$`.
fn java_replacement(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('$') => out.push_str("$$"),
                Some(other) => out.push(other),
                None => {}
            },
            '$' => {
                let mut group = String::new();
                while let Some(d) = chars.next_if(char::is_ascii_digit) {
                    group.push(d);
                }
                if group.is_empty() {
                    out.push('$');
                } else {
                    out.push_str(&format!("${{{group}}}"));
                }
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::java_replacement;

    #[test]
    fn replacements_are_translated() {
        assert_eq!(java_replacement("a$1b"), "a${1}b");
        assert_eq!(java_replacement("\\$1"), "$$1");
        assert_eq!(java_replacement("${name}"), "${name}");
    }
}
