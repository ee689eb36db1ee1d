//! From the graph to the plan: sinks with their keys and needs, nodes with their properties.

use std::collections::BTreeSet;

use tidegate_core::table::{BoundTable, Resource, SinkChanges};
use tidegate_core::{Dialect, Error};
use tidegate_plan::{Changes, Insert, Node, NodeId, Op, Plan, Settings, Sink};

use super::keys::{Keys, constants, unique_keys};
use super::{Graph, InsertRel, RelId, TimeAttribute, changelog, filter, identity};
use crate::settings::Materialize;

/// What the finish needs to know besides the graph.
pub(crate) struct Finish<'a> {
    pub graph: &'a Graph,
    pub ids: Vec<String>,
    pub inserts: Vec<InsertRel>,
    pub query: Option<RelId>,
    pub settings: Settings,
    pub drop_nulls: bool,
    pub materialize: Materialize,
    /// `tidegate.sink-id` by table name.
    pub sink_ids: Vec<(String, String)>,
    /// `tidegate.create-topics`
    pub create_topics: Option<Option<u32>>,
}

/// A sink and its INSERTs.
struct Target {
    table: usize,
    changes: SinkChanges,
    key: Vec<usize>,
    materialize: bool,
    inserts: Vec<InsertRel>,
    needs: Vec<(RelId, Changes)>,
}

impl Finish<'_> {
    /// The plan, or what is wrong with its changes.
    pub fn plan(self) -> Result<Plan, Vec<Error>> {
        let graph = self.graph;
        let produced = changelog::produced(graph);
        let keys = unique_keys(graph);
        let mut errors = changelog::check(graph, &produced);
        for rel in &graph.rels {
            if matches!(rel.op, Op::TopN { to: crate::bind::rank::UNBOUNDED, .. }) {
                errors.push(crate::bind::rank::unbounded(rel.span));
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let mut targets = Vec::new();
        for insert in &self.inserts {
            match targets.iter_mut().find(|t: &&mut Target| t.table == insert.table) {
                Some(t) => t.inserts.push(insert.clone()),
                None => targets.push(self.target(insert)),
            }
        }
        for t in &mut targets {
            if let Err(e) = self.decide(t, &produced, &keys) {
                errors.push(e);
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let mut roots: Vec<(RelId, Changes)> = targets.iter().flat_map(|t| t.needs.iter().copied()).collect();
        roots.extend(self.query.map(|q| (q, Changes::ALL)));
        let emitted = changelog::emitted(graph, &produced, &keys, &roots);
        let mut nodes: Vec<Node> = (0..graph.rels.len()).map(|id| self.node(id, emitted[id], &keys[id])).collect();
        for i in targets.iter().filter(|t| t.materialize).flat_map(|t| &t.inserts) {
            nodes[i.rel].upsert_key = nodes[i.rel].upsert_key.take().or_else(|| self.steady_columns(i.rel));
        }
        let mut sinks = Vec::new();
        for t in targets {
            sinks.push(nodes.len());
            nodes.push(self.sink_node(t, &emitted));
        }
        let plan =
            Plan { tables: self.tables(), nodes, sinks, query: self.query, settings: self.settings, warnings: vec![] };
        Ok(plan)
    }

    /// The tables, with what settings say of all of them.
    fn tables(&self) -> Vec<BoundTable> {
        let mut tables = self.graph.tables.clone();
        for table in &mut tables {
            table.binding.create_topic = self.create_topics;
        }
        tables
    }

    fn target(&self, insert: &InsertRel) -> Target {
        let table = &self.graph.tables[insert.table];
        let names: Vec<&str> = table.spec.writable().map(|c| c.column.name.as_str()).collect();
        let by = if table.spec.primary_key.is_empty() { &table.binding.key_columns } else { &table.spec.primary_key };
        Target {
            table: insert.table,
            changes: table.binding.sink,
            key: by.iter().filter_map(|k| names.iter().position(|n| n == k)).collect(),
            materialize: false,
            inserts: vec![insert.clone()],
            needs: vec![],
        }
    }

    /// How a sink takes the changes of its INSERTs.
    fn decide(&self, t: &mut Target, produced: &[Changes], keys: &[Keys]) -> Result<(), Error> {
        let table = &self.graph.tables[t.table];
        if let Some(updating) = t.inserts.iter().find(|i| !produced[i.rel].is_append()) {
            if t.changes == SinkChanges::AppendOnly {
                if table.spec.dialect == Dialect::Flink {
                    return Err(append_only(table, produced[updating.rel], updating));
                }
                t.changes = SinkChanges::NewestValues;
            }
            if t.changes == SinkChanges::Upsert {
                let contending = t.inserts.iter().any(|i| self.contends(t, i, produced, keys));
                let auto = contending || t.inserts.len() > 1 && self.all_columns(t);
                t.materialize = match self.materialize {
                    Materialize::Auto => auto,
                    Materialize::None => false,
                    Materialize::Force => true,
                };
            }
        }
        let needs = match t.changes {
            SinkChanges::AppendOnly => Changes::APPEND,
            SinkChanges::NewestValues => Changes { update_before: false, update_after: true, delete: false },
            SinkChanges::Upsert if t.materialize => Changes::ALL,
            SinkChanges::Upsert | SinkChanges::UpsertIgnoreDelete => Changes::UPSERT,
            SinkChanges::All | SinkChanges::RetractFlag => Changes::ALL,
        };
        t.needs = t.inserts.iter().map(|i| (i.rel, needs)).collect();
        Ok(())
    }

    fn all_columns(&self, t: &Target) -> bool {
        let width = self.graph.tables[t.table].spec.writable().count();
        t.inserts.iter().all(|i| i.columns.len() == width)
    }

    /// Whether changes of different rows meet under one sink key, or a condition turns updates into
    /// removals that only the old version tells.
    fn contends(&self, t: &Target, insert: &InsertRel, produced: &[Changes], keys: &[Keys]) -> bool {
        if produced[insert.rel].is_append() {
            return false;
        }
        let fixed = constants(self.graph, insert.rel);
        let own: BTreeSet<usize> = t
            .key
            .iter()
            .filter_map(|k| insert.columns.iter().position(|c| c == k))
            .filter(|c| !fixed.contains(c))
            .collect();
        let exact = keys[insert.rel]
            .iter()
            .any(|k| k.iter().copied().filter(|c| !fixed.contains(c)).collect::<BTreeSet<_>>() == own);
        !exact || self.filtered(insert.rel, produced, keys)
    }

    /// Whether a condition on other columns than the key stands behind the last stateful operator.
    fn filtered(&self, rel: RelId, produced: &[Changes], keys: &[Keys]) -> bool {
        let r = &self.graph.rels[rel];
        match &r.op {
            Op::Calc { filter, .. } => {
                let input = r.inputs[0];
                let by_key = filter.as_ref().is_none_or(|f| filter::only_reads(f, keys[input].first()));
                (!by_key && !produced[input].is_append()) || self.filtered(input, produced, keys)
            }
            Op::Union => r.inputs.iter().any(|i| self.filtered(*i, produced, keys)),
            _ => false,
        }
    }

    /// Where a row has clock or random columns, the others tell its retraction from those of its
    /// neighbours: the retraction has another time in it.
    fn steady_columns(&self, rel: RelId) -> Option<Vec<usize>> {
        let Op::Calc { exprs, .. } = &self.graph.rels[rel].op else { return None };
        let steady: Vec<usize> = (0..exprs.len()).filter(|i| exprs[*i].is_deterministic()).collect();
        (steady.len() < exprs.len()).then_some(steady)
    }

    fn node(&self, id: RelId, changes: Changes, keys: &Keys) -> Node {
        let rel = &self.graph.rels[id];
        Node {
            op: rel.op.clone(),
            inputs: rel.inputs.clone(),
            columns: rel.columns.iter().map(|c| c.column.clone()).collect(),
            changes,
            unique_keys: keys.clone(),
            upsert_key: keys.first().cloned(),
            time_column: rel.columns.iter().position(|c| c.time == TimeAttribute::Event),
            id: self.ids[id].clone(),
            label: label(self.graph, id),
        }
    }

    fn sink_node(&self, t: Target, emitted: &[Changes]) -> Node {
        let table = &self.graph.tables[t.table];
        let sink_id = self
            .sink_ids
            .iter()
            .find(|(name, _)| *name == table.spec.name)
            .map_or_else(|| table.spec.name.clone(), |(_, id)| id.clone());
        let columns: Vec<_> = table.spec.writable().map(|c| c.column.clone()).collect();
        let not_null = (0..columns.len()).filter(|i| !columns[*i].data_type.nullable).collect();
        let inputs: Vec<NodeId> = t.inserts.iter().map(|i| i.rel).collect();
        let inserts = t
            .inserts
            .iter()
            .map(|i| Insert {
                number: i.number,
                columns: i.columns.clone(),
                guarantee: guarantee(table, t.changes, !emitted[i.rel].is_append()),
                span: i.span,
            })
            .collect();
        let changes = inputs.iter().fold(Changes::APPEND, |a, i| changelog::union(a, emitted[*i]));
        let id = identity::hashed(&format!("sink {sink_id}"));
        Node {
            label: format!("Sink({sink_id})"),
            upsert_key: (!t.key.is_empty()).then(|| t.key.clone()),
            op: Op::Sink(Sink {
                table: t.table,
                sink_id,
                inserts,
                changes: t.changes,
                key: t.key,
                materialize: t.materialize,
                not_null,
                drop_nulls: self.drop_nulls,
            }),
            inputs,
            columns,
            changes,
            unique_keys: vec![],
            time_column: None,
            id,
        }
    }
}

fn append_only(table: &BoundTable, produced: Changes, insert: &InsertRel) -> Error {
    let e = Error::user(format!(
        "table '{}' ({}) takes new rows only, but the query updates its rows ({produced})",
        table.spec.name, table.connector
    ))
    .context(format!("INSERT {} → table {}", insert.number, table.spec.name))
    .at(insert.span);
    match table.binding.resource {
        Resource::Log { .. } => e.help(
            "write into an 'upsert-kafka' table with a PRIMARY KEY, or group by a window, whose results are final",
        ),
        _ => e.help("give the table a PRIMARY KEY (…) NOT ENFORCED, or group by a window, whose results are final"),
    }
}

/// The promise as far as it is known without opening the target.
fn guarantee(table: &BoundTable, changes: SinkChanges, updating: bool) -> String {
    let how = match changes {
        SinkChanges::Upsert | SinkChanges::UpsertIgnoreDelete => "rows replace each other by key",
        SinkChanges::NewestValues if updating => "newest values are appended",
        _ => "rows are appended",
    };
    match table.binding.resource {
        Resource::Log { .. } if !table.binding.exactly_once => {
            format!("at least once, as the table asks: a crash may repeat rows; {how} (embedded: exactly once)")
        }
        Resource::Log { .. } | Resource::Table { .. } => {
            format!(
                "exactly once: decided in the job's log, applied with a fence; {how} (embedded; a server's level is shown at start)"
            )
        }
        Resource::Own if changes == SinkChanges::All => "shown or dropped as they come, nothing is kept".to_owned(),
        Resource::Own => format!("decided in the job's log, then written; {how}; the level is shown at start"),
    }
}

/// A line for people.
fn label(graph: &Graph, id: RelId) -> String {
    let rel = &graph.rels[id];
    let names = |input: RelId, cols: &[usize]| {
        cols.iter().map(|c| column_name(graph, input, *c)).collect::<Vec<_>>().join(", ")
    };
    let input = rel.inputs.first().copied().unwrap_or(0);
    match &rel.op {
        Op::Scan(s) => format!("Scan({})", graph.tables[s.table].spec.name),
        Op::Values(rows) => format!("Values({} row{})", rows.len(), if rows.len() == 1 { "" } else { "s" }),
        Op::Calc { filter: Some(_), .. } => "Filter and project".to_owned(),
        Op::Calc { .. } => "Project".to_owned(),
        Op::Union => "Union".to_owned(),
        Op::WindowTable(w) => format!("WindowTable({})", window_text(&w.kind)),
        Op::WindowAggregate { window, keys, .. } => {
            format!("WindowAggregate({}; {})", window_text(&window.kind), names(input, keys))
        }
        Op::GroupAggregate { keys, .. } => format!("GroupAggregate({})", names(input, keys)),
        Op::Deduplicate { keys, keep_last, .. } => {
            format!("Deduplicate({}, {} row)", names(input, keys), if *keep_last { "last" } else { "first" })
        }
        Op::TopN { keys, from, to, .. } => format!("TopN({from}..{to} by {})", names(input, keys)),
        Op::Normalize { keys } => format!("Normalize({})", names(input, keys)),
        Op::Sink(s) => format!("Sink({})", s.sink_id),
    }
}

/// The name of a column, looked up through unnamed projections.
pub(crate) fn column_name(graph: &Graph, rel: RelId, column: usize) -> String {
    let name = graph.rels[rel].columns.get(column).map_or("?", |c| c.column.name.as_str());
    if !name.starts_with('$') {
        return name.to_owned();
    }
    if let Op::Calc { exprs, .. } = &graph.rels[rel].op
        && let Some(e) = exprs.get(column)
    {
        let below = graph.rels[rel].inputs[0];
        let names: Vec<String> = graph.rels[below].columns.iter().map(|c| c.column.name.clone()).collect();
        return crate::bind::expr::shortened(&crate::explain::expr(e, &names));
    }
    name.to_owned()
}

/// A window in words.
pub(crate) fn window_text(kind: &tidegate_plan::WindowKind) -> String {
    use tidegate_plan::WindowKind as K;
    match kind {
        K::Tumble { size, .. } => format!("tumble {}", duration(*size)),
        K::Hop { slide, size, .. } => format!("hop {} every {}", duration(*size), duration(*slide)),
        K::Cumulate { step, size, .. } => format!("cumulate {} up to {}", duration(*step), duration(*size)),
        K::Session { gap } => format!("session gap {}", duration(*gap)),
    }
}

/// Milliseconds in the largest whole unit.
pub(crate) fn duration(ms: i64) -> String {
    for (unit, size) in [("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1000)] {
        if ms != 0 && ms % size == 0 {
            return format!("{} {unit}", ms / size);
        }
    }
    format!("{ms} ms")
}
