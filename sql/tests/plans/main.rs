//! Scripts to plans: what is refused and how, what each dialect makes of the same text, what the
//! planner's passes do.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a panic is how a test fails")]

mod dialects;
mod features;
mod graphs;
mod lints;
mod mistakes;
mod random;
mod robust;
mod sound;
mod spellings;

use tidegate_core::registry::Registry;
use tidegate_core::{Dialect, Error};
use tidegate_plan::{Expr, Op, Plan, Scan, Sink};
use tidegate_sql::{PlanOptions, Planned, plan_query, plan_script};

pub(crate) fn registry() -> Registry {
    Registry::new()
        .with(tidegate_kafka::connectors())
        .with(tidegate_mysql::connectors())
        .with(tidegate_hbase::connectors())
        .with(tidegate_elasticsearch::connectors())
        .with(tidegate_local::connectors())
}

pub(crate) fn try_plan(text: &str) -> Result<Planned, Vec<Error>> {
    let registry = registry();
    let mut options = PlanOptions::new(&registry);
    options.settings.push(("table.local-time-zone".to_owned(), "Asia/Shanghai".to_owned()));
    plan_script(text, &options)
}

pub(crate) fn plan(text: &str) -> Plan {
    match try_plan(text) {
        Ok(p) => {
            sound::check(&p.plan);
            p.plan
        }
        Err(all) => panic!("{}", all.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
    }
}

/// One expression over no table, in a dialect.
pub(crate) fn expression(dialect: Dialect, sql: &str) -> Result<Expr, Error> {
    let registry = registry();
    let mut options = PlanOptions::new(&registry);
    options.dialect = Some(dialect);
    let query = format!("SELECT {sql}");
    let planned = plan_query("", &query, &options).map_err(|mut all| all.remove(0))?;
    let root = planned.plan.query.and_then(|q| planned.plan.nodes.into_iter().nth(q));
    match root.map(|n| n.op) {
        Some(Op::Calc { mut exprs, .. }) => Ok(exprs.remove(0)),
        other => panic!("no projection: {other:?}"),
    }
}

pub(crate) fn scans(plan: &Plan) -> Vec<&Scan> {
    plan.nodes
        .iter()
        .filter_map(|n| match &n.op {
            Op::Scan(s) => Some(s),
            _ => None,
        })
        .collect()
}

pub(crate) fn sink(plan: &Plan, i: usize) -> &Sink {
    match &plan.nodes[plan.sinks[i]].op {
        Op::Sink(s) => s,
        other => panic!("no sink: {other:?}"),
    }
}

/// A Flink source with an event time, and targets of several kinds.
pub(crate) const FLINK: &str = "
CREATE TABLE orders (
  id BIGINT, user_id STRING, amount DECIMAL(10, 2), info ROW<city STRING, zip INT>, tags ARRAY<STRING>,
  ts TIMESTAMP(3), raw_ms BIGINT,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH ('connector' = 'kafka', 'topic' = 'orders', 'properties.bootstrap.servers' = 'b:9092', 'format' = 'json');
CREATE TABLE counts (user_id STRING, n BIGINT) WITH ('connector' = 'kafka', 'topic' = 'c', 'properties.bootstrap.servers' = 'b:9092', 'format' = 'json');
CREATE TABLE totals (user_id STRING, n BIGINT, PRIMARY KEY (user_id) NOT ENFORCED)
  WITH ('connector' = 'upsert-kafka', 'topic' = 't', 'properties.bootstrap.servers' = 'b:9092', 'key.format' = 'json', 'value.format' = 'json');
CREATE TABLE windows (s TIMESTAMP(3), e TIMESTAMP(3), user_id STRING, n BIGINT)
  WITH ('connector' = 'kafka', 'topic' = 'w', 'properties.bootstrap.servers' = 'b:9092', 'format' = 'json');
";
