//! What `sqlparser` needs to know about Flink's lexical rules and query grammar.

use sqlparser::ast::Expr;
use sqlparser::dialect::Dialect;
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

use super::cursor::show;

/// Words that end or join clauses: none of them begins an expression or names a table.
pub fn is_clause_word(keyword: Keyword) -> bool {
    use Keyword as K;
    matches!(
        keyword,
        K::SELECT
            | K::FROM
            | K::WHERE
            | K::GROUP
            | K::BY
            | K::HAVING
            | K::ORDER
            | K::UNION
            | K::EXCEPT
            | K::INTERSECT
            | K::AS
            | K::ON
            | K::USING
            | K::JOIN
            | K::INNER
            | K::LEFT
            | K::RIGHT
            | K::FULL
            | K::OUTER
            | K::CROSS
            | K::NATURAL
            | K::WHEN
            | K::THEN
            | K::ELSE
            | K::END
            | K::AND
            | K::OR
            | K::IS
            | K::LIKE
            | K::ESCAPE
            | K::TO
            | K::BETWEEN
            | K::IN
            | K::ASC
            | K::DESC
            | K::FOR
            | K::LIMIT
            | K::OFFSET
            | K::PARTITION
            | K::WINDOW
    )
}

/// Identifiers in back-ticks, text in single quotes, no backslash escapes.
#[derive(Debug)]
pub struct FlinkGrammar;

impl Dialect for FlinkGrammar {
    fn is_delimited_identifier_start(&self, ch: char) -> bool {
        ch == '`'
    }
    fn is_identifier_start(&self, ch: char) -> bool {
        ch.is_alphabetic() || ch == '_'
    }
    fn is_identifier_part(&self, ch: char) -> bool {
        ch.is_alphanumeric() || matches!(ch, '_' | '$')
    }
    /// A clause word where an expression should be is a mistake, not a column of that name.
    fn parse_prefix(&self, parser: &mut Parser) -> Option<Result<Expr, ParserError>> {
        let token = parser.peek_token_ref();
        match &token.token {
            Token::Word(w) if is_clause_word(w.keyword) => {
                let (found, at) = (show(&token.token), token.span.start);
                Some(Err(ParserError::ParserError(format!("expected an expression, found {found}{at}"))))
            }
            _ => None,
        }
    }
    /// Words that could be names have lost their keyword before; see [`super::keywords`].
    fn is_reserved_for_identifier(&self, _: Keyword) -> bool {
        true
    }
    fn supports_unicode_string_literal(&self) -> bool {
        true
    }
    fn supports_filter_during_aggregation(&self) -> bool {
        true
    }
    fn supports_group_by_expr(&self) -> bool {
        true
    }
    fn supports_named_fn_args_with_rarrow_operator(&self) -> bool {
        true
    }
    fn require_interval_qualifier(&self) -> bool {
        true
    }
    fn supports_table_versioning(&self) -> bool {
        true
    }
    fn supports_parens_around_table_factor(&self) -> bool {
        true
    }
    fn supports_window_clause_named_window_reference(&self) -> bool {
        true
    }
}
