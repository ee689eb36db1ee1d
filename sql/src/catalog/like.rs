//! CREATE TABLE … LIKE: the other table's declaration merged into the new one.

use tidegate_core::{Error, Result};

use crate::ast::{ColumnDef, ColumnDefKind, CreateTable, LikeFeature, LikeOption, LikeStrategy};

/// The new table with what it takes over from `base`. Flink's defaults: everything is taken over,
/// and the new table's own options win.
pub fn merge(new: &CreateTable, base: &CreateTable) -> Result<CreateTable> {
    let chosen = new.like.as_ref().map_or(&[][..], |l| l.options.as_slice());
    let mut out = new.clone();
    out.like = None;
    merge_columns(&mut out, new, base, chosen)?;
    merge_key(&mut out, base, strategy(chosen, LikeFeature::Constraints))?;
    merge_watermark(&mut out, base, strategy(chosen, LikeFeature::Watermarks))?;
    merge_options(&mut out, base, strategy(chosen, LikeFeature::Options))?;
    if out.dimension.is_none() && strategy(chosen, LikeFeature::All) != LikeStrategy::Excluding {
        out.dimension.clone_from(&base.dimension);
    }
    Ok(out)
}

fn strategy(chosen: &[LikeOption], feature: LikeFeature) -> LikeStrategy {
    let of = |f: LikeFeature| chosen.iter().rev().find(|o| o.feature == f).map(|o| o.strategy);
    of(feature).or_else(|| of(LikeFeature::All)).unwrap_or(match feature {
        LikeFeature::Options => LikeStrategy::Overwriting,
        _ => LikeStrategy::Including,
    })
}

fn merge_columns(out: &mut CreateTable, new: &CreateTable, base: &CreateTable, chosen: &[LikeOption]) -> Result<()> {
    let mut columns: Vec<ColumnDef> = Vec::new();
    for column in &base.columns {
        let how = match column.kind {
            ColumnDefKind::Computed(_) => strategy(chosen, LikeFeature::Generated),
            ColumnDefKind::Metadata { .. } => strategy(chosen, LikeFeature::Metadata),
            // Physical columns are always taken over.
            _ => LikeStrategy::Including,
        };
        let own = new.columns.iter().find(|c| c.name.text == column.name.text);
        match (how, own) {
            (LikeStrategy::Excluding, _) | (LikeStrategy::Overwriting, Some(_)) => {}
            (_, None) => columns.push(column.clone()),
            (_, Some(own)) => {
                return Err(Error::user(format!("column '{}' is in '{}' already", own.name.text, base.name.text))
                    .at(own.name.span)
                    .help("rename it, or leave it out"));
            }
        }
    }
    columns.extend(new.columns.iter().cloned());
    out.columns = columns;
    Ok(())
}

fn merge_key(out: &mut CreateTable, base: &CreateTable, how: LikeStrategy) -> Result<()> {
    if base.primary_key.is_empty() || how == LikeStrategy::Excluding {
        return Ok(());
    }
    match out.primary_key.first() {
        None => out.primary_key.clone_from(&base.primary_key),
        Some(own) => {
            return Err(Error::user(format!("'{}' has a primary key already", base.name.text))
                .at(own.span)
                .help("add EXCLUDING CONSTRAINTS"));
        }
    }
    Ok(())
}

fn merge_watermark(out: &mut CreateTable, base: &CreateTable, how: LikeStrategy) -> Result<()> {
    match (&out.watermark, how) {
        (_, LikeStrategy::Excluding) | (Some(_), LikeStrategy::Overwriting) => {}
        (None, _) => out.watermark.clone_from(&base.watermark),
        (Some(own), LikeStrategy::Including) if base.watermark.is_some() => {
            return Err(Error::user(format!("'{}' has a watermark already", base.name.text))
                .at(own.span)
                .help("add OVERWRITING WATERMARKS or EXCLUDING WATERMARKS"));
        }
        (Some(_), LikeStrategy::Including) => {}
    }
    Ok(())
}

fn merge_options(out: &mut CreateTable, base: &CreateTable, how: LikeStrategy) -> Result<()> {
    if how == LikeStrategy::Excluding {
        return Ok(());
    }
    let mut options = Vec::new();
    for o in &base.options {
        match out.options.iter().find(|own| own.name == o.name) {
            None => options.push(o.clone()),
            Some(_) if how == LikeStrategy::Overwriting => {}
            Some(own) => {
                return Err(Error::user(format!("option '{}' is in '{}' already", own.name, base.name.text))
                    .at(own.span)
                    .help("write OVERWRITING OPTIONS"));
            }
        }
    }
    options.append(&mut out.options);
    out.options = options;
    Ok(())
}
