//! Statements as the parser gives them: DDL in our own types, queries and expressions as
//! `sqlparser` AST. Nothing here is resolved: names may not exist and types may not fit.
//!
//! # How Flink's special forms appear in the `sqlparser` AST
//!
//! What `sqlparser` cannot read is rewritten on the tokens before it sees them, so that the binder
//! meets ordinary function calls. Spans stay those of the source text.
//!
//! | written | seen as |
//! |---|---|
//! | `TABLE(TUMBLE(TABLE t, DESCRIPTOR(c), i))` in FROM | `TableFactor::TableFunction { expr }` where `expr` is the call `TUMBLE(__table(t), DESCRIPTOR(c), i)` |
//! | `TUMBLE(DATA => TABLE t, TIMECOL => DESCRIPTOR(c), …)` | the same with `FunctionArg::Named` |
//! | `CAST(x AS type)`, `TRY_CAST` | `Expr::Cast` whose `data_type` is [`cast_type`]'s encoding; call that function |
//! | `JSON_VALUE(j, p RETURNING t a ON EMPTY b ON ERROR)` | `JSON_VALUE(j, p, __returning => CAST(NULL AS t), __on_empty => A, __on_error => B)`, where A and B are [`JSON_NULL`]`()`, [`JSON_ERROR`]`()` or the default's own expression |
//! | `JSON_QUERY(j, p RETURNING t w WRAPPER a ON EMPTY b ON ERROR)` | the same, and `__wrapper => 'WITHOUT'` \| `'CONDITIONAL'` \| `'UNCONDITIONAL'`; `EMPTY ARRAY`/`EMPTY OBJECT` are [`JSON_EMPTY_ARRAY`]`()`, [`JSON_EMPTY_OBJECT`]`()` |
//! | `JSON_EXISTS(j, p TRUE ON ERROR)` | `JSON_EXISTS(j, p, __on_error => TRUE \| FALSE \| NULL \| __error())` (`UNKNOWN` is `NULL`) |
//! | `JSON_OBJECT(KEY k VALUE v, …  ABSENT ON NULL)` | `JSON_OBJECT(k, v, …, __on_null => 'ABSENT' \| 'NULL')`; `JSON_OBJECTAGG` likewise |
//! | `JSON_ARRAY(a, b NULL ON NULL)` | `JSON_ARRAY(a, b, __on_null => 'NULL')`; `JSON_ARRAYAGG` likewise |
//! | `x IS [NOT] JSON [VALUE\|OBJECT\|ARRAY\|SCALAR]` | `[NOT] __is_json(x)` is not produced: `Expr` is refused with a message |
//! | `TIMESTAMPDIFF(SECOND, a, b)`, `TIMESTAMPADD` | a call whose first argument is the identifier `SECOND` |
//! | `_UTF16'中文'`, `U&'\4e2d'` | a plain string literal |
//! | `INTERVAL '100' SECOND(3)` | `Expr::Interval` |
//! | `t FOR SYSTEM_TIME AS OF x` | `TableFactor::Table { version: Some(TableVersion::ForSystemTimeAsOf(x)) }` |
//! | `ROW(a, b)`, `ARRAY[..]`, `MAP[k, v, …]` | the call `ROW(a, b)`, `Expr::Array`, the call `MAP(k, v, …)` |
//! | `t /*+ OPTIONS(…) */` | nothing; look the table's name up with [`Query::hint`] |
//! | `a.b.c` field access | `Expr::CompoundIdentifier` |
//! | `EMIT …` (Blink) | nothing; a warning |

use sqlparser::ast as sp;
use sqlparser::ast::Spanned;
use tidegate_core::options::OptionEntry;
use tidegate_core::{DataType, Span};

pub use crate::parse::types::cast_type;

/// NULL ON EMPTY / NULL ON ERROR.
pub const JSON_NULL: &str = "__null";
/// ERROR ON EMPTY / ERROR ON ERROR.
pub const JSON_ERROR: &str = "__error";
/// EMPTY ARRAY ON …
pub const JSON_EMPTY_ARRAY: &str = "__empty_array";
/// EMPTY OBJECT ON …
pub const JSON_EMPTY_OBJECT: &str = "__empty_object";
/// `TABLE t` as an argument.
pub const TABLE_ARGUMENT: &str = "__table";
/// Named argument: RETURNING.
pub const ARG_RETURNING: &str = "__returning";
/// Named argument: ON EMPTY.
pub const ARG_ON_EMPTY: &str = "__on_empty";
/// Named argument: ON ERROR.
pub const ARG_ON_ERROR: &str = "__on_error";
/// Named argument: wrapper behaviour.
pub const ARG_WRAPPER: &str = "__wrapper";
/// Named argument: NULL ON NULL or ABSENT ON NULL.
pub const ARG_ON_NULL: &str = "__on_null";

/// A parsed script.
#[derive(Debug, Clone, Default)]
pub struct Script {
    /// In order.
    pub statements: Vec<Statement>,
    /// Things that have no effect here, each with its place.
    pub warnings: Vec<Warning>,
}

/// Something a person should know, that stops nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// What.
    pub message: String,
    /// Where.
    pub span: Span,
}

/// A statement and where it begins.
#[derive(Debug, Clone)]
pub struct Statement {
    /// Which.
    pub kind: StatementKind,
    /// Its first token.
    pub span: Span,
}

/// Which statement.
#[derive(Debug, Clone)]
// A script has few of them; boxes would only be in the way.
#[allow(clippy::large_enum_variant)]
pub enum StatementKind {
    /// CREATE TABLE
    CreateTable(CreateTable),
    /// CREATE VIEW
    CreateView(CreateView),
    /// DROP TABLE, DROP VIEW
    Drop(Drop),
    /// SET 'k' = 'v'
    Set(Setting),
    /// RESET 'k'; `None`: all
    Reset(Option<Name>),
    /// INSERT INTO
    Insert(Insert),
    /// BEGIN STATEMENT SET … END, EXECUTE STATEMENT SET BEGIN … END
    StatementSet(Vec<Insert>),
    /// EXPLAIN of another statement
    Explain(Box<Statement>),
    /// A bare query.
    Query(Query),
}

/// A name as written (quotes removed) and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// The name; parts of a path are joined by dots.
    pub text: String,
    /// Its first character.
    pub span: Span,
}

/// `'k' = 'v'` of SET.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The key.
    pub key: Name,
    /// The value without quotes.
    pub value: String,
    /// Where the value is.
    pub value_span: Span,
}

/// CREATE TABLE
#[derive(Debug, Clone)]
pub struct CreateTable {
    /// Without catalogue and database.
    pub name: Name,
    /// TEMPORARY
    pub temporary: bool,
    /// IF NOT EXISTS
    pub if_not_exists: bool,
    /// In order.
    pub columns: Vec<ColumnDef>,
    /// Column names; empty for none.
    pub primary_key: Vec<Name>,
    /// The watermark, if any.
    pub watermark: Option<WatermarkDef>,
    /// `PERIOD FOR SYSTEM_TIME` or `SIDE DIMENSION SIGN`: what was written and where.
    pub dimension: Option<Name>,
    /// COMMENT of the table.
    pub comment: Option<String>,
    /// PARTITIONED BY; without effect.
    pub partitioned_by: Vec<Name>,
    /// WITH, in order.
    pub options: Vec<OptionEntry>,
    /// LIKE, if any.
    pub like: Option<LikeClause>,
}

/// A column of CREATE TABLE.
#[derive(Debug, Clone)]
pub struct ColumnDef {
    /// Its name.
    pub name: Name,
    /// What it is.
    pub kind: ColumnDefKind,
    /// COMMENT
    pub comment: Option<String>,
}

/// What a column of CREATE TABLE is.
#[derive(Debug, Clone)]
// A script has few of them; boxes would only be in the way.
#[allow(clippy::large_enum_variant)]
pub enum ColumnDefKind {
    /// `name TYPE`
    Physical(TypeName),
    /// DTStack's `obj.field TYPE AS name`: nested JSON under another name.
    Path {
        /// The object and its fields; at least two.
        path: Vec<Name>,
        /// The type of the last field.
        data_type: TypeName,
    },
    /// `family:qualifier TYPE [AS name]`; the column's name is the alias, or `family:qualifier`.
    Cell {
        /// The column family.
        family: Name,
        /// The qualifier.
        qualifier: Name,
        /// The cell's type.
        data_type: TypeName,
    },
    /// `name TYPE METADATA [FROM 'key'] [VIRTUAL]`
    Metadata {
        /// Its type.
        data_type: TypeName,
        /// The key; the column's name where not given.
        key: Option<Name>,
        /// VIRTUAL
        read_only: bool,
    },
    /// `name AS expr`
    Computed(Expression),
}

/// A SQL type as written. Which type a bare TIMESTAMP is depends on the dialect, so it is resolved
/// by [`crate::parse::types::resolve`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeName {
    /// The type with `TIMESTAMP` as in Flink (a wall clock).
    pub data_type: DataType,
    /// NOT NULL was written.
    pub not_null: bool,
    /// Where.
    pub span: Span,
}

/// An expression with its text.
#[derive(Debug, Clone)]
pub struct Expression {
    /// As `sqlparser` read it, special forms encoded as the module says.
    pub expr: sp::Expr,
    /// As the user wrote it, white space made single.
    pub text: String,
    /// Its first token.
    pub span: Span,
}

/// `WATERMARK …`
#[derive(Debug, Clone)]
pub struct WatermarkDef {
    /// The event-time column.
    pub column: Name,
    /// How far behind.
    pub kind: WatermarkKind,
    /// Its first token.
    pub span: Span,
}

/// How far a watermark is behind its column.
#[derive(Debug, Clone)]
// A script has few of them; boxes would only be in the way.
#[allow(clippy::large_enum_variant)]
pub enum WatermarkKind {
    /// `WATERMARK FOR c AS expr`
    Expr(Expression),
    /// `WATERMARK [name] FOR c AS WITHOFFSET(c, ms)`: milliseconds.
    WithOffset(i64),
}

/// `LIKE source (INCLUDING …)`
#[derive(Debug, Clone)]
pub struct LikeClause {
    /// The other table.
    pub table: Name,
    /// In order.
    pub options: Vec<LikeOption>,
}

/// One option of LIKE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LikeOption {
    /// INCLUDING, EXCLUDING, OVERWRITING
    pub strategy: LikeStrategy,
    /// Of what.
    pub feature: LikeFeature,
    /// Where.
    pub span: Span,
}

/// What LIKE does with a feature of the other table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LikeStrategy {
    /// Taken over; a duplicate is an error.
    Including,
    /// Left out.
    Excluding,
    /// Taken over; the new table's own win.
    Overwriting,
}

/// What LIKE can take over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LikeFeature {
    /// Everything.
    All,
    /// Keys.
    Constraints,
    /// Computed columns.
    Generated,
    /// Metadata columns.
    Metadata,
    /// WITH.
    Options,
    /// PARTITIONED BY.
    Partitions,
    /// Watermarks.
    Watermarks,
}

/// CREATE VIEW
#[derive(Debug, Clone)]
pub struct CreateView {
    /// Without catalogue and database.
    pub name: Name,
    /// TEMPORARY
    pub temporary: bool,
    /// IF NOT EXISTS
    pub if_not_exists: bool,
    /// New column names; empty: those of the query.
    pub columns: Vec<Name>,
    /// The query.
    pub query: Query,
}

/// DROP TABLE, DROP VIEW
#[derive(Debug, Clone)]
pub struct Drop {
    /// A view, not a table.
    pub view: bool,
    /// IF EXISTS
    pub if_exists: bool,
    /// What.
    pub name: Name,
}

/// INSERT INTO
#[derive(Debug, Clone)]
pub struct Insert {
    /// The table.
    pub table: Name,
    /// The columns given; empty: all, by position.
    pub columns: Vec<Name>,
    /// The query, or VALUES.
    pub query: Query,
    /// `/*+ OPTIONS(…) */` after the table.
    pub options: Vec<OptionEntry>,
    /// The word INSERT.
    pub span: Span,
}

/// A query and the hints in it.
#[derive(Debug, Clone)]
pub struct Query {
    /// As `sqlparser` read it.
    pub ast: Box<sp::Query>,
    /// `OPTIONS` hints of table references.
    pub hints: Vec<TableHint>,
    /// Its first token.
    pub span: Span,
}

/// An `OPTIONS` hint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableHint {
    /// The place of the last part of the table's name, which is what tells references apart.
    pub table: Span,
    /// The options.
    pub options: Vec<OptionEntry>,
}

impl Query {
    /// The options hinted at this reference to a table; empty for none.
    pub fn hint(&self, name: &sp::ObjectName) -> &[OptionEntry] {
        let place = name.0.last().map(span_of).unwrap_or_default();
        self.hints.iter().find(|h| h.table == place).map_or(&[], |h| h.options.as_slice())
    }
}

/// Where a piece of `sqlparser` AST begins; unknown where it does not say.
pub fn span_of(node: &impl Spanned) -> Span {
    let start = node.span().start;
    Span::new(u32::try_from(start.line).unwrap_or(0), u32::try_from(start.column).unwrap_or(0))
}
