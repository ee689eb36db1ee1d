//! Plans made by hand.

use tidegate_core::scan::{FieldSource, Root, ScanField, ScanRequest, TimeField, TimeUnit};
use tidegate_core::table::{BoundTable, Format, Resource, SinkChanges, TableBinding, TableSpec};
use tidegate_core::{Column, DataType, Dialect, Scalar, Span, SqlType};
use tidegate_plan::{
    AggregateCall, AggregateFunction, Changes, EventTime, Expr, ExprKind, Function, Insert, Node, OnRowError, Op, Plan,
    Scan, Settings, Sink, Window, WindowKind,
};

pub fn bigint() -> DataType {
    SqlType::BigInt.nullable()
}

pub fn settings() -> Settings {
    Settings {
        dialect: Dialect::Flink,
        dialect_reason: "test".into(),
        zone: "UTC".into(),
        job_name: None,
        checkpoint_interval_ms: 30,
        state_ttl_ms: 0,
        mini_batch: true,
        on_error: OnRowError::Stop,
        dead_letter: None,
        epoch_bytes: 64 << 20,
        pending_bytes: 256 << 20,
        log_retention_ms: 0,
        require_exactly_once: false,
        parallelism: None,
        raw: Vec::new(),
    }
}

pub fn table(name: &str, columns: &[(&str, SqlType)], key: &[&str]) -> BoundTable {
    let mut binding = TableBinding::new(Resource::Log { topics: vec![name.into()], pattern: None });
    binding.value_format = Some(Format::Json(tidegate_core::table::JsonFormat::default()));
    binding.sink = if key.is_empty() { SinkChanges::AppendOnly } else { SinkChanges::Upsert };
    BoundTable {
        spec: TableSpec::new(name, Dialect::Flink, columns.iter().cloned()).with_key(key),
        connector: "memory".into(),
        options: std::collections::BTreeMap::new(),
        binding,
    }
}

pub struct PlanBuilder {
    pub plan: Plan,
}

fn named(columns: &[&str]) -> Vec<Column> {
    columns.iter().map(|c| Column::new(*c, bigint())).collect()
}

impl PlanBuilder {
    /// A scan of `src(k, v, t)` with event time `t` and a delay, if given.
    pub fn new(delay: Option<i64>) -> Self {
        let columns = named(&["k", "v", "t"]);
        let field = |c: &Column| ScanField {
            name: c.name.clone(),
            data_type: c.data_type.clone(),
            from: FieldSource::Column { root: Root::Value, path: vec![c.name.clone()] },
        };
        let time = Expr::column(2, bigint());
        let event_time = delay.map(|d| EventTime {
            time: time.clone(),
            watermark: Expr::new(
                ExprKind::Call {
                    function: Function::Subtract,
                    args: vec![time.clone(), Expr::literal(Scalar::Int(d), bigint())],
                },
                bigint(),
            ),
            delay_ms: delay,
            idle_timeout_ms: None,
        });
        let request = ScanRequest {
            fields: columns.iter().map(field).collect(),
            filter: None,
            time: delay.map(|_| TimeField { field: 2, unit: TimeUnit::Millis }),
        };
        let mut b = PlanBuilder {
            plan: Plan {
                tables: vec![table(
                    "src",
                    &[("k", SqlType::BigInt), ("v", SqlType::BigInt), ("t", SqlType::BigInt)],
                    &[],
                )],
                nodes: Vec::new(),
                sinks: Vec::new(),
                query: None,
                settings: settings(),
                warnings: Vec::new(),
            },
        };
        b.add(
            Op::Scan(Scan { table: 0, request, event_time }),
            vec![],
            columns,
            Changes::APPEND,
            None,
            delay.map(|_| 2),
        );
        b
    }
    pub fn add(
        &mut self,
        op: Op,
        inputs: Vec<usize>,
        columns: Vec<Column>,
        changes: Changes,
        upsert_key: Option<Vec<usize>>,
        time_column: Option<usize>,
    ) -> usize {
        let id = format!("n{}", self.plan.nodes.len());
        let label = id.clone();
        self.plan.nodes.push(Node {
            op,
            inputs,
            columns,
            changes,
            unique_keys: vec![],
            upsert_key,
            time_column,
            id,
            label,
        });
        self.plan.nodes.len() - 1
    }
    /// Picks columns.
    pub fn calc(&mut self, input: usize, columns: &[usize]) -> usize {
        let from = self.plan.nodes[input].clone();
        let exprs = columns.iter().map(|c| Expr::column(*c, bigint())).collect();
        let names = columns.iter().map(|c| from.columns[*c].clone()).collect();
        let time = from.time_column.and_then(|t| columns.iter().position(|c| *c == t));
        let key =
            from.upsert_key.as_ref().and_then(|k| k.iter().map(|k| columns.iter().position(|c| c == k)).collect());
        self.add(Op::Calc { filter: None, exprs }, vec![input], names, from.changes, key, time)
    }
    /// COUNT(*), SUM(v) by a column.
    pub fn group(&mut self, input: usize, key: usize, value: usize) -> usize {
        let aggregates = vec![
            AggregateCall {
                function: AggregateFunction::CountAll,
                args: vec![],
                distinct: false,
                filter: None,
                data_type: bigint(),
            },
            AggregateCall {
                function: AggregateFunction::Sum,
                args: vec![value],
                distinct: false,
                filter: None,
                data_type: bigint(),
            },
        ];
        let op = Op::GroupAggregate { keys: vec![key], aggregates };
        self.add(op, vec![input], named(&["k", "n", "s"]), Changes::UPSERT, Some(vec![0]), None)
    }
    /// COUNT(*) by k in tumbling windows.
    pub fn window(&mut self, input: usize, size: i64) -> usize {
        let window = Window { kind: WindowKind::Tumble { size, offset: 0 }, time: Some(2), zone: "UTC".into() };
        let aggregates = vec![AggregateCall {
            function: AggregateFunction::CountAll,
            args: vec![],
            distinct: false,
            filter: None,
            data_type: bigint(),
        }];
        let mut columns = named(&["k", "n"]);
        for name in ["window_start", "window_end", "window_time"] {
            columns.push(Column::new(name, SqlType::Timestamp(3).nullable()));
        }
        let op = Op::WindowAggregate { window, keys: vec![0], aggregates, emit_start_end: true };
        self.add(op, vec![input], columns, Changes::APPEND, None, Some(4))
    }
    /// INSERTs into a new table.
    pub fn sink(&mut self, name: &str, inputs: &[usize], key: &[usize]) -> usize {
        let columns: Vec<Column> = self.plan.nodes[inputs[0]].columns.clone();
        let spec: Vec<(&str, SqlType)> = columns.iter().map(|c| (c.name.as_str(), c.data_type.ty.clone())).collect();
        let keys: Vec<&str> = key.iter().map(|k| columns[*k].name.as_str()).collect();
        let bound = table(name, &spec, &keys);
        self.plan.tables.push(bound);
        let insert = |number: usize| Insert {
            number,
            columns: (0..columns.len()).collect(),
            guarantee: String::new(),
            span: Span::default(),
        };
        let base: usize = self.plan.sinks.len() * 10;
        let sink = Sink {
            table: self.plan.tables.len() - 1,
            sink_id: name.into(),
            inserts: (0..inputs.len()).map(|i| insert(base + i + 1)).collect(),
            changes: if key.is_empty() { SinkChanges::AppendOnly } else { SinkChanges::Upsert },
            key: key.to_vec(),
            materialize: false,
            not_null: vec![],
            drop_nulls: false,
        };
        let id = self.add(Op::Sink(sink), inputs.to_vec(), columns, Changes::UPSERT, None, None);
        self.plan.sinks.push(id);
        id
    }
}
