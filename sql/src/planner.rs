//! The entry: a script to a plan. Everything runs on a thread with a stack of its own, since SQL text
//! decides how deep the recursion goes.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use tidegate_core::registry::Registry;
use tidegate_core::{Column, Dialect, Error, Result, Span};
use tidegate_plan::{OnRowError, Plan, Warning};

use crate::ast::{Insert, Name, Query, Script, StatementKind};
use crate::bind::env::Env;
use crate::bind::query::QueryBinder;
use crate::bind::table::Habits;
use crate::bind::{self, relation::Relation};
use crate::catalog::{Catalog, Object};
use crate::dialect::{Inferred, SETTING};
use crate::graph::{Graph, InsertRel, RelId, finish::Finish, identity, prune, pushdown};
use crate::settings::Settings;
use crate::{lints, parse};

/// Stack of the planning thread: touched only as far as it is used.
const STACK: usize = 256 << 20;

/// What a script is planned with.
pub struct PlanOptions<'a> {
    /// The connectors of this build.
    pub registry: &'a Registry,
    /// Values of `${name}`.
    pub variables: BTreeMap<String, String>,
    /// `--set k=v`: these win over the script's own SETs.
    pub settings: Vec<(String, String)>,
    /// For messages.
    pub file_name: String,
    /// In place of the dialect that the script's tables speak.
    pub dialect: Option<Dialect>,
}

impl<'a> PlanOptions<'a> {
    /// Options with nothing set.
    pub fn new(registry: &'a Registry) -> Self {
        PlanOptions { registry, variables: BTreeMap::new(), settings: vec![], file_name: String::new(), dialect: None }
    }
}

/// A planned script.
#[derive(Debug, Clone)]
pub struct Planned {
    /// The statement set as one graph.
    pub plan: Plan,
    /// The INSERTs in order: number, target, place.
    pub inserts: Vec<PlannedInsert>,
    /// Result columns of a bare SELECT, named and typed as Flink would print them.
    pub columns: Vec<Column>,
    /// The tables declared, whether used or not.
    pub tables: Vec<String>,
    /// Whether the script asks for EXPLAIN.
    pub explain: bool,
}

/// One INSERT of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedInsert {
    /// From 1, in the order of the file.
    pub number: usize,
    /// The target table.
    pub table: String,
    /// Where it stands.
    pub span: Span,
}

/// Plans a script: its INSERTs, or its one bare SELECT.
///
/// # Errors
/// Every independent mistake found, each with line, column and help.
pub fn plan_script(text: &str, options: &PlanOptions<'_>) -> Result<Planned, Vec<Error>> {
    on_own_stack(|| Planner::new(text, options).and_then(Planner::script))
}

/// Plans `query` against the tables and views of `script` (which may be empty; its INSERTs are left
/// out). `query` may be the bare name of a table.
///
/// # Errors
/// As for [`plan_script`].
pub fn plan_query(script: &str, query: &str, options: &PlanOptions<'_>) -> Result<Planned, Vec<Error>> {
    on_own_stack(|| Planner::new(script, options).and_then(|p| p.query_text(query)))
}

/// Checks a script without needing an INSERT in it: declarations and views are bound too.
///
/// # Errors
/// As for [`plan_script`].
pub fn check_script(text: &str, options: &PlanOptions<'_>) -> Result<Option<Planned>, Vec<Error>> {
    on_own_stack(|| {
        let planner = Planner::new(text, options)?;
        if planner.has_work() { planner.script().map(Some) } else { planner.declarations().map(|()| None) }
    })
}

fn on_own_stack<T: Send>(work: impl FnOnce() -> Result<T, Vec<Error>> + Send) -> Result<T, Vec<Error>> {
    std::thread::scope(|scope| {
        let thread =
            std::thread::Builder::new().name("sql-planner".to_owned()).stack_size(STACK).spawn_scoped(scope, work);
        match thread.map(std::thread::ScopedJoinHandle::join) {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(vec![Error::internal("the planner failed on this script")]),
            Err(e) => Err(vec![Error::external(format!("no thread for the planner: {e}"))]),
        }
    })
}

struct Planner<'a> {
    options: &'a PlanOptions<'a>,
    script: Script,
    settings: Settings,
    catalog: Catalog,
    errors: Vec<Error>,
    /// Names whose declaration failed: what refers to them is not reported again.
    broken: BTreeSet<String>,
    /// Planning for `query`.
    looking: bool,
    /// What the binder warns about.
    notes: Rc<RefCell<Vec<Warning>>>,
}

/// What a statement set became.
#[derive(Default)]
struct Bound {
    graph: Graph,
    inserts: Vec<InsertRel>,
    query: Option<Relation>,
}

impl<'a> Planner<'a> {
    fn new(text: &str, options: &'a PlanOptions<'a>) -> Result<Self, Vec<Error>> {
        let script = parse::parse(text, &options.variables).map_err(|e| vec![e])?;
        let inferred = inferred(&script, options).map_err(|e| vec![e])?;
        let settings = Settings::of(&script, &inferred, &options.settings).map_err(|e| vec![e])?;
        let mut catalog = Catalog::new(inferred.dialect, options.registry.clone());
        let (mut errors, mut broken) = (Vec::new(), BTreeSet::new());
        for s in &script.statements {
            if let Err(e) = catalog.apply(&s.kind) {
                if let Some(name) = declared_name(&s.kind) {
                    broken.insert(name.text.to_lowercase());
                }
                errors.push(e.at(s.span));
            }
        }
        Ok(Planner { options, script, settings, catalog, errors, broken, looking: false, notes: Rc::default() })
    }

    fn env(&self) -> Env {
        Env {
            dialect: self.settings.dialect(),
            zone: self.settings.plan.zone.clone(),
            legacy_cast: self.settings.legacy_cast,
            looking: self.looking,
            notes: Rc::clone(&self.notes),
        }
    }

    fn has_work(&self) -> bool {
        self.script.statements.iter().any(|s| {
            matches!(
                s.kind,
                StatementKind::Insert(_)
                    | StatementKind::StatementSet(_)
                    | StatementKind::Query(_)
                    | StatementKind::Explain(_)
            )
        })
    }

    fn script(mut self) -> Result<Planned, Vec<Error>> {
        let (mut inserts, mut queries, mut explain) = (Vec::new(), Vec::new(), false);
        collect(
            &self.script.statements.iter().map(|s| &s.kind).collect::<Vec<_>>(),
            &mut inserts,
            &mut queries,
            &mut explain,
        );
        let inserts: Vec<Insert> = inserts.into_iter().cloned().collect();
        let queries: Vec<Query> = queries.into_iter().cloned().collect();
        if inserts.is_empty() && queries.is_empty() && self.errors.is_empty() {
            return Err(vec![
                Error::user("the script has no INSERT")
                    .help("add INSERT INTO target SELECT …; tables alone do nothing"),
            ]);
        }
        if let (Some(q), false) = (queries.first(), inserts.is_empty()) {
            return Err(vec![
                Error::user("a bare SELECT beside INSERTs")
                    .at(q.span)
                    .help("write INSERT INTO … before it, or run it with `query`"),
            ]);
        }
        if let Some(second) = queries.get(1) {
            return Err(vec![
                Error::user("more than one bare SELECT")
                    .at(second.span)
                    .help("a job writes tables: INSERT INTO … SELECT …"),
            ]);
        }
        let bound = self.bind(&inserts, queries.first());
        self.declarations_into_errors();
        self.finish(bound, &inserts, explain)
    }

    fn query_text(mut self, text: &str) -> Result<Planned, Vec<Error>> {
        self.looking = true;
        let bare_name =
            !text.trim().is_empty() && text.trim().chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '`'));
        let text = if bare_name { format!("SELECT * FROM {}", text.trim()) } else { text.to_owned() };
        let query = parse::parse_query(&text).map_err(|e| vec![e])?;
        let bound = self.bind(&[], Some(&query));
        self.finish(bound, &[], false)
    }

    fn declarations(mut self) -> Result<(), Vec<Error>> {
        self.declarations_into_errors();
        if self.errors.is_empty() { Ok(()) } else { Err(sorted(self.errors)) }
    }

    /// Tables and views that no INSERT reads are bound too, so that `check` finds their mistakes.
    fn declarations_into_errors(&mut self) {
        let (env, habits) = (self.env(), self.habits());
        let mut found = Vec::new();
        let objects: Vec<Object> = self.catalog.objects().cloned().collect();
        let (mut graph, mut views) = (Graph::default(), HashMap::new());
        for object in objects {
            match object {
                Object::Table(t) => {
                    if let Err(e) = bind::table::relation(&env, &mut graph, &t, &habits) {
                        found.push(e.at(t.bound.spec.span));
                    }
                }
                Object::View(v) => {
                    let mut b = QueryBinder {
                        env: &env,
                        catalog: &self.catalog,
                        registry: self.options.registry,
                        habits: &habits,
                        graph: &mut graph,
                        views: &mut views,
                        ctes: vec![],
                        query: &v.query,
                        depth: 0,
                    };
                    if let Err(all) = b.named(&v.name.text, v.name.span, &[]) {
                        found.extend(all);
                    }
                }
            }
        }
        self.report(found);
    }

    /// Adds errors that are not about broken declarations and not yet known.
    fn report(&mut self, found: Vec<Error>) {
        for e in found {
            let about_broken = e
                .message()
                .strip_prefix("there is no table or view '")
                .and_then(|m| m.strip_suffix('\''))
                .is_some_and(|n| self.broken.contains(&n.to_lowercase()));
            let known = self.errors.iter().any(|k| k.message() == e.message() && k.span() == e.span());
            if !about_broken && !known {
                self.errors.push(e);
            }
        }
    }

    fn habits(&self) -> Habits {
        Habits { idle_timeout_ms: self.settings.idle_timeout_ms }
    }

    fn bind(&mut self, inserts: &[Insert], query: Option<&Query>) -> Bound {
        let (env, habits) = (self.env(), self.habits());
        let mut out = Bound::default();
        let mut views = HashMap::new();
        let mut found = Vec::new();
        for (i, insert) in inserts.iter().enumerate() {
            let mut b = QueryBinder {
                env: &env,
                catalog: &self.catalog,
                registry: self.options.registry,
                habits: &habits,
                graph: &mut out.graph,
                views: &mut views,
                ctes: vec![],
                query: &insert.query,
                depth: 0,
            };
            match bind::insert::bind(&mut b, insert, i + 1) {
                Ok(rel) => out.inserts.push(rel),
                Err(all) => found.extend(all),
            }
        }
        if let Some(q) = query {
            let mut b = QueryBinder {
                env: &env,
                catalog: &self.catalog,
                registry: self.options.registry,
                habits: &habits,
                graph: &mut out.graph,
                views: &mut views,
                ctes: vec![],
                query: q,
                depth: 0,
            };
            match b.bind(&q.ast) {
                Ok(r) => out.query = Some(r),
                Err(all) => found.extend(all.into_iter().map(|e| e.at(q.span))),
            }
        }
        self.report(found);
        out
    }

    /// The passes over a bound statement set.
    fn finish(mut self, bound: Bound, inserts: &[Insert], explain: bool) -> Result<Planned, Vec<Error>> {
        if !self.errors.is_empty() {
            return Err(sorted(self.errors));
        }
        let Bound { mut graph, inserts: mut rels, query } = bound;
        let (mut root, columns) = match &query {
            None => (None, vec![]),
            Some(r) => visible(&mut graph, r),
        };
        if let Err(e) = self.dead_letters(&mut graph) {
            return Err(vec![e]);
        }
        let graph = prune::prune(&graph, &mut rels, &mut root);
        let ids = identity::ids(&graph);
        let lints = lints::before_pushdown(&graph, &rels, &self.settings);
        let (graph, ids) = pushdown::push(&graph, &ids, &mut rels, &mut root);
        let finish = Finish {
            graph: &graph,
            ids,
            inserts: rels,
            query: root,
            settings: self.settings.plan.clone(),
            drop_nulls: self.settings.drop_nulls,
            materialize: self.settings.materialize,
            sink_ids: self.sink_ids(),
            create_topics: self.settings.create_topics,
        };
        let mut plan = finish.plan().map_err(sorted)?;
        if let (Some(q), false) = (plan.query, columns.is_empty()) {
            plan.nodes[q].columns.clone_from(&columns);
        }
        let parsed = self.script.warnings.iter().chain(&self.settings.warnings).chain(&self.catalog.warnings);
        plan.warnings = parsed.map(lints::note).collect();
        plan.warnings.extend(self.notes.take());
        plan.warnings.extend(lints);
        plan.warnings.extend(lints::after(&plan));
        plan.warnings.dedup();
        let inserts = inserts
            .iter()
            .enumerate()
            .map(|(i, insert)| PlannedInsert { number: i + 1, table: insert.table.text.clone(), span: insert.span })
            .collect();
        let tables = self.catalog.objects().filter_map(|o| match o {
            Object::Table(t) => Some(t.name().to_owned()),
            Object::View(_) => None,
        });
        Ok(Planned { plan, inserts, columns, tables: tables.collect(), explain })
    }

    fn sink_ids(&self) -> Vec<(String, String)> {
        self.catalog
            .objects()
            .filter_map(|o| match o {
                Object::Table(t) => t.own.sink_id.clone().map(|id| (t.name().to_owned(), id)),
                Object::View(_) => None,
            })
            .collect()
    }

    /// The table for bad rows: set for the job, or by a source.
    fn dead_letters(&mut self, graph: &mut Graph) -> Result<()> {
        let mut name = self.settings.dead_letter.clone();
        let mut on_error = None;
        for o in self.catalog.objects() {
            if let Object::Table(t) = o
                && graph.tables.iter().any(|b| b.spec.name == t.name())
            {
                on_error = on_error.or(t.own.on_error);
                if let Some(own) = &t.own.dead_letter {
                    match &name {
                        Some(other) if other.text != own.text => {
                            return Err(Error::user(format!(
                                "two dead-letter tables: '{}' and '{}'",
                                other.text, own.text
                            ))
                            .at(own.span)
                            .help("a job has one"));
                        }
                        _ => name = Some(own.clone()),
                    }
                }
            }
        }
        if let Some(name) = name {
            let table = self.catalog.table(&name.text, name.span).map_err(|e| e.context("tidegate.dead-letter"))?;
            self.settings.plan.dead_letter = Some(graph.table(&table.bound));
            on_error = Some(OnRowError::DeadLetter);
        }
        if let Some(policy) = on_error {
            self.settings.plan.on_error = policy;
        }
        Ok(())
    }
}

/// The visible columns of a bare query, as its own relation.
fn visible(graph: &mut Graph, r: &Relation) -> (Option<RelId>, Vec<Column>) {
    let outputs: Vec<_> =
        r.outputs().into_iter().zip(&r.scope.columns).filter(|(_, c)| !c.hidden).map(|(o, _)| o).collect();
    let columns = outputs.iter().map(|(e, n, _)| Column::new(n.clone(), e.data_type.clone())).collect();
    let rel = graph.calc(r.rel, None, outputs, Span::default());
    (Some(rel), columns)
}

fn inferred(script: &Script, options: &PlanOptions<'_>) -> Result<Inferred> {
    if let Some(dialect) = options.dialect {
        return Ok(Inferred { dialect, reason: "asked for on the command line".to_owned() });
    }
    if let Some((_, value)) = options.settings.iter().rev().find(|(k, _)| k == SETTING) {
        return Ok(Inferred { dialect: value.parse()?, reason: format!("--set {SETTING}") });
    }
    crate::dialect::infer(script, options.registry)
}

fn collect<'s>(
    statements: &[&'s StatementKind],
    inserts: &mut Vec<&'s Insert>,
    queries: &mut Vec<&'s Query>,
    explain: &mut bool,
) {
    for s in statements {
        match s {
            StatementKind::Insert(i) => inserts.push(i),
            StatementKind::StatementSet(all) => inserts.extend(all),
            StatementKind::Query(q) => queries.push(q),
            StatementKind::Explain(inner) => {
                *explain = true;
                collect(&[&inner.kind], inserts, queries, explain);
            }
            _ => {}
        }
    }
}

fn declared_name(s: &StatementKind) -> Option<&Name> {
    match s {
        StatementKind::CreateTable(t) => Some(&t.name),
        StatementKind::CreateView(v) => Some(&v.name),
        _ => None,
    }
}

/// Errors in the order of the text.
fn sorted(mut errors: Vec<Error>) -> Vec<Error> {
    errors.sort_by_key(|e| (!e.span().is_known(), e.span().line, e.span().column));
    errors
}
