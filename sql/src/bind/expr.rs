//! Expressions: sqlparser's tree to the plan's, typed. Functions are in [`super::functions`],
//! aggregates in [`super::aggregate`].

use sqlparser::ast as sp;
use tidegate_core::scan::CompareOp;
use tidegate_core::{DataType, Error, Result, Scalar, Span, SqlType};
use tidegate_plan::{Expr, ExprKind, Function};

use super::aggregate::Aggregates;
use super::env::Env;
use super::scope::{self, Scope};
use super::types::{Arithmetic, arithmetic_type, common_type};
use super::{cast, compare, functions, literal};
use crate::ast::{cast_type, span_of};

/// How deep expressions may be nested.
const MAX_DEPTH: usize = 160;

/// Binds the expressions of one clause.
pub(crate) struct ExprBinder<'a> {
    pub env: &'a Env,
    pub scope: &'a Scope,
    /// Where aggregates are collected; `None`: they are not allowed here.
    pub aggregates: Option<&'a mut Aggregates>,
    /// The clause, for messages: `WHERE`, `GROUP BY`.
    pub clause: &'static str,
    depth: usize,
}

impl<'a> ExprBinder<'a> {
    /// For a clause without aggregates.
    pub fn new(env: &'a Env, scope: &'a Scope, clause: &'static str) -> Self {
        ExprBinder { env, scope, aggregates: None, clause, depth: 0 }
    }
    /// For SELECT and HAVING.
    pub fn with_aggregates(env: &'a Env, scope: &'a Scope, clause: &'static str, to: &'a mut Aggregates) -> Self {
        ExprBinder { env, scope, aggregates: Some(to), clause, depth: 0 }
    }

    /// Binds an expression.
    pub fn bind(&mut self, e: &sp::Expr) -> Result<Expr> {
        if self.depth >= MAX_DEPTH {
            return Err(Error::user(format!("expressions nested deeper than {MAX_DEPTH}")).at(span_of(e)));
        }
        self.depth += 1;
        let out = self.dispatch(e);
        self.depth -= 1;
        out.map_err(|err| if err.span().is_known() { err } else { err.at(span_of(e)) })
    }

    fn dispatch(&mut self, e: &sp::Expr) -> Result<Expr> {
        use sp::Expr as E;
        let span = span_of(e);
        match e {
            E::Identifier(name) => self.name(name, span),
            E::CompoundIdentifier(parts) => self.scope.resolve_path(self.env.dialect, parts, span),
            E::CompoundFieldAccess { root, access_chain } => self.access(root, access_chain, span),
            E::Value(v) => literal::value(&v.value, span),
            E::TypedString(t) => typed_string(t, span),
            E::Interval(i) => literal::interval(i, span),
            E::Nested(inner) => self.bind(inner),
            E::BinaryOp { .. } => self.binary(e, span),
            E::UnaryOp { op, expr } => self.unary(*op, expr, span),
            E::IsNull(x) => Ok(truth(ExprKind::IsNull(Box::new(self.bind(x)?)), span)),
            E::IsNotNull(x) => Ok(truth(ExprKind::IsNotNull(Box::new(self.bind(x)?)), span)),
            E::IsTrue(x) => self.is_bool(x, true, false, span),
            E::IsNotTrue(x) => self.is_bool(x, true, true, span),
            E::IsFalse(x) => self.is_bool(x, false, false, span),
            E::IsNotFalse(x) => self.is_bool(x, false, true, span),
            E::IsUnknown(x) => Ok(truth(ExprKind::IsNull(Box::new(self.boolean(x)?)), span)),
            E::IsNotUnknown(x) => Ok(truth(ExprKind::IsNotNull(Box::new(self.boolean(x)?)), span)),
            E::IsDistinctFrom(a, b) => self.distinct_from(a, b, false, span),
            E::IsNotDistinctFrom(a, b) => self.distinct_from(a, b, true, span),
            E::InList { expr, list, negated } => self.in_list(expr, list, *negated, span),
            E::Between { expr, negated, low, high } => self.between(expr, low, high, *negated, span),
            E::Like { negated, any: false, expr, pattern, escape_char } => {
                self.like(expr, pattern, escape_char.as_ref(), *negated, span)
            }
            E::RLike { negated, expr, pattern, .. } => self.regexp_like(expr, pattern, *negated, span),
            E::Cast { kind, expr, data_type, .. } => self.cast(kind, expr, data_type, span),
            E::Case { operand, conditions, else_result, .. } => {
                self.case(operand.as_deref(), conditions, else_result.as_deref(), span)
            }
            E::Function(f) => functions::bind(self, f, span),
            _ => self.special_syntax(e, span),
        }
    }

    /// Functions that have a syntax of their own.
    fn special_syntax(&mut self, e: &sp::Expr, span: Span) -> Result<Expr> {
        use sp::Expr as E;
        match e {
            E::Extract { field, expr, .. } => {
                let arg = self.bind(expr)?;
                functions::time::extract(self.env, literal::unit(field), arg, &field.to_string(), span)
            }
            E::Ceil { expr, field } | E::Floor { expr, field } => {
                let arg = self.bind(expr)?;
                functions::math::floor_ceil(self.env, arg, field, matches!(e, E::Ceil { .. }), span)
            }
            E::Position { expr, r#in } => {
                let args = vec![self.bind(r#in)?, self.bind(expr)?];
                functions::call(self.env, "POSITION", args, span)
            }
            E::Substring { expr, substring_from, substring_for, .. } => {
                let mut args = vec![self.bind(expr)?];
                args.push(match substring_from {
                    Some(from) => self.bind(from)?,
                    None => literal::int(1),
                });
                if let Some(n) = substring_for {
                    args.push(self.bind(n)?);
                }
                functions::call(self.env, "SUBSTRING", args, span)
            }
            E::Trim { trim_where, trim_what, expr, trim_characters } => {
                let what = match (trim_what, trim_characters) {
                    (Some(w), _) => Some(self.bind(w)?),
                    (None, Some(list)) if list.len() == 1 => Some(self.bind(&list[0])?),
                    _ => None,
                };
                let text = self.bind(expr)?;
                functions::text::trim(self.env, *trim_where, what, text, span)
            }
            E::Overlay { expr, overlay_what, overlay_from, overlay_for } => {
                let mut args = vec![self.bind(expr)?, self.bind(overlay_what)?, self.bind(overlay_from)?];
                if let Some(n) = overlay_for {
                    args.push(self.bind(n)?);
                }
                functions::call(self.env, "OVERLAY", args, span)
            }
            E::Array(a) => {
                let args = a.elem.iter().map(|x| self.bind(x)).collect::<Result<Vec<_>>>()?;
                functions::call(self.env, "ARRAY", args, span)
            }
            E::Tuple(items) => {
                let args = items.iter().map(|x| self.bind(x)).collect::<Result<Vec<_>>>()?;
                functions::call(self.env, "ROW", args, span)
            }
            E::InSubquery { .. } | E::Exists { .. } | E::Subquery(_) => {
                Err(Error::user("sub-queries inside expressions are not supported yet")
                    .at(span)
                    .help("sub-queries work in FROM"))
            }
            other => {
                Err(Error::user(format!("this form of expression is not supported: {}", shortened(&other.to_string())))
                    .at(span))
            }
        }
    }

    fn name(&mut self, name: &sp::Ident, span: Span) -> Result<Expr> {
        if name.quote_style == Some('"') {
            return literal::value(&sp::Value::DoubleQuotedString(name.value.clone()), span);
        }
        let found = self.scope.has(self.env.dialect, &name.value);
        if !found && name.quote_style.is_none() && functions::is_niladic(&name.value) {
            return functions::call(self.env, &name.value, vec![], span);
        }
        self.scope.resolve(self.env.dialect, &name.value, span)
    }

    fn access(&mut self, root: &sp::Expr, chain: &[sp::AccessExpr], span: Span) -> Result<Expr> {
        let mut names: Vec<sp::Ident> = Vec::new();
        let mut rest = chain;
        let mut base = match root {
            sp::Expr::Identifier(id) => {
                names.push(id.clone());
                while let Some(sp::AccessExpr::Dot(sp::Expr::Identifier(id))) = rest.first() {
                    names.push(id.clone());
                    rest = &rest[1..];
                }
                self.scope.resolve_path(self.env.dialect, &names, span)?
            }
            other => self.bind(other)?,
        };
        for step in rest {
            base = match step {
                sp::AccessExpr::Dot(sp::Expr::Identifier(id)) => scope::field(self.env.dialect, base, &id.value, span)?,
                sp::AccessExpr::Subscript(sp::Subscript::Index { index }) => {
                    let key = self.bind(index)?;
                    functions::collection::element(self.env, base, key, span)?
                }
                _ => return Err(Error::user("only .field and [index] follow a value").at(span)),
            };
        }
        Ok(base)
    }

    /// Chains of one operator are read without recursion: generated SQL has hundreds of ANDs.
    fn binary(&mut self, e: &sp::Expr, span: Span) -> Result<Expr> {
        let sp::Expr::BinaryOp { op, .. } = e else { return Err(Error::internal("not a binary operator")) };
        match op {
            sp::BinaryOperator::And | sp::BinaryOperator::Or => self.connective(e, op, span),
            _ => {
                let mut spine = Vec::new();
                let mut left = e;
                while let sp::Expr::BinaryOp { left: l, op, right } = left {
                    if matches!(op, sp::BinaryOperator::And | sp::BinaryOperator::Or) || spine.len() > MAX_DEPTH {
                        break;
                    }
                    spine.push((op, right.as_ref()));
                    left = l;
                }
                if spine.len() > MAX_DEPTH {
                    return Err(Error::user(format!("more than {MAX_DEPTH} operators in a row")).at(span));
                }
                let mut out = self.bind(left)?;
                for (op, right) in spine.into_iter().rev() {
                    let right = self.bind(right)?;
                    let at = if out.span.is_known() { out.span } else { span };
                    out = self.operator(op, out, right, at)?;
                }
                Ok(out)
            }
        }
    }

    fn connective(&mut self, e: &sp::Expr, op: &sp::BinaryOperator, span: Span) -> Result<Expr> {
        let mut parts = Vec::new();
        let mut node = e;
        while let sp::Expr::BinaryOp { left, op: o, right } = node {
            if o != op {
                break;
            }
            parts.push(right.as_ref());
            node = left;
        }
        parts.push(node);
        let mut bound = Vec::with_capacity(parts.len());
        for part in parts.into_iter().rev() {
            let b = self.boolean(part)?;
            match (b.kind, op) {
                (ExprKind::And(inner), sp::BinaryOperator::And) => bound.extend(inner),
                (ExprKind::Or(inner), sp::BinaryOperator::Or) => bound.extend(inner),
                (kind, _) => bound.push(Expr { kind, data_type: b.data_type, span: b.span }),
            }
        }
        let nullable = bound.iter().any(|b| b.data_type.nullable);
        let kind = if *op == sp::BinaryOperator::And { ExprKind::And(bound) } else { ExprKind::Or(bound) };
        Ok(Expr::new(kind, SqlType::Boolean.nullable().with_nullable(nullable)).at(span))
    }

    fn operator(&mut self, op: &sp::BinaryOperator, left: Expr, right: Expr, span: Span) -> Result<Expr> {
        use sp::BinaryOperator as O;
        let env = self.env;
        match op {
            O::Eq => compare::compare(env, CompareOp::Eq, left, right, span),
            O::NotEq => compare::compare(env, CompareOp::NotEq, left, right, span),
            O::Lt => compare::compare(env, CompareOp::Lt, left, right, span),
            O::LtEq => compare::compare(env, CompareOp::LtEq, left, right, span),
            O::Gt => compare::compare(env, CompareOp::Gt, left, right, span),
            O::GtEq => compare::compare(env, CompareOp::GtEq, left, right, span),
            O::Plus => arithmetic(env, Arithmetic::Add, left, right, span),
            O::Minus => arithmetic(env, Arithmetic::Subtract, left, right, span),
            O::Multiply => arithmetic(env, Arithmetic::Multiply, left, right, span),
            O::Divide => arithmetic(env, Arithmetic::Divide, left, right, span),
            O::Modulo => arithmetic(env, Arithmetic::Modulo, left, right, span),
            O::StringConcat => functions::text::concat_operator(env, left, right, span),
            other => Err(Error::user(format!("operator {other} is not supported")).at(span)),
        }
    }

    fn unary(&mut self, op: sp::UnaryOperator, inner: &sp::Expr, span: Span) -> Result<Expr> {
        match op {
            sp::UnaryOperator::Not => {
                let b = self.boolean(inner)?;
                let data_type = b.data_type.clone();
                Ok(Expr::new(ExprKind::Not(Box::new(b)), data_type).at(span))
            }
            sp::UnaryOperator::Plus => self.bind(inner),
            sp::UnaryOperator::Minus => {
                if let sp::Expr::Value(v) = inner
                    && let sp::Value::Number(text, _) = &v.value
                {
                    return literal::number(text, true).map(|e| e.at(span)).map_err(|e| e.at(span));
                }
                let mut x = self.bind(inner)?;
                if let ExprKind::Literal(Scalar::Int(n)) = x.kind
                    && matches!(x.data_type.ty, SqlType::IntervalDayTime | SqlType::IntervalYearMonth)
                {
                    x.kind = ExprKind::Literal(Scalar::Int(-n));
                    return Ok(x);
                }
                if !x.data_type.ty.is_numeric() {
                    return Err(Error::user(format!("a {} has no negative", x.data_type.ty)).at(span));
                }
                let data_type = x.data_type.clone();
                Ok(Expr::new(ExprKind::Call { function: Function::Negate, args: vec![x] }, data_type).at(span))
            }
            other => Err(Error::user(format!("operator {other} is not supported")).at(span)),
        }
    }

    /// An expression that must be BOOLEAN.
    pub fn boolean(&mut self, e: &sp::Expr) -> Result<Expr> {
        let b = self.bind(e)?;
        let span = if b.span.is_known() { b.span } else { span_of(e) };
        match b.data_type.ty {
            SqlType::Boolean => Ok(b),
            SqlType::Null => Ok(cast::implicit(self.env, b, &SqlType::Boolean)),
            ref t if t.is_text() && !self.env.is_flink() => Ok(cast::implicit(self.env, b, &SqlType::Boolean)),
            ref t => Err(Error::user(format!("a condition is needed here, this is {t}"))
                .at(span)
                .help("compare it with something: x = 1, x IS NOT NULL")),
        }
    }

    fn is_bool(&mut self, e: &sp::Expr, value: bool, negated: bool, span: Span) -> Result<Expr> {
        let input = Box::new(self.boolean(e)?);
        Ok(truth(ExprKind::IsBool { input, value, negated }, span))
    }

    fn distinct_from(&mut self, a: &sp::Expr, b: &sp::Expr, negated: bool, span: Span) -> Result<Expr> {
        let (a, b) = (self.bind(a)?, self.bind(b)?);
        let (a, b) = compare::align(self.env, Some(CompareOp::Eq), a, b, span)?;
        Ok(truth(ExprKind::Call { function: Function::IsDistinctFrom { negated }, args: vec![a, b] }, span))
    }

    fn in_list(&mut self, e: &sp::Expr, list: &[sp::Expr], negated: bool, span: Span) -> Result<Expr> {
        let input = self.bind(e)?;
        let mut operand = input.clone();
        let mut values = Vec::with_capacity(list.len());
        let mut others = Vec::new();
        for item in list {
            let item = self.bind(item)?;
            if compare::is_null_constant(&item) {
                values.push(Scalar::Null);
                continue;
            }
            let (left, right) = compare::align(self.env, None, input.clone(), item, span)?;
            let same_operand = values.is_empty() && others.is_empty() || left == operand;
            match (&right.kind, same_operand) {
                (ExprKind::Literal(v), true) => {
                    operand = left;
                    values.push(v.clone());
                }
                _ => {
                    let nullable = left.data_type.nullable || right.data_type.nullable;
                    let kind = ExprKind::Compare { op: CompareOp::Eq, left: Box::new(left), right: Box::new(right) };
                    others.push(Expr::new(kind, SqlType::Boolean.nullable().with_nullable(nullable)).at(span));
                }
            }
        }
        let nullable = operand.data_type.nullable || values.iter().any(Scalar::is_null);
        let boolean = |n: bool| SqlType::Boolean.nullable().with_nullable(n);
        if others.is_empty() {
            let kind = ExprKind::In { input: Box::new(operand), values, negated };
            return Ok(Expr::new(kind, boolean(nullable)).at(span));
        }
        let nullable = nullable || others.iter().any(|o| o.data_type.nullable);
        if !values.is_empty() {
            let kind = ExprKind::In { input: Box::new(operand), values, negated: false };
            others.insert(0, Expr::new(kind, boolean(nullable)).at(span));
        }
        let any = Expr::new(ExprKind::Or(others), boolean(nullable)).at(span);
        Ok(if negated { Expr::new(ExprKind::Not(Box::new(any)), boolean(nullable)).at(span) } else { any })
    }

    fn between(&mut self, e: &sp::Expr, low: &sp::Expr, high: &sp::Expr, negated: bool, span: Span) -> Result<Expr> {
        let (x, low, high) = (self.bind(e)?, self.bind(low)?, self.bind(high)?);
        let from = compare::compare(self.env, CompareOp::GtEq, x.clone(), low, span)?;
        let to = compare::compare(self.env, CompareOp::LtEq, x, high, span)?;
        let data_type = SqlType::Boolean.nullable().with_nullable(from.data_type.nullable || to.data_type.nullable);
        let both = Expr::new(ExprKind::And(vec![from, to]), data_type.clone()).at(span);
        Ok(if negated { Expr::new(ExprKind::Not(Box::new(both)), data_type).at(span) } else { both })
    }

    fn like(
        &mut self,
        e: &sp::Expr,
        pattern: &sp::Expr,
        escape: Option<&sp::ValueWithSpan>,
        negated: bool,
        span: Span,
    ) -> Result<Expr> {
        let input = self.text(e, "LIKE")?;
        let pattern = self.text(pattern, "LIKE")?;
        let escape = match escape.map(|v| &v.value) {
            None => None,
            Some(sp::Value::SingleQuotedString(s)) if s.chars().count() == 1 => s.chars().next(),
            Some(other) => return Err(Error::user(format!("ESCAPE takes one character, not {other}")).at(span)),
        };
        let nullable = input.data_type.nullable || pattern.data_type.nullable;
        let kind = ExprKind::Like { input: Box::new(input), pattern: Box::new(pattern), escape, negated };
        Ok(Expr::new(kind, SqlType::Boolean.nullable().with_nullable(nullable)).at(span))
    }

    fn regexp_like(&mut self, e: &sp::Expr, pattern: &sp::Expr, negated: bool, span: Span) -> Result<Expr> {
        let args = vec![self.bind(e)?, self.bind(pattern)?];
        let found = functions::call(self.env, "REGEXP", args, span)?;
        let data_type = found.data_type.clone();
        Ok(if negated { Expr::new(ExprKind::Not(Box::new(found)), data_type).at(span) } else { found })
    }

    fn text(&mut self, e: &sp::Expr, what: &str) -> Result<Expr> {
        let x = self.bind(e)?;
        functions::to_text(self.env, x, what)
    }

    fn cast(&mut self, kind: &sp::CastKind, e: &sp::Expr, to: &sp::DataType, span: Span) -> Result<Expr> {
        let target = cast_type(to, self.env.dialect)?;
        let input = self.bind(e)?;
        let try_cast = matches!(kind, sp::CastKind::TryCast | sp::CastKind::SafeCast);
        cast::explicit(self.env, input.at(span), &target.ty, try_cast)
    }

    fn case(
        &mut self,
        operand: Option<&sp::Expr>,
        conditions: &[sp::CaseWhen],
        otherwise: Option<&sp::Expr>,
        span: Span,
    ) -> Result<Expr> {
        let operand = operand.map(|o| self.bind(o)).transpose()?;
        let mut branches = Vec::with_capacity(conditions.len());
        for w in conditions {
            let condition = match &operand {
                None => self.boolean(&w.condition)?,
                Some(o) => {
                    let value = self.bind(&w.condition)?;
                    compare::compare(self.env, CompareOp::Eq, o.clone(), value, span)?
                }
            };
            branches.push((condition, self.bind(&w.result)?));
        }
        let otherwise = match otherwise {
            Some(e) => self.bind(e)?,
            None => literal::null(),
        };
        case_expr(self.env, branches, otherwise, span)
    }
}

/// CASE over bound parts: all values become one type.
pub(crate) fn case_expr(env: &Env, branches: Vec<(Expr, Expr)>, otherwise: Expr, span: Span) -> Result<Expr> {
    let mut values: Vec<Expr> = branches.iter().map(|(_, v)| v.clone()).collect();
    values.push(otherwise);
    let mut values = unify(env, values, "CASE", span)?;
    let data_type = result_type(&values);
    let otherwise = values.pop().ok_or_else(|| Error::internal("CASE without ELSE"))?;
    let branches = branches.into_iter().zip(values).map(|((c, _), v)| (c, v)).collect();
    Ok(Expr::new(ExprKind::Case { branches, otherwise: Box::new(otherwise) }, data_type).at(span))
}

fn result_type(values: &[Expr]) -> DataType {
    let types: Vec<&DataType> = values.iter().map(|v| &v.data_type).collect();
    common_type(&types).unwrap_or_else(|| SqlType::Null.nullable())
}

/// Values of one common type. Flink refuses to mix numbers and texts; Blink makes them texts.
pub(crate) fn unify(env: &Env, values: Vec<Expr>, what: &str, span: Span) -> Result<Vec<Expr>> {
    let types: Vec<&DataType> = values.iter().map(|v| &v.data_type).collect();
    let target = match common_type(&types) {
        Some(t) => t.ty,
        None if !env.is_flink() && types.iter().any(|t| t.ty.is_text()) => SqlType::STRING,
        None => {
            let first = types.iter().map(|t| &t.ty).find(|t| **t != SqlType::Null);
            let other = types.iter().map(|t| &t.ty).find(|t| **t != SqlType::Null && Some(*t) != first);
            let show = |t: Option<&SqlType>| t.map(ToString::to_string).unwrap_or_default();
            return Err(Error::user(format!("the values of {what} mix types: {} and {}", show(first), show(other)))
                .at(span)
                .help("make them one type: quote the constant ('-1'), or CAST the others"));
        }
    };
    Ok(values
        .into_iter()
        .map(|v| if v.data_type.ty.is_text() && target.is_text() { v } else { cast::implicit(env, v, &target) })
        .collect())
}

fn truth(kind: ExprKind, span: Span) -> Expr {
    Expr::new(kind, SqlType::Boolean.not_null()).at(span)
}

fn typed_string(t: &sp::TypedString, span: Span) -> Result<Expr> {
    let sp::Value::SingleQuotedString(s) = &t.value.value else {
        return Err(Error::user("a text in single quotes is needed here").at(span));
    };
    match &t.data_type {
        sp::DataType::Date => literal::typed("DATE", s, span),
        sp::DataType::Time(..) => literal::typed("TIME", s, span),
        sp::DataType::Timestamp(..) => literal::typed("TIMESTAMP", s, span),
        other => Err(Error::user(format!("literals of type {other} are not supported"))
            .at(span)
            .help(format!("write CAST('{s}' AS {other})"))),
    }
}

/// `left op right` for numbers, and time plus or minus an interval.
pub(crate) fn arithmetic(env: &Env, op: Arithmetic, left: Expr, right: Expr, span: Span) -> Result<Expr> {
    let interval = |t: &SqlType| matches!(t, SqlType::IntervalDayTime | SqlType::IntervalYearMonth);
    let (l, r) = (left.data_type.ty.clone(), right.data_type.ty.clone());
    let nullable = left.data_type.nullable || right.data_type.nullable;
    if interval(&r) && matches!(op, Arithmetic::Add | Arithmetic::Subtract) && !l.is_numeric() {
        return shift(env, op, left, right, span);
    }
    if interval(&l) && op == Arithmetic::Add && !r.is_numeric() {
        return shift(env, op, right, left, span);
    }
    if (interval(&l) && interval(&r) && l == r || interval(&l) && r.is_numeric() && op == Arithmetic::Multiply)
        && let (ExprKind::Literal(Scalar::Int(a)), ExprKind::Literal(Scalar::Int(b))) = (&left.kind, &right.kind)
    {
        let folded = match op {
            Arithmetic::Add => a.checked_add(*b),
            Arithmetic::Subtract => a.checked_sub(*b),
            Arithmetic::Multiply => a.checked_mul(*b),
            _ => None,
        };
        if let Some(n) = folded {
            return Ok(Expr::literal(Scalar::Int(n), l.not_null()).at(span));
        }
    }
    let operand = |e: Expr| -> Expr {
        match &e.data_type.ty {
            SqlType::Null => e,
            t if t.is_text() && !env.is_flink() => cast::implicit(env, e, &SqlType::Double),
            _ => e,
        }
    };
    let (left, right) = (operand(left), operand(right));
    let (l, r) = (left.data_type.ty.clone(), right.data_type.ty.clone());
    let (l, r) = match (&l, &r) {
        (SqlType::Null, t) | (t, SqlType::Null) if t.is_numeric() => (t.clone(), t.clone()),
        _ => (l, r),
    };
    if !l.is_numeric() || !r.is_numeric() {
        let e = Error::user(format!("'{}' is not defined for {l} and {r}", sign(op))).at(span);
        let time = |t: &SqlType| t.is_timestamp() || *t == SqlType::Date;
        return Err(if time(&l) && time(&r) {
            e.help("use TIMESTAMPDIFF(SECOND, earlier, later)")
        } else if time(&l) {
            e.help("write time + INTERVAL '1' HOUR")
        } else {
            e.help("CAST the operands to numbers")
        });
    }
    let blink_division = !env.is_flink() && op == Arithmetic::Divide && l.is_integer() && r.is_integer();
    let result = if blink_division { SqlType::Double } else { arithmetic_type(op, &l, &r) };
    let nullable = nullable
        || left.data_type.nullable
        || right.data_type.nullable
        || (op == Arithmetic::Divide && !env.is_flink());
    let operand = |e: Expr, own: &SqlType| match (&result, own) {
        (SqlType::Decimal(..), SqlType::Decimal(..)) => e,
        (SqlType::Decimal(..), t) => match super::types::as_decimal(t) {
            Some((p, s)) => cast::implicit(env, e, &SqlType::Decimal(p, s)),
            None => e,
        },
        // The remainder has the divisor's type, but is taken in the wider one.
        _ if op == Arithmetic::Modulo => cast::implicit(env, e, &super::types::common_number(&l, &r)),
        _ => cast::implicit(env, e, &result),
    };
    let args = vec![operand(left, &l), operand(right, &r)];
    let function = match op {
        Arithmetic::Add => Function::Add,
        Arithmetic::Subtract => Function::Subtract,
        Arithmetic::Multiply => Function::Multiply,
        Arithmetic::Divide => Function::Divide { null_on_zero: !env.is_flink() },
        Arithmetic::Modulo => Function::Modulo,
    };
    let computed = match op {
        Arithmetic::Modulo if !matches!(result, SqlType::Decimal(..)) => super::types::common_number(&l, &r),
        _ => result.clone(),
    };
    let call = Expr::new(ExprKind::Call { function, args }, computed.nullable().with_nullable(nullable)).at(span);
    Ok(cast::implicit(env, call, &result))
}

fn sign(op: Arithmetic) -> &'static str {
    match op {
        Arithmetic::Add => "+",
        Arithmetic::Subtract => "-",
        Arithmetic::Multiply => "*",
        Arithmetic::Divide => "/",
        Arithmetic::Modulo => "%",
    }
}

/// A point in time plus or minus an interval.
fn shift(env: &Env, op: Arithmetic, time: Expr, interval: Expr, span: Span) -> Result<Expr> {
    let nullable = time.data_type.nullable || interval.data_type.nullable;
    let time = match &time.data_type.ty {
        t if t.is_timestamp() || matches!(t, SqlType::Date | SqlType::Time(_)) => time,
        t if t.is_text() && !env.is_flink() => cast::implicit_or_null(env, time, &env.timestamp()),
        t => {
            return Err(Error::user(format!("an interval cannot be added to a {t}")).at(span).help(
                "intervals go with TIMESTAMP, TIMESTAMP_LTZ and DATE; numbers of milliseconds take plain numbers",
            ));
        }
    };
    let function = if op == Arithmetic::Add { Function::AddInterval } else { Function::SubtractInterval };
    // Milliseconds have to fit: TIMESTAMP(0) + INTERVAL '0.5' SECOND keeps them.
    let ty = match &time.data_type.ty {
        SqlType::Timestamp(p) if *p < 3 && interval.data_type.ty == SqlType::IntervalDayTime => SqlType::Timestamp(3),
        other => other.clone(),
    };
    let data_type = DataType { ty, nullable: nullable || time.data_type.nullable };
    Ok(Expr::new(ExprKind::Call { function, args: vec![time, interval] }, data_type).at(span))
}

/// SQL text in a message: one line, cut.
pub(crate) fn shortened(sql: &str) -> String {
    let line: Vec<&str> = sql.split_whitespace().collect();
    let line = line.join(" ");
    if line.chars().count() <= 60 { line } else { format!("{}…", line.chars().take(60).collect::<String>()) }
}
