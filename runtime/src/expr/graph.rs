//! From expressions to a graph without duplicates.

use std::collections::HashMap;
use std::fmt::Write as _;

use arrow_array::ArrayRef;
use tidegate_core::scan::{CastRule, OnCastError};
use tidegate_core::{Column, DataType, Error, Result, Scalar, SqlType};
use tidegate_plan::{Expr, ExprKind, Function, JsonCallKind, OnJson};

use super::concat::{self, Piece};
use super::frame::Frame;
use super::kernel::{Arg, Call, Kernel, Problems};
use super::value::{Value, literal_array, scalar_at};
use super::{EvalContext, cast, compare, condition, function, json, like, logic};

/// Index of a node.
pub(super) type Id = usize;

/// What a node does.
pub(super) enum Op {
    Column(usize),
    Literal(ArrayRef),
    And(Vec<Id>),
    Or(Vec<Id>),
    /// Conditions and values in turn, then the value of ELSE.
    Case(Vec<Id>),
    Coalesce(Vec<Id>),
    /// Texts in one pass, numbers and times printed on the way.
    Concat {
        pieces: Vec<Piece>,
        skip_nulls: bool,
    },
    /// Anything that takes arrays and gives an array.
    Kernel {
        kernel: Kernel,
        args: Vec<Id>,
        /// Every row is evaluated even where the arguments are constant (RAND, UUID).
        per_row: bool,
    },
}

/// A node of the graph.
pub(super) struct Node {
    pub op: Op,
    pub data_type: DataType,
    /// Evaluating it can fail or count: only rows that need it may be given to it.
    pub effects: bool,
    /// Evaluating it costs much more than selecting rows.
    pub costly: bool,
    /// For counts: what it is, in words.
    pub what: String,
}

/// Nodes; arguments always come before what uses them.
#[derive(Default)]
pub(super) struct Graph {
    pub nodes: Vec<Node>,
    by_key: HashMap<String, Id>,
    columns: usize,
}

impl Graph {
    pub fn new(input: &[Column]) -> Graph {
        Graph { columns: input.len(), ..Graph::default() }
    }

    /// Whether it should see only the rows that need it.
    pub fn is_lazy(&self, id: Id) -> bool {
        self.nodes[id].effects || self.nodes[id].costly
    }

    /// The literal array of a constant node.
    pub fn literal(&self, id: Id) -> Option<&ArrayRef> {
        match &self.nodes[id].op {
            Op::Literal(array) => Some(array),
            _ => None,
        }
    }

    /// The node of an expression, added where there is none yet.
    pub fn add(&mut self, expr: &Expr) -> Result<Id> {
        self.add_kind(expr).map_err(|e| e.at(expr.span))
    }

    fn add_kind(&mut self, expr: &Expr) -> Result<Id> {
        match &expr.kind {
            ExprKind::Column(i) if *i >= self.columns => {
                Err(Error::internal(format!("an expression reads column {i} of {}", self.columns)))
            }
            ExprKind::Column(i) => Ok(self.intern(format!("column {i}"), expr, Op::Column(*i), false, false)),
            ExprKind::Literal(value) => self.add_literal(value, &expr.data_type),
            ExprKind::And(all) => self.add_logic(expr, all, true),
            ExprKind::Or(all) => self.add_logic(expr, all, false),
            ExprKind::Case { branches, otherwise } => {
                let mut ids = Vec::with_capacity(branches.len() * 2 + 1);
                for (condition, value) in branches {
                    ids.push(self.add(condition)?);
                    ids.push(self.add(value)?);
                }
                ids.push(self.add(otherwise)?);
                let (effects, costly) = self.inherit(&ids);
                let key = format!("case {ids:?} {:?}", expr.data_type);
                let id = self.intern(key, expr, Op::Case(ids.clone()), effects, costly);
                self.fold(id, &ids, true)
            }
            ExprKind::Call { function: Function::Coalesce, args } => {
                let ids = args.iter().map(|a| self.add(a)).collect::<Result<Vec<_>>>()?;
                let (effects, costly) = self.inherit(&ids);
                let key = format!("coalesce {ids:?} {:?}", expr.data_type);
                let id = self.intern(key, expr, Op::Coalesce(ids.clone()), effects, costly);
                self.fold(id, &ids, true)
            }
            ExprKind::Call { function: Function::Concat { skip_nulls }, args } if !args.is_empty() => {
                let pieces = concat::compile(self, args, *skip_nulls)?;
                let ids: Vec<Id> = pieces.iter().filter_map(Piece::arg).collect();
                let (effects, _) = self.inherit(&ids);
                let mut key = format!("concat {skip_nulls} {:?}", expr.data_type);
                for piece in &pieces {
                    let _ = write!(key, " {piece:?}");
                }
                let id = self.intern(key, expr, Op::Concat { pieces, skip_nulls: *skip_nulls }, effects, true);
                self.fold(id, &ids, true)
            }
            _ => self.add_kernel(expr),
        }
    }

    fn add_literal(&mut self, value: &Scalar, data_type: &DataType) -> Result<Id> {
        let array = literal_array(value, &data_type.ty)?;
        let key = format!("literal {value:?} {:?}", data_type.ty);
        Ok(self.intern_node(key, data_type, Op::Literal(array), false, false, String::new()))
    }

    fn add_logic(&mut self, expr: &Expr, all: &[Expr], and: bool) -> Result<Id> {
        let mut ids = Vec::with_capacity(all.len());
        flatten(all, and, &mut |part| {
            ids.push(self.add(part)?);
            Ok(())
        })?;
        let (effects, costly) = self.inherit(&ids);
        let key = format!("{} {ids:?}", if and { "and" } else { "or" });
        let op = if and { Op::And(ids.clone()) } else { Op::Or(ids.clone()) };
        let id = self.intern(key, expr, op, effects, costly);
        self.fold(id, &ids, true)
    }

    fn add_kernel(&mut self, expr: &Expr) -> Result<Id> {
        let ids = expr.children().into_iter().map(|c| self.add(c)).collect::<Result<Vec<_>>>()?;
        if let ExprKind::Cast { input, .. } = &expr.kind
            && cast::is_identity(&input.data_type.ty, &expr.data_type.ty)
        {
            return Ok(ids[0]);
        }
        let args: Vec<Arg> = ids.iter().zip(expr.children()).map(|(id, child)| self.arg(*id, child)).collect();
        let to = &expr.data_type.ty;
        let (kernel, own_effects, costly) = match &expr.kind {
            ExprKind::Cast { input, rule, zone } => {
                let from = &input.data_type.ty;
                (cast::compile(from, to, *rule, zone)?, cast_has_effects(from, to), false)
            }
            ExprKind::Compare { op, .. } => (compare::compile(*op, &args)?, false, false),
            ExprKind::Not(_) => (logic::not(), false, false),
            ExprKind::IsNull(_) => (logic::is_null(false), false, false),
            ExprKind::IsNotNull(_) => (logic::is_null(true), false, false),
            ExprKind::IsBool { value, negated, .. } => (logic::is_bool(*value, *negated), false, false),
            ExprKind::In { values, negated, input } => {
                (condition::is_in(values, *negated, &input.data_type.ty)?, false, false)
            }
            ExprKind::Like { escape, negated, .. } => (like::compile(&args, *escape, *negated)?, false, true),
            ExprKind::Field { index, .. } => (condition::field(*index), false, false),
            ExprKind::Json(call) => (json::compile(call, to)?, json_has_effects(&call.kind, to), true),
            ExprKind::Call { function, .. } => {
                let compiled = function::compile(function, &args, to)?;
                (compiled.kernel, compiled.can_fail, compiled.costly)
            }
            other => return Err(Error::internal(format!("no kernel for {other:?}"))),
        };
        let (effects, inherited) = self.inherit(&ids);
        let nested: Vec<bool> = args.iter().map(|a| a.is_json).collect();
        let key = format!("{} {ids:?} {:?}", describe(&expr.kind), expr.data_type.ty);
        let key = if nested.contains(&true) { format!("{key} {nested:?}") } else { key };
        let deterministic = !matches!(&expr.kind, ExprKind::Call { function, .. } if !function.is_deterministic());
        let per_row = matches!(
            &expr.kind,
            ExprKind::Call { function: Function::Rand | Function::RandInteger | Function::Uuid, .. }
        );
        // Each RAND() and UUID() of a statement is a value of its own.
        let key = if per_row { format!("{key} #{}", self.nodes.len()) } else { key };
        let op = Op::Kernel { kernel, args: ids.clone(), per_row };
        let id = self.intern(key, expr, op, effects || own_effects, inherited || costly);
        self.fold(id, &ids, deterministic)
    }

    /// Replaces a node whose arguments are all constant by its value. A value that cannot be
    /// computed stays a node: it fails for the rows that need it, if there are any.
    fn fold(&mut self, id: Id, args: &[Id], deterministic: bool) -> Result<Id> {
        if !deterministic || !args.iter().all(|a| self.literal(*a).is_some()) || self.literal(id).is_some() {
            return Ok(id);
        }
        let context = EvalContext { now_micros: 0 };
        let mut problems = Problems::default();
        let value = match &self.nodes[id].op {
            Op::Kernel { kernel, args, .. } => {
                let values: Vec<Value> =
                    args.iter().filter_map(|a| self.literal(*a)).map(|a| Value::constant(a.clone())).collect();
                let ty = &self.nodes[id].data_type.ty;
                let call = &mut Call { args: &values, rows: 1, ty, context: &context, problems: &mut problems };
                kernel(call)?
            }
            _ => Frame::constant(self, id, &context, &mut problems)?,
        };
        if !problems.errors.is_empty() || value.len() != 1 {
            return Ok(id);
        }
        let data_type = self.nodes[id].data_type.clone();
        let scalar = scalar_at(&value, 0);
        let key = match &scalar {
            Some(s) => format!("literal {s:?} {:?}", data_type.ty),
            None if value.is_null(0) => format!("literal {:?} {:?}", Scalar::Null, data_type.ty),
            None => format!("folded {id}"),
        };
        Ok(self.intern_node(key, &data_type, Op::Literal(value), false, false, String::new()))
    }

    fn arg(&self, id: Id, expr: &Expr) -> Arg {
        let literal = self.literal(id).map(|a| scalar_at(a, 0).unwrap_or(Scalar::Null));
        let is_json = matches!(
            &expr.kind,
            ExprKind::Call { function: Function::JsonObject { .. } | Function::JsonArray { .. }, .. }
        );
        Arg { data_type: expr.data_type.clone(), literal, is_json }
    }

    fn inherit(&self, ids: &[Id]) -> (bool, bool) {
        let any = |f: fn(&Node) -> bool| ids.iter().any(|i| f(&self.nodes[*i]));
        (any(|n| n.effects), any(|n| n.costly))
    }

    fn intern(&mut self, key: String, expr: &Expr, op: Op, effects: bool, costly: bool) -> Id {
        let what = if effects { in_words(expr) } else { String::new() };
        self.intern_node(key, &expr.data_type, op, effects, costly, what)
    }

    fn intern_node(
        &mut self,
        key: String,
        data_type: &DataType,
        op: Op,
        effects: bool,
        costly: bool,
        what: String,
    ) -> Id {
        if let Some(id) = self.by_key.get(&key) {
            return *id;
        }
        let id = self.nodes.len();
        self.nodes.push(Node { op, data_type: data_type.clone(), effects, costly, what });
        self.by_key.insert(key, id);
        id
    }
}

/// Calls `f` with the parts of nested ANDs (or ORs) in order.
fn flatten(all: &[Expr], and: bool, f: &mut impl FnMut(&Expr) -> Result<()>) -> Result<()> {
    for part in all {
        match (&part.kind, and) {
            (ExprKind::And(inner), true) | (ExprKind::Or(inner), false) => flatten(inner, and, f)?,
            _ => f(part)?,
        }
    }
    Ok(())
}

/// The operation without its arguments: together with their ids and the type its identity.
fn describe(kind: &ExprKind) -> String {
    match kind {
        ExprKind::Cast { rule, zone, .. } => format!("cast {rule:?} {zone}"),
        ExprKind::Compare { op, .. } => format!("compare {op:?}"),
        ExprKind::Not(_) => "not".into(),
        ExprKind::IsNull(_) => "is null".into(),
        ExprKind::IsNotNull(_) => "is not null".into(),
        ExprKind::IsBool { value, negated, .. } => format!("is {value} {negated}"),
        ExprKind::In { values, negated, .. } => format!("in {values:?} {negated}"),
        ExprKind::Like { escape, negated, .. } => format!("like {escape:?} {negated}"),
        ExprKind::Field { index, .. } => format!("field {index}"),
        ExprKind::Json(call) => {
            let mut key = format!("json {:?} {:?}", call.path, call.rule);
            let on = |o: &OnJson| match o {
                OnJson::Null => "null",
                OnJson::Error => "error",
                OnJson::Default(_) => "default",
            };
            let _ = match &call.kind {
                JsonCallKind::Value { on_empty, on_error } => write!(key, " value {} {}", on(on_empty), on(on_error)),
                JsonCallKind::Query { wrapper, on_empty, on_error } => {
                    write!(key, " query {wrapper:?} {} {}", on(on_empty), on(on_error))
                }
                JsonCallKind::Exists { on_error } => write!(key, " exists {}", on(on_error)),
            };
            key
        }
        ExprKind::Call { function, .. } => format!("call {function:?}"),
        other => format!("{other:?}"),
    }
}

fn in_words(expr: &Expr) -> String {
    let name = match &expr.kind {
        ExprKind::Cast { rule: CastRule { on_error: OnCastError::Null, .. }, .. } => {
            format!("TRY_CAST(… AS {})", expr.data_type.ty)
        }
        ExprKind::Cast { .. } => format!("CAST(… AS {})", expr.data_type.ty),
        ExprKind::Call { function, .. } => format!("{function:?}"),
        ExprKind::Json(call) => format!("JSON function at path '{}'", call.path.text),
        _ => "expression".to_string(),
    };
    if expr.span.is_known() { format!("{name} at {}:{}", expr.span.line, expr.span.column) } else { name }
}

/// Whether some value of `from` has no counterpart in `to`.
fn cast_has_effects(from: &SqlType, to: &SqlType) -> bool {
    match (from, to) {
        (SqlType::Null, _) => false,
        (f, t) if f.is_text() => !t.is_text() && !t.is_bytes(),
        (_, SqlType::Decimal(..)) => true,
        (SqlType::Array(_) | SqlType::Map(..) | SqlType::Row(_), t) => !t.is_text(),
        _ => false,
    }
}

fn json_has_effects(kind: &JsonCallKind, to: &SqlType) -> bool {
    match kind {
        // RETURNING may meet a value of another kind.
        JsonCallKind::Value { .. } if !to.is_text() => true,
        JsonCallKind::Value { on_empty, on_error } | JsonCallKind::Query { on_empty, on_error, .. } => {
            [on_empty, on_error].iter().any(|o| matches!(o, OnJson::Error))
        }
        JsonCallKind::Exists { on_error } => matches!(on_error, OnJson::Error),
    }
}
