//! Moves reading into scans: per table, every column, field of a ROW and chain of JSON functions that
//! the whole statement set reads becomes one field of one scan, decoded once; conditions that every
//! reader shares let the decoder drop rows early.

use std::collections::HashMap;

use tidegate_core::scan::{
    ChainStep, FieldSource, Metadata, OnCastError, Root, ScanField, ScanRequest, TimeField, TimeUnit,
};
use tidegate_core::table::{Format, Resource};
use tidegate_core::{Column, SqlType};
use tidegate_plan::{EventTime, Expr, ExprKind, Function, JsonCallKind, JsonWrapper, OnJson, Op, Scan};

use super::{Graph, InsertRel, RelColumn, RelId, TimeAttribute, filter, identity};

/// The graph with scans that read exactly what is wanted, and the ids that go with it.
pub(crate) fn push(
    graph: &Graph,
    ids: &[String],
    inserts: &mut [InsertRel],
    query: &mut Option<RelId>,
) -> (Graph, Vec<String>) {
    let mut out = Graph { tables: graph.tables.clone(), ..Graph::default() };
    let mut new_ids = Vec::new();
    let mut map: Vec<RelId> = Vec::with_capacity(graph.rels.len());
    let readers = readers(graph, inserts, *query);
    let mut fields: HashMap<RelId, Fields> = HashMap::new();
    for (id, rel) in graph.rels.iter().enumerate() {
        let mut rel = rel.clone();
        if let Op::Scan(scan) = &rel.op {
            let f = Fields::gather(graph, id, scan, &readers[id]);
            rel.op = Op::Scan(f.scan(graph, scan, &readers[id]));
            rel.columns = f.columns();
            fields.insert(id, f);
        } else {
            let scan_input = rel.inputs.first().and_then(|i| fields.get(i).map(|f| (*i, f)));
            if let (Op::Calc { filter, exprs }, Some((_, f))) = (&mut rel.op, scan_input) {
                for e in exprs.iter_mut().chain(filter.as_mut()) {
                    *e = f.rewrite(e);
                }
            }
            let is_calc = matches!(rel.op, Op::Calc { .. });
            let inputs = rel.inputs.clone();
            for (slot, input) in inputs.iter().enumerate() {
                rel.inputs[slot] = match fields.get(input) {
                    Some(f) if !is_calc => adapter(graph, &mut out, &mut new_ids, f, *input, map[*input], &ids[*input]),
                    _ => map[*input],
                };
            }
        }
        out.rels.push(rel);
        new_ids.push(ids[id].clone());
        map.push(out.rels.len() - 1);
    }
    for i in inserts {
        i.rel = match fields.get(&i.rel) {
            Some(f) => adapter(graph, &mut out, &mut new_ids, f, i.rel, map[i.rel], &ids[i.rel]),
            None => map[i.rel],
        };
    }
    if let Some(q) = query {
        *q = match fields.get(q) {
            Some(f) => adapter(graph, &mut out, &mut new_ids, f, *q, map[*q], &ids[*q]),
            None => map[*q],
        };
    }
    (out, new_ids)
}

/// A reader of a scan that needs its columns as declared gets a projection of them.
fn adapter(
    graph: &Graph,
    out: &mut Graph,
    ids: &mut Vec<String>,
    f: &Fields,
    old: RelId,
    new: RelId,
    id: &str,
) -> RelId {
    let columns = graph.rels[old].columns.clone();
    let exprs: Vec<Expr> =
        columns.iter().enumerate().map(|(i, c)| f.rewrite(&Expr::column(i, c.column.data_type.clone()))).collect();
    let same =
        exprs.len() == out.rels[new].columns.len() && exprs.iter().enumerate().all(|(i, e)| e.as_column() == Some(i));
    if same {
        return new;
    }
    let name = identity::hashed(&format!("columns of {id}"));
    if let Some(found) = ids.iter().position(|i| *i == name) {
        return found;
    }
    out.rels.push(super::Rel {
        op: Op::Calc { filter: None, exprs },
        inputs: vec![new],
        columns,
        span: graph.rels[old].span,
    });
    ids.push(name);
    out.rels.len() - 1
}

/// Who reads a relation: projections by their expressions, everything else all columns.
#[derive(Default, Clone)]
struct Readers {
    /// Projections.
    calcs: Vec<RelId>,
    /// Whether something else reads all columns.
    whole: bool,
}

fn readers(graph: &Graph, inserts: &[InsertRel], query: Option<RelId>) -> Vec<Readers> {
    let mut out = vec![Readers::default(); graph.rels.len()];
    for (id, rel) in graph.rels.iter().enumerate() {
        for input in &rel.inputs {
            match rel.op {
                Op::Calc { .. } => out[*input].calcs.push(id),
                _ => out[*input].whole = true,
            }
        }
    }
    for root in inserts.iter().map(|i| i.rel).chain(query) {
        out[root].whole = true;
    }
    out
}

/// The fields that one scan reads.
struct Fields {
    /// The scan's declared columns.
    declared: Vec<ScanField>,
    /// Which declared columns are the raw bytes of a message: key or value.
    raw: Vec<Option<Root>>,
    /// Columns that someone reads as a whole.
    whole: Vec<bool>,
    fields: Vec<ScanField>,
}

impl Fields {
    fn gather(graph: &Graph, id: RelId, scan: &Scan, readers: &Readers) -> Fields {
        let declared = scan.request.fields.clone();
        let table = &graph.tables[scan.table];
        let is_raw = |f: &ScanField| match &f.from {
            FieldSource::Column { root, .. } => {
                let format = if *root == Root::Key { &table.binding.key_format } else { &table.binding.value_format };
                let text = f.data_type.ty.is_text() || f.data_type.ty.is_bytes();
                (matches!(format, Some(Format::Raw(_))) && text).then_some(*root)
            }
            _ => None,
        };
        let raw = declared.iter().map(is_raw).collect();
        let mut out = Fields { whole: vec![false; declared.len()], raw, declared, fields: vec![] };
        let mut exprs: Vec<&Expr> = Vec::new();
        if let Some(t) = &scan.event_time {
            exprs.push(&t.time);
            exprs.push(&t.watermark);
        }
        // Conditions first: the decoder meets them first.
        for calc in &readers.calcs {
            if let Op::Calc { filter: Some(f), .. } = &graph.rels[*calc].op {
                exprs.push(f);
            }
        }
        for calc in &readers.calcs {
            if let Op::Calc { exprs: all, .. } = &graph.rels[*calc].op {
                exprs.extend(all);
            }
        }
        if readers.whole {
            out.whole.fill(true);
        }
        for e in &exprs {
            out.mark_whole(e);
        }
        for e in exprs {
            out.collect(e);
        }
        if readers.whole {
            for i in 0..out.declared.len() {
                let f = out.declared[i].clone();
                out.place(f);
            }
        }
        if out.fields.is_empty() {
            out.rows_only(table, &graph.rels[id].columns);
        }
        out
    }

    /// Rows are counted but nothing of them is read.
    fn rows_only(&mut self, table: &tidegate_core::table::BoundTable, columns: &[RelColumn]) {
        let field = match table.binding.resource {
            Resource::Log { .. } => Some(ScanField {
                name: "$partition".to_owned(),
                data_type: SqlType::Int.not_null(),
                from: FieldSource::Metadata(Metadata::Partition),
            }),
            _ => columns.first().and_then(|c| self.declared.iter().find(|f| f.name == c.column.name).cloned()),
        };
        self.fields.extend(field);
    }

    /// Finds ROW columns that are read as a whole, whose fields then come from the whole.
    fn mark_whole(&mut self, e: &Expr) {
        if self.chain(e).is_some() || self.path(e).is_some_and(|(_, p)| p.len() > 1) {
            return;
        }
        if let ExprKind::Column(i) = e.kind {
            self.whole[i] = true;
        }
        for c in e.children() {
            self.mark_whole(c);
        }
    }

    fn collect(&mut self, e: &Expr) {
        if let Some(field) = self.field_of(e) {
            self.place(field);
            return;
        }
        for c in e.children() {
            self.collect(c);
        }
    }

    /// The field that gives this expression's value, if a scan can.
    fn field_of(&self, e: &Expr) -> Option<ScanField> {
        if let Some((root, steps)) = self.chain(e).filter(|(_, s)| !s.is_empty()) {
            let from = FieldSource::Chain { root, steps };
            return Some(ScanField { name: name_of(&from), data_type: e.data_type.clone(), from });
        }
        let (column, path) = self.path(e)?;
        let declared = &self.declared[column];
        if path.is_empty() || self.whole[column] && e.as_column().is_none() {
            return e.as_column().map(|_| declared.clone());
        }
        if path.len() == 1 {
            return Some(declared.clone());
        }
        let FieldSource::Column { root, path: own } = &declared.from else { return None };
        let mut full = own.clone();
        full.extend(path.into_iter().skip(1));
        let from = FieldSource::Column { root: *root, path: full };
        Some(ScanField { name: name_of(&from), data_type: e.data_type.clone(), from })
    }

    /// A column, or a field of a ROW column: the column and the names from it on.
    fn path(&self, e: &Expr) -> Option<(usize, Vec<String>)> {
        match &e.kind {
            ExprKind::Column(i) => Some((*i, vec![self.declared.get(*i)?.name.clone()])),
            ExprKind::Field { input, index } => {
                let (column, mut path) = self.path(input)?;
                if !matches!(self.declared[column].from, FieldSource::Column { .. }) {
                    return None;
                }
                let SqlType::Row(fields) = &input.data_type.ty else { return None };
                path.push(fields.get(*index)?.name.clone());
                Some((column, path))
            }
            _ => None,
        }
    }

    /// A chain of JSON functions over the whole message. A cast ends it, and is part of it only if it
    /// cannot fail the row: a failure must not strike rows that a condition would have left out.
    fn chain(&self, e: &Expr) -> Option<(Root, Vec<ChainStep>)> {
        match &e.kind {
            ExprKind::Column(i) => self.raw.get(*i).copied().flatten().map(|root| (root, vec![])),
            ExprKind::Cast { input, rule, .. } => {
                let (root, mut steps) = self.chain(input)?;
                if matches!(steps.last(), Some(ChainStep::Cast(..))) {
                    return None;
                }
                let to = &e.data_type.ty;
                if *to == SqlType::STRING {
                    // Message bytes are read as text; a text stays what it is.
                    return Some((root, steps));
                }
                let decodable = matches!(to, SqlType::Boolean | SqlType::Double | SqlType::Float) || to.is_integer();
                if steps.is_empty() || !decodable || rule.on_error == OnCastError::Fail {
                    return None;
                }
                steps.push(ChainStep::Cast(e.data_type.clone(), *rule));
                Some((root, steps))
            }
            ExprKind::Json(call) => {
                let (root, mut steps) = self.chain(&call.input)?;
                if matches!(steps.last(), Some(ChainStep::Cast(..))) || !e.data_type.ty.is_text() {
                    return None;
                }
                let null = |on: &OnJson| matches!(on, OnJson::Null);
                let step = match &call.kind {
                    JsonCallKind::Value { on_empty, on_error } if null(on_empty) && null(on_error) => {
                        ChainStep::JsonValue(call.path.clone(), call.rule)
                    }
                    JsonCallKind::Query { wrapper: JsonWrapper::Without, on_empty, on_error }
                        if null(on_empty) && null(on_error) =>
                    {
                        ChainStep::JsonQuery(call.path.clone(), call.rule)
                    }
                    _ => return None,
                };
                steps.push(step);
                Some((root, steps))
            }
            _ => None,
        }
    }

    fn place(&mut self, mut field: ScanField) -> usize {
        if let Some(i) = self.fields.iter().position(|f| f.from == field.from && f.data_type.ty == field.data_type.ty) {
            return i;
        }
        let base = field.name.clone();
        let mut n = 2;
        while self.fields.iter().any(|f| f.name == field.name) {
            field.name = format!("{base}#{n}");
            n += 1;
        }
        self.fields.push(field);
        self.fields.len() - 1
    }

    /// An expression over the declared columns as one over the fields.
    fn rewrite(&self, e: &Expr) -> Expr {
        if let Some(field) = self.field_of(e)
            && let Some(i) =
                self.fields.iter().position(|f| f.from == field.from && f.data_type.ty == field.data_type.ty)
        {
            return Expr { kind: ExprKind::Column(i), data_type: e.data_type.clone(), span: e.span };
        }
        let mut e = e.clone();
        for c in e.children_mut() {
            *c = self.rewrite(c);
        }
        e
    }

    fn columns(&self) -> Vec<RelColumn> {
        self.fields
            .iter()
            .map(|f| RelColumn { column: Column::new(f.name.clone(), f.data_type.clone()), time: TimeAttribute::None })
            .collect()
    }

    fn scan(&self, graph: &Graph, scan: &Scan, readers: &Readers) -> Scan {
        let event_time = scan.event_time.as_ref().map(|t| EventTime {
            time: self.rewrite(&t.time),
            watermark: self.rewrite(&t.watermark),
            ..t.clone()
        });
        let time = event_time.as_ref().and_then(|t| time_field(&t.time));
        let mut request = ScanRequest { fields: self.fields.clone(), filter: None, time };
        let append = graph.tables[scan.table].binding.source == tidegate_core::table::SourceChanges::Append;
        if append && !readers.whole && (event_time.is_none() || request.time.is_some()) {
            let wanted: Vec<Vec<_>> = readers
                .calcs
                .iter()
                .map(|c| match &graph.rels[*c].op {
                    Op::Calc { filter: Some(f), .. } => filter::pushable(&self.rewrite(f)),
                    _ => vec![],
                })
                .collect();
            request.filter = filter::any_of(&wanted);
        }
        Scan { table: scan.table, request, event_time }
    }
}

/// A field's name for people: the path it reads.
fn name_of(from: &FieldSource) -> String {
    match from {
        FieldSource::Column { path, .. } => path.join("."),
        FieldSource::Metadata(m) => format!("{m:?}").to_lowercase(),
        FieldSource::Chain { steps, .. } => {
            let mut out = String::from("$");
            for s in steps {
                match s {
                    ChainStep::JsonValue(p, _) | ChainStep::JsonQuery(p, _) => {
                        let t = p.text.trim_start_matches("lax ").trim_start_matches("strict ");
                        out.push_str(t.strip_prefix('$').unwrap_or(t));
                    }
                    ChainStep::Cast(t, _) => out.push_str(&format!("::{}", t.ty)),
                }
            }
            out
        }
    }
}

/// Event times that a decoder can tell without evaluating expressions.
fn time_field(e: &Expr) -> Option<TimeField> {
    match &e.kind {
        ExprKind::Column(field) => match e.data_type.ty {
            SqlType::Timestamp(_) | SqlType::TimestampLtz(_) => {
                Some(TimeField { field: *field, unit: TimeUnit::Micros })
            }
            SqlType::BigInt => Some(TimeField { field: *field, unit: TimeUnit::Millis }),
            _ => None,
        },
        ExprKind::Call { function: Function::EpochToInstant { seconds }, args } => {
            let field = args.first()?.as_column()?;
            let integer = args.first()?.data_type.ty.is_integer();
            let unit = if *seconds { TimeUnit::Seconds } else { TimeUnit::Millis };
            integer.then_some(TimeField { field, unit })
        }
        _ => None,
    }
}
