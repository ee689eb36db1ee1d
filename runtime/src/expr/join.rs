//! CONCAT_WS, and CONCAT of nothing; CONCAT itself is a node of the graph.

use tidegate_core::scan::CastFlavor;
use tidegate_core::{Error, Result};

use super::cast::printer::{Print, Printer};
use super::kernel::{Arg, Kernel};
use super::value::texts;
use super::view::Texts;

/// CONCAT() of nothing.
pub(super) fn empty() -> Kernel {
    Box::new(|call| Ok(texts(call.rows, |_, _| true)))
}

/// CONCAT_WS(separator, …): NULLs are left out.
pub(super) fn concat_ws(null_separator_is_empty: bool, args: &[Arg]) -> Result<Kernel> {
    let mut prints = Vec::with_capacity(args.len());
    for arg in args {
        let print = Print::of(arg.ty(), CastFlavor::Blink, "")?;
        prints.push(print.ok_or_else(|| Error::user(format!("{} cannot be concatenated", arg.ty())))?);
    }
    Ok(Box::new(move |call| {
        let separators: Texts<'_> = call.texts(0)?;
        let mut parts: Vec<Printer<'_>> =
            prints.iter().zip(call.args).skip(1).map(|(p, v)| p.reader(v)).collect::<Result<_>>()?;
        Ok(texts(call.rows, |i, out| {
            let separator = match separators.get(i) {
                Some(s) => s,
                None if null_separator_is_empty => "",
                None => return false,
            };
            let mut end = None; // where the text ended before the separator
            for part in &mut parts {
                let before = out.len();
                if end.is_some() {
                    out.push_str(separator);
                }
                if part.write(i, out) { end = Some(out.len()) } else { out.truncate(before) }
            }
            true
        }))
    }))
}
