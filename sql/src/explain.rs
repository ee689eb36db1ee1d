//! A plan as text for people: what each source decodes, what is shared, what each INSERT promises.

use std::fmt::Write;

use tidegate_core::scan::{ChainStep, FieldSource, JsonPath, Root, RowFilter, ScanField};
use tidegate_core::table::{Resource, SinkChanges};
use tidegate_plan::{AggregateFunction, Expr, ExprKind, Function, JsonCallKind, Node, NodeId, Op, Plan, Scan, Sink};

use crate::graph::finish::{duration, window_text};

/// The plan as readable text.
pub fn explain(plan: &Plan) -> String {
    let mut out = String::new();
    let s = &plan.settings;
    line(&mut out, 0, &format!("dialect: {} ({})", s.dialect, s.dialect_reason));
    line(&mut out, 0, &format!("zone: {}", s.zone));
    let ttl = if s.state_ttl_ms == 0 {
        "state kept for ever".to_owned()
    } else {
        format!("state kept {}", duration(s.state_ttl_ms))
    };
    line(
        &mut out,
        0,
        &format!("epoch every {}, {ttl}, bad rows: {}", duration(s.checkpoint_interval_ms), on_error(plan)),
    );
    let consumers = plan.consumers();
    line(&mut out, 0, "");
    line(&mut out, 0, "sources");
    for (id, node) in plan.nodes.iter().enumerate() {
        if let Op::Scan(scan) = &node.op {
            source(&mut out, plan, id, scan, consumers[id].len());
        }
    }
    line(&mut out, 0, "");
    line(&mut out, 0, "operators");
    for (id, node) in plan.nodes.iter().enumerate() {
        if !matches!(node.op, Op::Scan(_) | Op::Sink(_)) {
            operator(&mut out, plan, id, node, consumers[id].len());
        }
    }
    for id in &plan.sinks {
        if let Op::Sink(sink) = &plan.nodes[*id].op {
            target(&mut out, plan, *id, sink);
        }
    }
    if let Some(q) = plan.query {
        line(&mut out, 0, "");
        line(
            &mut out,
            0,
            &format!("result: #{q}, {} columns, changes {}", plan.nodes[q].columns.len(), plan.nodes[q].changes),
        );
    }
    if !plan.warnings.is_empty() {
        line(&mut out, 0, "");
        line(&mut out, 0, "warnings");
        for w in &plan.warnings {
            let place = if w.span.is_known() {
                format!(" (line {}, column {})", w.span.line, w.span.column)
            } else {
                String::new()
            };
            line(&mut out, 1, &format!("{}: {}{place}", w.code, w.message));
        }
    }
    out
}

fn line(out: &mut String, depth: usize, text: &str) {
    let _ = writeln!(out, "{}{text}", "  ".repeat(depth));
}

fn on_error(plan: &Plan) -> String {
    match (plan.settings.on_error, plan.settings.dead_letter) {
        (tidegate_plan::OnRowError::Stop, _) => "stop the job".to_owned(),
        (tidegate_plan::OnRowError::Ignore, _) => "dropped and counted".to_owned(),
        (tidegate_plan::OnRowError::DeadLetter, Some(t)) => format!("go to table {}", plan.tables[t].spec.name),
        (tidegate_plan::OnRowError::DeadLetter, None) => "dead letter".to_owned(),
    }
}

fn source(out: &mut String, plan: &Plan, id: NodeId, scan: &Scan, readers: usize) {
    let t = &plan.tables[scan.table];
    let what = match &t.binding.resource {
        Resource::Log { topics, pattern } => match pattern {
            Some(p) => format!("log, topics like {p}"),
            None => format!("log {}", topics.join(", ")),
        },
        Resource::Table { name } => format!("table {name}"),
        Resource::Own => "generated or read locally".to_owned(),
    };
    let shared = if readers > 1 { format!(", decoded once for {readers} readers") } else { String::new() };
    line(out, 1, &format!("#{id} {} ({}: {what}{shared})", t.spec.name, t.connector));
    for f in &scan.request.fields {
        line(out, 2, &format!("reads {} {} ← {}", f.name, f.data_type, from(f)));
    }
    if let Some(f) = &scan.request.filter {
        line(out, 2, &format!("drops early unless {}", row_filter(f, &scan.request.fields)));
    }
    if let Some(t) = &scan.event_time {
        let delay = match t.delay_ms {
            Some(0) => "no delay".to_owned(),
            Some(ms) => format!("{} behind", duration(ms)),
            None => format!("watermark {}", expr(&t.watermark, &names(plan, id))),
        };
        let idle = t.idle_timeout_ms.map_or(String::new(), |ms| format!(", idle after {}", duration(ms)));
        line(out, 2, &format!("event time {}, {delay}{idle}", expr(&t.time, &names(plan, id))));
    }
}

fn from(f: &ScanField) -> String {
    let root = |r: &Root| if *r == Root::Key { "key" } else { "value" };
    match &f.from {
        FieldSource::Column { root: r, path } => format!("{} column {}", root(r), path.join(".")),
        FieldSource::Metadata(m) => format!("metadata {m:?}"),
        FieldSource::Chain { root: r, steps } => {
            let path = |p: &JsonPath| p.text.clone();
            let steps: Vec<String> = steps
                .iter()
                .map(|s| match s {
                    ChainStep::JsonValue(p, _) => format!("JSON_VALUE {}", path(p)),
                    ChainStep::JsonQuery(p, _) => format!("JSON_QUERY {}", path(p)),
                    ChainStep::Cast(t, _) => format!("CAST {}", t.ty),
                })
                .collect();
            format!("{} text: {}", root(r), steps.join(" → "))
        }
    }
}

fn row_filter(f: &RowFilter, fields: &[ScanField]) -> String {
    let name = |i: &usize| fields.get(*i).map_or_else(|| format!("#{i}"), |f| f.name.clone());
    let join = |all: &[RowFilter], with: &str| {
        format!("({})", all.iter().map(|p| row_filter(p, fields)).collect::<Vec<_>>().join(with))
    };
    match f {
        RowFilter::And(all) => join(all, " AND "),
        RowFilter::Or(all) => join(all, " OR "),
        RowFilter::Compare { field, op, value } => format!("{} {} {value}", name(field), compare(*op)),
        RowFilter::In { field, values } => {
            format!("{} IN ({})", name(field), values.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
        }
        RowFilter::IsNull(i) => format!("{} IS NULL", name(i)),
        RowFilter::IsNotNull(i) => format!("{} IS NOT NULL", name(i)),
    }
}

fn compare(op: tidegate_core::scan::CompareOp) -> &'static str {
    use tidegate_core::scan::CompareOp as C;
    match op {
        C::Eq => "=",
        C::NotEq => "<>",
        C::Lt => "<",
        C::LtEq => "<=",
        C::Gt => ">",
        C::GtEq => ">=",
    }
}

fn names(plan: &Plan, id: NodeId) -> Vec<String> {
    plan.nodes[id].columns.iter().map(|c| c.name.clone()).collect()
}

fn operator(out: &mut String, plan: &Plan, id: NodeId, node: &Node, readers: usize) {
    let inputs: Vec<String> = node.inputs.iter().map(|i| format!("#{i}")).collect();
    let from = if inputs.is_empty() { String::new() } else { format!(" ← {}", inputs.join(", ")) };
    let shared = if readers > 1 { format!(", runs once for {readers}") } else { String::new() };
    let state = if keeps_state(&node.op) { format!(" [{}]", node.id) } else { String::new() };
    line(out, 1, &format!("#{id} {}{from} (changes {}{shared}){state}", node.label, node.changes));
    let input = node.inputs.first().map(|i| names(plan, *i)).unwrap_or_default();
    match &node.op {
        Op::Calc { filter, exprs } => {
            if let Some(f) = filter {
                line(out, 2, &format!("where {}", expr(f, &input)));
            }
            for (e, c) in exprs.iter().zip(&node.columns) {
                let text = expr(e, &input);
                let text = if text == c.name { text } else { format!("{} = {text}", c.name) };
                line(out, 2, &format!("{text} {}", c.data_type));
            }
        }
        Op::GroupAggregate { keys, aggregates } | Op::WindowAggregate { keys, aggregates, .. } => {
            for (a, c) in aggregates.iter().zip(node.columns.iter().skip(keys.len())) {
                let text = aggregate(a, &input);
                let text = if text == c.name { text } else { format!("{} = {text}", c.name) };
                line(out, 2, &format!("{text} {}", c.data_type));
            }
            if let Op::WindowAggregate { window, .. } = &node.op {
                let by = window.time.map_or("processing time".to_owned(), |t| {
                    format!("event time {}", input.get(t).cloned().unwrap_or_default())
                });
                let zone = if window.zone.is_empty() { String::new() } else { format!(", zone {}", window.zone) };
                line(out, 2, &format!("window {} by {by}{zone}", window_text(&window.kind)));
            }
        }
        _ => {}
    }
    if let Some(key) = node.upsert_key.as_ref().filter(|_| !node.changes.is_append()) {
        let names: Vec<&str> = key.iter().filter_map(|k| node.columns.get(*k)).map(|c| c.name.as_str()).collect();
        line(out, 2, &format!("upsert key ({})", names.join(", ")));
    }
}

fn keeps_state(op: &Op) -> bool {
    matches!(
        op,
        Op::GroupAggregate { .. }
            | Op::WindowAggregate { .. }
            | Op::Deduplicate { .. }
            | Op::TopN { .. }
            | Op::Normalize { .. }
    )
}

/// An aggregate call in SQL-like text.
pub(crate) fn aggregate(a: &tidegate_plan::AggregateCall, input: &[String]) -> String {
    let name = match &a.function {
        AggregateFunction::CountAll => return filtered("COUNT(*)".to_owned(), a, input),
        AggregateFunction::Count => "COUNT".to_owned(),
        AggregateFunction::Sum => "SUM".to_owned(),
        AggregateFunction::Sum0 => "SUM0".to_owned(),
        AggregateFunction::Avg => "AVG".to_owned(),
        AggregateFunction::Min => "MIN".to_owned(),
        AggregateFunction::Max => "MAX".to_owned(),
        AggregateFunction::FirstValue => "FIRST_VALUE".to_owned(),
        AggregateFunction::LastValue => "LAST_VALUE".to_owned(),
        AggregateFunction::ListAgg(_) => "LISTAGG".to_owned(),
        AggregateFunction::Variance { sample, root } => {
            format!("{}_{}", if *root { "STDDEV" } else { "VAR" }, if *sample { "SAMP" } else { "POP" })
        }
        AggregateFunction::ArrayAgg => "ARRAY_AGG".to_owned(),
    };
    let args: Vec<String> = a.args.iter().map(|i| input.get(*i).cloned().unwrap_or_default()).collect();
    let distinct = if a.distinct { "DISTINCT " } else { "" };
    filtered(format!("{name}({distinct}{})", args.join(", ")), a, input)
}

fn filtered(text: String, a: &tidegate_plan::AggregateCall, input: &[String]) -> String {
    match a.filter {
        None => text,
        Some(f) => format!("{text} FILTER (WHERE {})", input.get(f).cloned().unwrap_or_default()),
    }
}

fn target(out: &mut String, plan: &Plan, id: NodeId, sink: &Sink) {
    let t = &plan.tables[sink.table];
    let columns = &plan.nodes[id].columns;
    line(out, 0, "");
    line(out, 0, &format!("target {} ({})", t.spec.name, t.connector));
    let key: Vec<&str> = sink.key.iter().filter_map(|k| columns.get(*k)).map(|c| c.name.as_str()).collect();
    let key = if key.is_empty() { "no key".to_owned() } else { format!("key ({})", key.join(", ")) };
    line(out, 1, &format!("{key}; {}", changes(sink)));
    for (insert, input) in sink.inserts.iter().zip(&plan.nodes[id].inputs) {
        let place = if insert.span.is_known() { format!(", line {}", insert.span.line) } else { String::new() };
        line(out, 1, &format!("INSERT {}{place} ← #{input}, changelog {}", insert.number, plan.nodes[*input].changes));
        line(out, 2, &format!("guarantee: {}", insert.guarantee));
    }
    if let Some(limit) = &t.binding.limit {
        line(out, 1, &format!("limit: {limit}"));
    }
}

fn changes(sink: &Sink) -> String {
    let how = match sink.changes {
        SinkChanges::AppendOnly => "takes new rows only",
        SinkChanges::NewestValues => "the newest values are written as further rows, removals are not written",
        SinkChanges::Upsert => "rows are replaced and removed by key",
        SinkChanges::UpsertIgnoreDelete => "rows are replaced by key, removals are ignored and counted",
        SinkChanges::All => "takes every change with its kind",
        SinkChanges::RetractFlag => "every change is a row with `retract`: true adds, false takes back",
    };
    let kept = if sink.materialize {
        "; contending rows are kept, because the key of the changes is not the sink's"
    } else {
        ""
    };
    format!("{how}{kept}")
}

/// An expression in SQL-like text.
pub(crate) fn expr(e: &Expr, input: &[String]) -> String {
    let x = |e: &Expr| expr(e, input);
    let list = |all: &[Expr], with: &str| all.iter().map(x).collect::<Vec<_>>().join(with);
    match &e.kind {
        ExprKind::Column(i) => input.get(*i).cloned().unwrap_or_else(|| format!("#{i}")),
        ExprKind::Literal(v) => literal(v, e),
        ExprKind::Cast { input: inner, .. } => format!("CAST({} AS {})", x(inner), e.data_type.ty),
        ExprKind::Case { branches, otherwise } => {
            let whens: Vec<String> = branches.iter().map(|(c, v)| format!("WHEN {} THEN {}", x(c), x(v))).collect();
            format!("CASE {} ELSE {} END", whens.join(" "), x(otherwise))
        }
        ExprKind::Compare { op, left, right } => format!("{} {} {}", x(left), compare(*op), x(right)),
        ExprKind::And(all) => format!("({})", list(all, " AND ")),
        ExprKind::Or(all) => format!("({})", list(all, " OR ")),
        ExprKind::Not(a) => format!("NOT {}", x(a)),
        ExprKind::IsNull(a) => format!("{} IS NULL", x(a)),
        ExprKind::IsNotNull(a) => format!("{} IS NOT NULL", x(a)),
        ExprKind::IsBool { input: a, value, negated } => {
            format!("{} IS {}{}", x(a), if *negated { "NOT " } else { "" }, if *value { "TRUE" } else { "FALSE" })
        }
        ExprKind::In { input: a, values, negated } => {
            let values: Vec<String> = values.iter().map(ToString::to_string).collect();
            format!("{} {}IN ({})", x(a), if *negated { "NOT " } else { "" }, values.join(", "))
        }
        ExprKind::Like { input: a, pattern, negated, .. } => {
            format!("{} {}LIKE {}", x(a), if *negated { "NOT " } else { "" }, x(pattern))
        }
        ExprKind::Field { input: a, index } => match &a.data_type.ty {
            tidegate_core::SqlType::Row(fields) => {
                format!("{}.{}", x(a), fields.get(*index).map_or("?", |f| f.name.as_str()))
            }
            _ => x(a),
        },
        ExprKind::Json(call) => {
            let name = match call.kind {
                JsonCallKind::Value { .. } => "JSON_VALUE",
                JsonCallKind::Query { .. } => "JSON_QUERY",
                JsonCallKind::Exists { .. } => "JSON_EXISTS",
            };
            format!("{name}({}, '{}')", x(&call.input), call.path.text)
        }
        ExprKind::Call { function, args } => call(function, args, input),
    }
}

fn literal(v: &tidegate_core::Scalar, e: &Expr) -> String {
    match (v, &e.data_type.ty) {
        (tidegate_core::Scalar::Decimal(d), tidegate_core::SqlType::Decimal(_, s)) => {
            crate::bind::literal::decimal_text(*d, *s)
        }
        (tidegate_core::Scalar::Int(ms), tidegate_core::SqlType::IntervalDayTime) => {
            format!("INTERVAL {}", duration(*ms))
        }
        _ => v.to_string(),
    }
}

fn call(function: &Function, args: &[Expr], input: &[String]) -> String {
    let text = |i: usize| args.get(i).map(|a| expr(a, input)).unwrap_or_default();
    let sign = match function {
        Function::Add | Function::AddInterval => Some("+"),
        Function::Subtract | Function::SubtractInterval => Some("-"),
        Function::Multiply => Some("*"),
        Function::Divide { .. } => Some("/"),
        _ => None,
    };
    if let Some(sign) = sign {
        return format!("({} {sign} {})", text(0), text(1));
    }
    let name = format!("{function:?}");
    let name = name.split([' ', '(', '{']).next().unwrap_or_default();
    let args: Vec<String> = args.iter().map(|a| expr(a, input)).collect();
    format!("{}({})", snake(name), args.join(", "))
}

/// `DateFormat` → `DATE_FORMAT`.
fn snake(name: &str) -> String {
    let mut out = String::new();
    for (i, c) in name.chars().enumerate() {
        if i > 0 && c.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(c.to_ascii_uppercase());
    }
    out
}
