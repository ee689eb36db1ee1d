//! `LIKE other (INCLUDING …)`.

use sqlparser::tokenizer::Token;
use tidegate_core::Result;

use super::cursor::Cursor;
use crate::ast::{LikeClause, LikeFeature, LikeOption, LikeStrategy};

/// Reads what follows LIKE.
pub fn like_clause(c: &mut Cursor<'_>) -> Result<LikeClause> {
    let table = c.object_name("the name of a table")?;
    let mut options = Vec::new();
    if c.take_token(&Token::LParen) {
        while !c.take_token(&Token::RParen) {
            let span = c.span();
            let strategy = if c.take(&["INCLUDING"]) {
                LikeStrategy::Including
            } else if c.take(&["EXCLUDING"]) {
                LikeStrategy::Excluding
            } else if c.take(&["OVERWRITING"]) {
                LikeStrategy::Overwriting
            } else {
                return Err(c.expected("INCLUDING, EXCLUDING, OVERWRITING or ')'"));
            };
            let feature = feature(c)?;
            options.push(LikeOption { strategy, feature, span });
            c.take_token(&Token::Comma);
        }
    }
    Ok(LikeClause { table, options })
}

fn feature(c: &mut Cursor<'_>) -> Result<LikeFeature> {
    for (word, feature) in [
        ("ALL", LikeFeature::All),
        ("CONSTRAINTS", LikeFeature::Constraints),
        ("GENERATED", LikeFeature::Generated),
        ("METADATA", LikeFeature::Metadata),
        ("OPTIONS", LikeFeature::Options),
        ("PARTITIONS", LikeFeature::Partitions),
        ("WATERMARKS", LikeFeature::Watermarks),
    ] {
        if c.take(&[word]) {
            return Ok(feature);
        }
    }
    Err(c.expected("ALL, CONSTRAINTS, GENERATED, METADATA, OPTIONS, PARTITIONS or WATERMARKS"))
}
