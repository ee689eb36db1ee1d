//! The brackets of CREATE TABLE: columns, keys, watermark, dimension sign.

use sqlparser::tokenizer::{Token, TokenWithSpan};
use tidegate_core::{Error, Result, ResultExt};

use super::brackets::last_word;
use super::cursor::{Cursor, is_word};
use super::{query, types};
use crate::ast::{ColumnDef, ColumnDefKind, CreateTable, Expression, Name, Warning, WatermarkDef, WatermarkKind};

/// Reads to the closing bracket.
pub fn column_list(c: &mut Cursor<'_>, table: &mut CreateTable, warnings: &mut Vec<Warning>) -> Result<()> {
    if c.take_token(&Token::RParen) {
        return Ok(());
    }
    loop {
        element(c, table, warnings)?;
        if c.take_token(&Token::RParen) {
            return Ok(());
        }
        c.expect_token(&Token::Comma).map_err(|_| c.expected("',' or ')'"))?;
        // A comma before the closing bracket, as in many published jobs.
        if c.take_token(&Token::RParen) {
            return Ok(());
        }
    }
}

fn element(c: &mut Cursor<'_>, table: &mut CreateTable, warnings: &mut Vec<Warning>) -> Result<()> {
    let span = c.span();
    if c.are(&["CONSTRAINT"]) && is_word(c.peek_at(2), "PRIMARY") {
        c.advance();
        c.advance();
    }
    if c.are(&["PRIMARY", "KEY"]) && *c.peek_at(2) == Token::LParen {
        c.take(&["PRIMARY", "KEY"]);
        let key = c.name_list("the name of a column")?;
        enforced(c)?;
        return set_primary_key(table, key, span);
    }
    let index = c.is("INDEX") && *c.peek_at(1) == Token::LParen;
    if index || c.are(&["UNIQUE", "INDEX"]) || (c.is("UNIQUE") && *c.peek_at(1) == Token::LParen) {
        c.take(&["UNIQUE"]);
        c.take(&["INDEX"]);
        c.name_list("the name of a column")?;
        warnings.push(Warning { message: "INDEX and UNIQUE have no effect here".to_owned(), span });
        return Ok(());
    }
    if c.are(&["WATERMARK", "FOR"]) || (c.is("WATERMARK") && is_word(c.peek_at(2), "FOR")) {
        let watermark = watermark(c, warnings).context(|| "WATERMARK")?;
        if table.watermark.replace(watermark).is_some() {
            return Err(Error::user("a table has one watermark, this is the second").at(span));
        }
        return Ok(());
    }
    if c.take(&["PERIOD", "FOR", "SYSTEM_TIME"]) {
        table.dimension = Some(Name { text: "PERIOD FOR SYSTEM_TIME".to_owned(), span });
        return Ok(());
    }
    if c.take(&["SIDE", "DIMENSION", "SIGN"]) {
        table.dimension = Some(Name { text: "SIDE DIMENSION SIGN".to_owned(), span });
        return Ok(());
    }
    column(c, table, warnings)
}

fn set_primary_key(table: &mut CreateTable, key: Vec<Name>, span: tidegate_core::Span) -> Result<()> {
    if !table.primary_key.is_empty() {
        return Err(Error::user("a second PRIMARY KEY")
            .at(span)
            .help("name all key columns in one: PRIMARY KEY (a, b)"));
    }
    table.primary_key = key;
    Ok(())
}

fn enforced(c: &mut Cursor<'_>) -> Result<()> {
    if c.take(&["NOT", "ENFORCED"]) {
        return Ok(());
    }
    if c.is("ENFORCED") {
        return Err(Error::user("a key cannot be ENFORCED here: the target enforces it, or nobody does")
            .at(c.span())
            .help("write NOT ENFORCED"));
    }
    Ok(())
}

/// `WATERMARK [name] FOR column AS …`
fn watermark(c: &mut Cursor<'_>, warnings: &mut Vec<Warning>) -> Result<WatermarkDef> {
    let span = c.span();
    c.advance();
    if !c.is("FOR") {
        c.name("a name")?;
    }
    c.expect(&["FOR"])?;
    let column = path_name(c)?;
    c.expect(&["AS"])?;
    if c.is("WITHOFFSET") && *c.peek_at(1) == Token::LParen {
        c.advance();
        c.advance();
        let of = path_name(c)?;
        if !of.text.eq_ignore_ascii_case(&column.text) {
            return Err(Error::user(format!("WITHOFFSET({}, …) in the watermark for '{}'", of.text, column.text))
                .at(of.span)
                .help("both must name the same column"));
        }
        c.expect_token(&Token::Comma)?;
        let offset = c.integer("the offset in milliseconds")?;
        c.expect_token(&Token::RParen)?;
        return Ok(WatermarkDef { column, kind: WatermarkKind::WithOffset(offset), span });
    }
    let kind = WatermarkKind::Expr(expression(c, warnings)?.0);
    Ok(WatermarkDef { column, kind, span })
}

fn path_name(c: &mut Cursor<'_>) -> Result<Name> {
    let mut name = c.name("the name of a column")?;
    while c.take_token(&Token::Period) {
        name.text = format!("{}.{}", name.text, c.name("the name of a field")?.text);
    }
    Ok(name)
}

/// The tokens up to the comma or bracket that ends this element.
fn element_tokens<'a>(c: &mut Cursor<'a>) -> &'a [TokenWithSpan] {
    let from = c.position();
    let mut depth = 0usize;
    while !c.at_end() {
        match c.peek() {
            Token::LParen | Token::LBracket => depth += 1,
            Token::Comma if depth == 0 => break,
            Token::RParen | Token::RBracket if depth == 0 => break,
            Token::RParen | Token::RBracket => depth -= 1,
            _ => {}
        }
        c.advance();
    }
    c.slice(from, c.position())
}

/// An expression up to the end of this element, and the comment after it.
fn expression(c: &mut Cursor<'_>, warnings: &mut Vec<Warning>) -> Result<(Expression, Option<String>)> {
    let start = c.clone();
    let mut tokens = element_tokens(c);
    let mut comment = None;
    if let [rest @ .., word, text] = tokens
        && is_word(&word.token, "COMMENT")
        && let Token::SingleQuotedString(s) = &text.token
    {
        comment = Some(s.clone());
        tokens = rest;
    }
    if tokens.is_empty() {
        return Err(start.expected("an expression"));
    }
    Ok((query::expression(tokens, warnings)?, comment))
}

fn column(c: &mut Cursor<'_>, table: &mut CreateTable, warnings: &mut Vec<Warning>) -> Result<()> {
    if matches!(c.peek(), Token::Word(_)) && *c.peek_at(1) == Token::LParen {
        let column = function_column(c, warnings)?;
        table.columns.push(column);
        return Ok(());
    }
    let name = c.name("a column, a key or a watermark")?;
    let place = format!("column {}", name.text);
    let inner = |c: &mut Cursor<'_>, table: &mut CreateTable| match c.peek() {
        Token::Word(_) if c.is("AS") => {
            c.advance();
            let (expression, comment) = expression(c, warnings)?;
            table.columns.push(ColumnDef { name, kind: ColumnDefKind::Computed(expression), comment });
            Ok(())
        }
        Token::Period | Token::LBracket => nested(c, name, table),
        Token::Colon => cell(c, name, table),
        _ => typed(c, name, table),
    };
    inner(c, table).context(|| place)
}

/// UFlink's `f(column) AS name`.
fn function_column(c: &mut Cursor<'_>, warnings: &mut Vec<Warning>) -> Result<ColumnDef> {
    let start = c.clone();
    let tokens = element_tokens(c);
    let Some(i) = last_word(tokens, "AS").filter(|i| i + 2 == tokens.len()) else {
        return Err(start
            .expected("a column, a key or a watermark")
            .help("a computed column is written: name AS expression"));
    };
    let name = Cursor::new(&tokens[i + 1..]).name("the name of the column")?;
    let expression = query::expression(&tokens[..i], warnings)?;
    Ok(ColumnDef { name, kind: ColumnDefKind::Computed(expression), comment: None })
}

/// UFlink's `object.field[0].field TYPE [AS name]`.
fn nested(c: &mut Cursor<'_>, first: Name, table: &mut CreateTable) -> Result<()> {
    let span = first.span;
    let mut path = vec![first];
    loop {
        if c.take_token(&Token::Period) {
            path.push(c.name("the name of a field")?);
        } else if c.take_token(&Token::LBracket) {
            let span = c.span();
            let n = c.integer("an index")?;
            c.expect_token(&Token::RBracket)?;
            path.push(Name { text: format!("[{n}]"), span });
        } else {
            break;
        }
    }
    let data_type = types::type_name(c)?;
    let name = if c.take(&["AS"]) {
        c.name("the name of the column")?
    } else {
        let text = path.iter().map(|p| p.text.as_str()).collect::<Vec<_>>().join(".");
        Name { text, span }
    };
    table.columns.push(ColumnDef { name, kind: ColumnDefKind::Path { path, data_type }, comment: None });
    Ok(())
}

/// `family:qualifier TYPE [AS name]`
fn cell(c: &mut Cursor<'_>, family: Name, table: &mut CreateTable) -> Result<()> {
    c.advance();
    let qualifier = c.name("a qualifier")?;
    let data_type = types::type_name(c)?;
    let name = if c.take(&["AS"]) {
        c.name("the name of the column")?
    } else {
        Name { text: format!("{}:{}", family.text, qualifier.text), span: family.span }
    };
    table.columns.push(ColumnDef { name, kind: ColumnDefKind::Cell { family, qualifier, data_type }, comment: None });
    Ok(())
}

/// `name TYPE …`
fn typed(c: &mut Cursor<'_>, name: Name, table: &mut CreateTable) -> Result<()> {
    if matches!(c.peek(), Token::Comma | Token::RParen | Token::EOF) {
        return Err(Error::user(format!("column '{}' has no type", name.text)).at(name.span));
    }
    let data_type = types::type_name(c)?;
    let mut column = ColumnDef { name, kind: ColumnDefKind::Physical(data_type), comment: None };
    loop {
        let span = c.span();
        if c.take(&["COMMENT"]) {
            column.comment = Some(c.text("a comment")?.0);
        } else if c.take(&["PRIMARY", "KEY"]) {
            enforced(c)?;
            set_primary_key(table, vec![column.name.clone()], span)?;
        } else if c.take(&["METADATA"]) {
            column.kind = metadata(c, column.kind)?;
        } else if c.take(&["HEADER"]) {
            column.kind = with_key(column.kind, None, true);
        } else if c.is("AS") {
            alias(c, &mut column)?;
        } else if ["DEFAULT", "AUTO_INCREMENT", "UNIQUE", "CHECK", "REFERENCES"].iter().any(|w| c.is(w)) {
            let what = c.word("a word")?.value.to_ascii_uppercase();
            return Err(Error::user(format!("{what} is not supported in a column"))
                .at(span)
                .help("leave it out: it is a matter of the target's own table"));
        } else if matches!(c.peek(), Token::Comma | Token::RParen) {
            break;
        } else {
            return Err(c.expected("',' or ')' after the column"));
        }
    }
    table.columns.push(column);
    Ok(())
}

/// What follows METADATA.
fn metadata(c: &mut Cursor<'_>, kind: ColumnDefKind) -> Result<ColumnDefKind> {
    let key = if c.take(&["FROM"]) {
        let (text, span) = c.text("the key of the metadata")?;
        Some(Name { text, span })
    } else {
        None
    };
    let read_only = c.take(&["VIRTUAL"]);
    Ok(with_key(kind, key, read_only))
}

fn with_key(kind: ColumnDefKind, key: Option<Name>, read_only: bool) -> ColumnDefKind {
    match kind {
        ColumnDefKind::Physical(data_type) => ColumnDefKind::Metadata { data_type, key, read_only },
        other => other,
    }
}

/// UFlink's `field TYPE AS name`: one field of the message under another name.
fn alias(c: &mut Cursor<'_>, column: &mut ColumnDef) -> Result<()> {
    let span = c.span();
    c.advance();
    let ColumnDefKind::Physical(data_type) = column.kind.clone() else {
        return Err(Error::user("AS after METADATA").at(span));
    };
    if !matches!(c.peek_at(1), Token::Comma | Token::RParen) {
        return Err(Error::user(format!("column '{}' has a type and an expression", column.name.text))
            .at(span)
            .help(format!("a computed column takes its expression's type: {} AS …", column.name.text)));
    }
    let path = vec![column.name.clone()];
    column.name = c.name("the name of the column")?;
    column.kind = ColumnDefKind::Path { path, data_type };
    Ok(())
}
