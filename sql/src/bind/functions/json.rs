//! JSON functions. The parser hands their clauses over as named arguments.

use sqlparser::ast as sp;
use tidegate_core::{Error, Result, Scalar, Span, SqlType};
use tidegate_plan::{Expr, ExprKind, Function, JsonCall, JsonCallKind, JsonWrapper, OnJson};

use super::{Call, Null, cast, check_arity, literal};
use crate::ast::{
    ARG_ON_EMPTY, ARG_ON_ERROR, ARG_ON_NULL, ARG_RETURNING, ARG_WRAPPER, JSON_EMPTY_ARRAY, JSON_EMPTY_OBJECT,
    JSON_ERROR, JSON_NULL, cast_type, span_of,
};
use crate::bind::expr::ExprBinder;
use crate::bind::json_path;

struct Clauses<'e> {
    plain: Vec<&'e sp::Expr>,
    named: Vec<(&'e str, &'e sp::Expr)>,
}

fn clauses<'e>(name: &str, f: &'e sp::Function) -> Result<Clauses<'e>> {
    let mut out = Clauses { plain: vec![], named: vec![] };
    let sp::FunctionArguments::List(list) = &f.args else { return Ok(out) };
    for arg in &list.args {
        match arg {
            sp::FunctionArg::Unnamed(sp::FunctionArgExpr::Expr(e)) => out.plain.push(e),
            sp::FunctionArg::Named { name, arg: sp::FunctionArgExpr::Expr(e), .. } => out.named.push((&name.value, e)),
            sp::FunctionArg::ExprNamed {
                name: sp::Expr::Identifier(id), arg: sp::FunctionArgExpr::Expr(e), ..
            } => {
                out.named.push((&id.value, e));
            }
            other => return Err(Error::user(format!("{other} is not an argument of {name}"))),
        }
    }
    Ok(out)
}

impl<'e> Clauses<'e> {
    fn get(&self, name: &str) -> Option<&'e sp::Expr> {
        self.named.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, e)| *e)
    }
    fn word(&self, name: &str) -> Option<&'e str> {
        match self.get(name) {
            Some(sp::Expr::Value(v)) => match &v.value {
                sp::Value::SingleQuotedString(s) => Some(s),
                _ => None,
            },
            _ => None,
        }
    }
}

/// Binds JSON_VALUE, JSON_QUERY, JSON_EXISTS, JSON_OBJECT, JSON_ARRAY.
pub(crate) fn bind(b: &mut ExprBinder<'_>, name: &str, f: &sp::Function, span: Span) -> Result<Expr> {
    let clauses = clauses(name, f)?;
    if matches!(name, "JSON_OBJECT" | "JSON_ARRAY") {
        return construct(b, name, &clauses, span);
    }
    check_arity(name, (2, 2), clauses.plain.len(), span)?;
    let env = b.env;
    let input = b.bind(clauses.plain[0])?;
    let path = b.bind(clauses.plain[1])?;
    let path_span = if path.span.is_known() { path.span } else { span };
    let ExprKind::Literal(Scalar::Text(path)) = &path.kind else {
        return Err(Error::user(format!("the path of {name} must be a constant text"))
            .at(path_span)
            .help("paths are compiled into the decoder; write it as '$.a.b'"));
    };
    let input = match &input.data_type.ty {
        t if t.is_text() => input,
        SqlType::Null => cast::implicit(env, input, &SqlType::STRING),
        t if t.is_bytes() && !env.is_flink() => cast::implicit(env, input, &SqlType::STRING),
        t if t.is_bytes() => {
            // Flink takes bytes and always answers NULL.
            let message = format!(
                "{name} over bytes is always NULL in Flink; write CAST(… AS STRING), or declare the column STRING"
            );
            env.note("json-over-bytes", span, &message);
            return Ok(Expr::literal(Scalar::Null, json_type(name)).at(span));
        }
        _ if !env.is_flink() => cast::implicit(env, input, &SqlType::STRING),
        t => {
            return Err(Error::user(format!("{name} takes a text, this is {t}"))
                .at(span)
                .help("write CAST(… AS STRING)"));
        }
    };
    let rule = env.json_rule();
    let path = json_path::parse(path, rule);
    let mut data_type = json_type(name);
    if let Some(sp::Expr::Cast { data_type: t, .. }) = clauses.get(ARG_RETURNING) {
        data_type = returning(name, &cast_type(t, env.dialect)?.ty, span)?.nullable();
    }
    let kind = match name {
        "JSON_VALUE" => JsonCallKind::Value {
            on_empty: on(b, clauses.get(ARG_ON_EMPTY), &data_type.ty)?,
            on_error: on(b, clauses.get(ARG_ON_ERROR), &data_type.ty)?,
        },
        "JSON_QUERY" => JsonCallKind::Query {
            wrapper: match clauses.word(ARG_WRAPPER) {
                Some("CONDITIONAL") => JsonWrapper::Conditional,
                Some("UNCONDITIONAL") => JsonWrapper::Unconditional,
                _ => JsonWrapper::Without,
            },
            on_empty: on(b, clauses.get(ARG_ON_EMPTY), &data_type.ty)?,
            on_error: on(b, clauses.get(ARG_ON_ERROR), &data_type.ty)?,
        },
        _ => JsonCallKind::Exists {
            on_error: match clauses.get(ARG_ON_ERROR) {
                None => OnJson::Default(Box::new(Expr::literal(Scalar::Bool(false), SqlType::Boolean.not_null()))),
                Some(e) => on(b, Some(e), &SqlType::Boolean)?,
            },
        },
    };
    Ok(Expr::new(ExprKind::Json(Box::new(JsonCall { input, path, rule, kind })), data_type).at(span))
}

fn json_type(name: &str) -> tidegate_core::DataType {
    if name == "JSON_EXISTS" { SqlType::Boolean.nullable() } else { SqlType::STRING.nullable() }
}

fn returning(name: &str, t: &SqlType, span: Span) -> Result<SqlType> {
    match t {
        t if t.is_text() => Ok(SqlType::STRING),
        SqlType::Boolean | SqlType::Int | SqlType::Double if name == "JSON_VALUE" => Ok(t.clone()),
        t => Err(Error::user(format!("{name} cannot return {t}"))
            .at(span)
            .help(format!("write CAST({name}(…) AS {t}); RETURNING takes STRING, BOOLEAN, INTEGER and DOUBLE"))),
    }
}

/// One ON EMPTY or ON ERROR clause.
fn on(b: &mut ExprBinder<'_>, clause: Option<&sp::Expr>, ty: &SqlType) -> Result<OnJson> {
    let Some(e) = clause else { return Ok(OnJson::Null) };
    if let sp::Expr::Function(f) = e {
        match f.name.to_string().as_str() {
            JSON_NULL => return Ok(OnJson::Null),
            JSON_ERROR => return Ok(OnJson::Error),
            JSON_EMPTY_ARRAY => return Ok(OnJson::Default(Box::new(constant("[]")))),
            JSON_EMPTY_OBJECT => return Ok(OnJson::Default(Box::new(constant("{}")))),
            _ => {}
        }
    }
    let default = b.bind(e)?;
    if default.data_type.ty == SqlType::Null {
        return Ok(OnJson::Null);
    }
    let fits = default.data_type.ty == *ty
        || default.data_type.ty.is_text() && ty.is_text()
        || default.data_type.ty.is_numeric() && ty.is_numeric();
    if !fits {
        return Err(Error::user(format!("the DEFAULT is {}, the result is {ty}", default.data_type.ty))
            .at(span_of(e))
            .help(format!("write CAST(… AS {ty})")));
    }
    Ok(OnJson::Default(Box::new(cast::implicit(b.env, default, ty))))
}

fn constant(s: &str) -> Expr {
    Expr { data_type: SqlType::STRING.not_null(), ..literal::text(s) }
}

fn construct(b: &mut ExprBinder<'_>, name: &str, clauses: &Clauses<'_>, span: Span) -> Result<Expr> {
    let args = clauses.plain.iter().map(|e| b.bind(e)).collect::<Result<Vec<_>>>()?;
    let object = name == "JSON_OBJECT";
    if object {
        if args.len() % 2 != 0 {
            return Err(Error::user("JSON_OBJECT takes keys and values in turn")
                .at(span)
                .help("write KEY 'a' VALUE x"));
        }
        for key in args.iter().step_by(2) {
            if !key.data_type.ty.is_text() {
                return Err(
                    Error::user(format!("a key of JSON_OBJECT is a text, this is {}", key.data_type.ty)).at(key.span)
                );
            }
        }
    }
    // JSON_OBJECT keeps NULLs unless told otherwise, JSON_ARRAY leaves them out.
    let absent_on_null = match clauses.word(ARG_ON_NULL) {
        Some("ABSENT") => true,
        Some(_) => false,
        None => !object,
    };
    let function =
        if object { Function::JsonObject { absent_on_null } } else { Function::JsonArray { absent_on_null } };
    Ok(Expr::new(ExprKind::Call { function, args }, SqlType::STRING.not_null()).at(span))
}

/// JSON_STRING(value)
pub(crate) fn string(c: Call<'_>) -> Result<Expr> {
    let args = c.args.clone();
    Ok(c.done(Function::JsonString, args, SqlType::STRING, Null::IfAny))
}
