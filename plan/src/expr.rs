//! Expressions: fully resolved. Dialect differences have become different functions, rules or casts
//! before an expression gets here, so nothing below this crate asks which dialect it is.

use serde::{Deserialize, Serialize};
use tidegate_core::scan::{CastRule, CompareOp, JsonPath, JsonRule};
use tidegate_core::{DataType, Scalar, Span};

use crate::function::Function;

/// A typed expression over the columns of one input. Equality leaves the span out.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Expr {
    /// What it computes.
    pub kind: ExprKind,
    /// The type of its result.
    pub data_type: DataType,
    /// Where it stands in the SQL text; not part of its identity.
    #[serde(skip)]
    pub span: Span,
}

impl PartialEq for Expr {
    fn eq(&self, other: &Self) -> bool {
        self.data_type == other.data_type && self.kind == other.kind
    }
}

/// What an expression computes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ExprKind {
    /// A column of the input.
    Column(usize),
    /// A constant.
    Literal(Scalar),
    /// CAST or TRY_CAST.
    Cast {
        /// What is cast.
        input: Box<Expr>,
        /// On failure, and whose text forms.
        rule: CastRule,
        /// The zone for conversions between instants and text or wall clocks; empty where unused.
        zone: String,
    },
    /// `CASE WHEN c THEN v … ELSE e END`; branches are evaluated only for the rows that reach them.
    Case {
        /// Condition and value.
        branches: Vec<(Expr, Expr)>,
        /// ELSE; a NULL literal where not written.
        otherwise: Box<Expr>,
    },
    /// `a op b`; both sides have one type family that compares directly. NULL if either is NULL.
    Compare {
        /// The comparison.
        op: CompareOp,
        /// Left side.
        left: Box<Expr>,
        /// Right side.
        right: Box<Expr>,
    },
    /// `a AND b AND …` in three-valued logic, evaluated left to right: an error in a later part is
    /// not raised for rows that an earlier part made FALSE.
    And(Vec<Expr>),
    /// `a OR b OR …`, likewise.
    Or(Vec<Expr>),
    /// `NOT a`
    Not(Box<Expr>),
    /// `a IS NULL`
    IsNull(Box<Expr>),
    /// `a IS NOT NULL`
    IsNotNull(Box<Expr>),
    /// `a IS [NOT] TRUE|FALSE`
    IsBool {
        /// The operand.
        input: Box<Expr>,
        /// TRUE or FALSE.
        value: bool,
        /// IS NOT.
        negated: bool,
    },
    /// `a IN (literals)`, three-valued.
    In {
        /// The operand.
        input: Box<Expr>,
        /// Values of the operand's type; may contain NULL.
        values: Vec<Scalar>,
        /// NOT IN.
        negated: bool,
    },
    /// `a LIKE pattern`
    Like {
        /// The operand.
        input: Box<Expr>,
        /// The pattern; usually a literal.
        pattern: Box<Expr>,
        /// The escape character; no dialect has a default.
        escape: Option<char>,
        /// NOT LIKE.
        negated: bool,
    },
    /// A field of a ROW.
    Field {
        /// The ROW.
        input: Box<Expr>,
        /// Index of the field.
        index: usize,
    },
    /// A JSON function.
    Json(Box<JsonCall>),
    /// Any other function.
    Call {
        /// Which.
        function: Function,
        /// Its arguments, of the types the function's documentation states.
        args: Vec<Expr>,
    },
}

/// A JSON function with its clauses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JsonCall {
    /// The text.
    pub input: Expr,
    /// The path, parsed; a NULL or dynamic path is refused by the planner.
    pub path: JsonPath,
    /// Whose rules.
    pub rule: JsonRule,
    /// Which function.
    pub kind: JsonCallKind,
}

/// Which JSON function, and its clauses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum JsonCallKind {
    /// JSON_VALUE; the RETURNING type is the expression's type.
    Value {
        /// ON EMPTY.
        on_empty: OnJson,
        /// ON ERROR.
        on_error: OnJson,
    },
    /// JSON_QUERY
    Query {
        /// Wrapping of results in an array.
        wrapper: JsonWrapper,
        /// ON EMPTY.
        on_empty: OnJson,
        /// ON ERROR.
        on_error: OnJson,
    },
    /// JSON_EXISTS
    Exists {
        /// ON ERROR: TRUE, FALSE, UNKNOWN (NULL) or ERROR.
        on_error: OnJson,
    },
}

/// What a JSON function gives instead of a value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum OnJson {
    /// NULL (or UNKNOWN)
    Null,
    /// A row error.
    Error,
    /// DEFAULT expression, EMPTY ARRAY, EMPTY OBJECT, TRUE, FALSE.
    Default(Box<Expr>),
}

/// JSON_QUERY's wrapper clause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum JsonWrapper {
    /// WITHOUT ARRAY WRAPPER
    Without,
    /// WITH CONDITIONAL ARRAY WRAPPER
    Conditional,
    /// WITH UNCONDITIONAL ARRAY WRAPPER
    Unconditional,
}

impl Expr {
    /// An expression without a place.
    pub fn new(kind: ExprKind, data_type: DataType) -> Self {
        Expr { kind, data_type, span: Span::default() }
    }
    /// A column reference.
    pub fn column(index: usize, data_type: DataType) -> Self {
        Expr::new(ExprKind::Column(index), data_type)
    }
    /// A constant.
    pub fn literal(value: Scalar, data_type: DataType) -> Self {
        Expr::new(ExprKind::Literal(value), data_type)
    }
    /// The same expression with a place.
    #[must_use]
    pub fn at(mut self, span: Span) -> Self {
        self.span = span;
        self
    }
    /// The column, where it is nothing else.
    pub fn as_column(&self) -> Option<usize> {
        match self.kind {
            ExprKind::Column(i) => Some(i),
            _ => None,
        }
    }
    /// The direct sub-expressions, in order of evaluation.
    pub fn children(&self) -> Vec<&Expr> {
        match &self.kind {
            ExprKind::Column(_) | ExprKind::Literal(_) => vec![],
            ExprKind::Cast { input, .. }
            | ExprKind::Not(input)
            | ExprKind::IsNull(input)
            | ExprKind::IsNotNull(input)
            | ExprKind::IsBool { input, .. }
            | ExprKind::In { input, .. }
            | ExprKind::Field { input, .. } => vec![input],
            ExprKind::Case { branches, otherwise } => {
                branches.iter().flat_map(|(c, v)| [c, v]).chain(std::iter::once(otherwise.as_ref())).collect()
            }
            ExprKind::Compare { left, right, .. } => vec![left, right],
            ExprKind::And(all) | ExprKind::Or(all) => all.iter().collect(),
            ExprKind::Like { input, pattern, .. } => vec![input, pattern],
            ExprKind::Json(call) => {
                let mut out = vec![&call.input];
                let (a, b) = match &call.kind {
                    JsonCallKind::Value { on_empty, on_error } | JsonCallKind::Query { on_empty, on_error, .. } => {
                        (Some(on_empty), Some(on_error))
                    }
                    JsonCallKind::Exists { on_error } => (None, Some(on_error)),
                };
                for on in [a, b].into_iter().flatten() {
                    if let OnJson::Default(e) = on {
                        out.push(e);
                    }
                }
                out
            }
            ExprKind::Call { args, .. } => args.iter().collect(),
        }
    }
    /// Mutable access to the direct sub-expressions, same order.
    pub fn children_mut(&mut self) -> Vec<&mut Expr> {
        match &mut self.kind {
            ExprKind::Column(_) | ExprKind::Literal(_) => vec![],
            ExprKind::Cast { input, .. }
            | ExprKind::Not(input)
            | ExprKind::IsNull(input)
            | ExprKind::IsNotNull(input)
            | ExprKind::IsBool { input, .. }
            | ExprKind::In { input, .. }
            | ExprKind::Field { input, .. } => vec![input],
            ExprKind::Case { branches, otherwise } => {
                branches.iter_mut().flat_map(|(c, v)| [c, v]).chain(std::iter::once(otherwise.as_mut())).collect()
            }
            ExprKind::Compare { left, right, .. } => vec![left, right],
            ExprKind::And(all) | ExprKind::Or(all) => all.iter_mut().collect(),
            ExprKind::Like { input, pattern, .. } => vec![input, pattern],
            ExprKind::Json(call) => {
                let JsonCall { input, kind, .. } = call.as_mut();
                let mut out = vec![input];
                let (a, b) = match kind {
                    JsonCallKind::Value { on_empty, on_error } | JsonCallKind::Query { on_empty, on_error, .. } => {
                        (Some(on_empty), Some(on_error))
                    }
                    JsonCallKind::Exists { on_error } => (None, Some(on_error)),
                };
                for on in [a, b].into_iter().flatten() {
                    if let OnJson::Default(e) = on {
                        out.push(e.as_mut());
                    }
                }
                out
            }
            ExprKind::Call { args, .. } => args.iter_mut().collect(),
        }
    }
    /// Adds the columns it reads to `out`.
    pub fn collect_columns(&self, out: &mut std::collections::BTreeSet<usize>) {
        if let ExprKind::Column(i) = self.kind {
            out.insert(i);
        }
        for c in self.children() {
            c.collect_columns(out);
        }
    }
    /// Replaces every column `i` by `f(i)`.
    pub fn remap(&mut self, f: &impl Fn(usize) -> usize) {
        if let ExprKind::Column(i) = &mut self.kind {
            *i = f(*i);
        }
        for c in self.children_mut() {
            c.remap(f);
        }
    }
    /// Whether two evaluations of the same row may differ (clocks, random values).
    pub fn is_deterministic(&self) -> bool {
        let own = match &self.kind {
            ExprKind::Call { function, .. } => function.is_deterministic(),
            _ => true,
        };
        own && self.children().iter().all(|c| c.is_deterministic())
    }
}
