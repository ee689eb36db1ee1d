//! A parsed CREATE TABLE made a table: types by the dialect, computed columns set apart, keys and
//! watermark checked against the columns, options given to the connector.

use tidegate_core::options::{OptionEntry, nearest};
use tidegate_core::registry::Registry;
use tidegate_core::table::{ColumnKind, TableColumn, TableSpec};
use tidegate_core::{Column, DataType, Dialect, Error, Result, ResultExt, SqlType};

use super::paths::Objects;
use super::{ComputedColumn, TableDef, TableSettings, same_name};
use crate::ast::{ColumnDef, ColumnDefKind, CreateTable, Name, TypeName, Warning};
use crate::parse::{synthetic_expression, types};
use crate::settings::on_error;

/// Makes the table, and says what the user should know about it.
pub fn define(table: &CreateTable, dialect: Dialect, registry: &Registry) -> Result<(TableDef, Vec<Warning>)> {
    let place = || format!("table {}", table.name.text);
    let mut parts = Parts::new(dialect);
    for column in &table.columns {
        parts.column(column).context(|| format!("column {}", column.name.text)).context(place)?;
    }
    parts.finish(table);
    parts.check_key(table).context(place)?;
    parts.check_watermark(table).context(place)?;
    let (connector, own, mut options) = split_options(table, dialect, registry).context(place)?;
    options.append(&mut parts.options);
    let spec = TableSpec {
        name: table.name.text.clone(),
        dialect,
        columns: parts.columns,
        primary_key: parts.primary_key,
        is_dimension: table.dimension.is_some(),
        options,
        span: table.name.span,
    };
    let bound = registry.bind(&connector, spec)?;
    let note = |n: &String| Warning { message: format!("table {}: {n}", table.name.text), span: table.name.span };
    let warnings = bound.binding.notes.iter().map(note).collect();
    let def = TableDef {
        bound,
        computed: parts.computed,
        watermark: table.watermark.clone(),
        hidden: parts.hidden,
        own,
        declared: table.clone(),
    };
    Ok((def, warnings))
}

struct Parts {
    dialect: Dialect,
    columns: Vec<TableColumn>,
    computed: Vec<ComputedColumn>,
    hidden: Vec<usize>,
    objects: Objects,
    /// Options that columns imply.
    options: Vec<OptionEntry>,
    primary_key: Vec<String>,
}

impl Parts {
    fn new(dialect: Dialect) -> Self {
        Parts {
            dialect,
            columns: Vec::new(),
            computed: Vec::new(),
            hidden: Vec::new(),
            objects: Objects::default(),
            options: Vec::new(),
            primary_key: Vec::new(),
        }
    }

    fn push(&mut self, name: &Name, data_type: DataType, kind: ColumnKind) {
        let column = Column::new(name.text.clone(), data_type);
        self.columns.push(TableColumn { column, kind, span: name.span });
    }

    fn resolve(&self, written: &TypeName) -> DataType {
        types::resolve(&written.data_type, self.dialect)
    }

    fn column(&mut self, def: &ColumnDef) -> Result<()> {
        if let Some(other) = self.columns.iter().find(|c| same_name(self.dialect, &c.column.name, &def.name.text)) {
            return Err(Error::user(format!("column '{}' is declared twice", other.column.name)).at(def.name.span));
        }
        match &def.kind {
            ColumnDefKind::Physical(t) => self.push(&def.name, self.resolve(t), ColumnKind::Physical),
            ColumnDefKind::Metadata { data_type, key, read_only } => {
                let key = key.as_ref().map_or(&def.name.text, |k| &k.text).clone();
                let kind = ColumnKind::Metadata { key, read_only: *read_only };
                self.push(&def.name, self.resolve(data_type), kind);
            }
            ColumnDefKind::Computed(expression) => {
                self.computed.push(ComputedColumn { column: self.columns.len(), expression: expression.clone() });
                self.push(&def.name, SqlType::Null.nullable(), ColumnKind::Computed);
            }
            ColumnDefKind::Path { path, data_type } => {
                let text = self.objects.add(path, &self.resolve(data_type))?;
                let expression = synthetic_expression(&text, def.name.span)?;
                self.computed.push(ComputedColumn { column: self.columns.len(), expression });
                self.push(&def.name, self.resolve(data_type), ColumnKind::Computed);
            }
            ColumnDefKind::Cell { family, qualifier, data_type } => {
                self.options.push(OptionEntry {
                    name: format!("cell.{}", def.name.text),
                    value: format!("{}:{}", family.text, qualifier.text),
                    span: def.name.span,
                });
                self.push(&def.name, self.resolve(data_type), ColumnKind::Physical);
            }
        }
        Ok(())
    }

    /// Adds what nobody wrote: the objects of paths, and UFlink's time columns.
    fn finish(&mut self, table: &CreateTable) {
        for column in self.objects.columns() {
            if self.find(&column.name).is_none() {
                self.hidden.push(self.columns.len());
                self.columns.push(TableColumn { column, kind: ColumnKind::Physical, span: table.name.span });
            }
        }
        if self.dialect != Dialect::UFlink || table.dimension.is_some() {
            return;
        }
        let (name, text) = match &table.watermark {
            Some(w) => ("ROWTIME", format!("`{}`", w.column.text)),
            None => ("PROCTIME", "PROCTIME()".to_owned()),
        };
        if self.find(name).is_none()
            && let Ok(expression) = synthetic_expression(&text, table.name.span)
        {
            self.hidden.push(self.columns.len());
            self.computed.push(ComputedColumn { column: self.columns.len(), expression });
            let name = Name { text: name.to_owned(), span: table.name.span };
            self.push(&name, SqlType::Null.nullable(), ColumnKind::Computed);
        }
    }

    fn find(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|c| same_name(self.dialect, &c.column.name, name))
    }

    fn unknown(&self, name: &Name, role: &str) -> Error {
        let error =
            Error::user(format!("{role} names '{}', which is not a column of the table", name.text)).at(name.span);
        match nearest(&name.text, self.columns.iter().map(|c| c.column.name.as_str())) {
            Some(n) => error.help(format!("did you mean '{n}'?")),
            None => error,
        }
    }

    fn check_key(&mut self, table: &CreateTable) -> Result<()> {
        for key in &table.primary_key {
            let i = self.find(&key.text).ok_or_else(|| self.unknown(key, "PRIMARY KEY"))?;
            let column = &mut self.columns[i];
            if column.kind == ColumnKind::Computed && !table.columns.iter().any(|c| is_path(c, &column.column.name)) {
                return Err(Error::user(format!("PRIMARY KEY names '{}', which is computed", key.text))
                    .at(key.span)
                    .help("keys are physical columns"));
            }
            // Flink makes key columns NOT NULL; the older dialects write what comes.
            if self.dialect == Dialect::Flink {
                column.column.data_type.nullable = false;
            }
            self.primary_key.push(column.column.name.clone());
        }
        Ok(())
    }

    fn check_watermark(&self, table: &CreateTable) -> Result<()> {
        let Some(w) = &table.watermark else { return Ok(()) };
        let root = Name { text: w.column.text.split('.').next().unwrap_or_default().to_owned(), span: w.column.span };
        let i = self.find(&root.text).ok_or_else(|| self.unknown(&root, "WATERMARK"))?;
        let column = &self.columns[i];
        if column.kind == ColumnKind::Computed || w.column.text.contains('.') {
            return Ok(());
        }
        let fits = match (&column.column.data_type.ty, self.dialect) {
            (SqlType::Timestamp(p) | SqlType::TimestampLtz(p), Dialect::Flink) => *p <= 3,
            (ty, Dialect::Flink) => ty.is_timestamp(),
            (ty, _) => ty.is_timestamp() || *ty == SqlType::BigInt,
        };
        if fits {
            return Ok(());
        }
        let error = Error::user(format!(
            "the watermark column '{}' is {}, which is not a time",
            column.column.name, column.column.data_type.ty
        ))
        .at(w.column.span);
        Err(match (&column.column.data_type.ty, self.dialect) {
            (SqlType::Timestamp(_) | SqlType::TimestampLtz(_), _) => {
                error.help("declare it TIMESTAMP(3) or TIMESTAMP_LTZ(3): a time attribute has at most 3 decimals")
            }
            (SqlType::BigInt, Dialect::Flink) => {
                error.help(format!("add a computed column: t AS TO_TIMESTAMP_LTZ({}, 3)", column.column.name))
            }
            _ => error.help(format!("add a computed column: t AS TO_TIMESTAMP({})", column.column.name)),
        })
    }
}

fn is_path(column: &ColumnDef, name: &str) -> bool {
    column.name.text == name && matches!(column.kind, ColumnDefKind::Path { .. })
}

/// Before the names of Tidegate's own options.
const OWN: &str = "tidegate.";

type SplitOptions = (String, TableSettings, Vec<OptionEntry>);

/// The connector's name, Tidegate's own options, and the rest. A connector may have options of
/// Tidegate's own, too.
fn split_options(table: &CreateTable, dialect: Dialect, registry: &Registry) -> Result<SplitOptions> {
    let key = if dialect == Dialect::Flink { "connector" } else { "type" };
    let (mut connector, mut own, mut rest) = (None, Vec::new(), Vec::new());
    for o in &table.options {
        if o.name.eq_ignore_ascii_case(key) {
            if connector.replace(o).is_some() {
                return Err(Error::user(format!("option '{}' is given twice", o.name)).at(o.span));
            }
        } else if o.name.to_ascii_lowercase().starts_with(OWN) {
            own.push(o);
        } else {
            rest.push(o.clone());
        }
    }
    let connector = connector.ok_or_else(|| no_connector(table, key, dialect))?;
    let value = connector.value.trim().to_owned();
    if value.is_empty() {
        return Err(Error::user(format!("option '{key}' is empty")).at(connector.span));
    }
    let names: Vec<&str> = registry.find(dialect, &value).map_or_else(Vec::new, |connector| {
        connector.descriptor().options.iter().map(|spec| spec.name).filter(|name| name.starts_with(OWN)).collect()
    });
    let mut settings = TableSettings::default();
    for o in own {
        if names.iter().any(|name| name.eq_ignore_ascii_case(&o.name)) {
            rest.push(o.clone());
        } else {
            own_option(&mut settings, o, &names)?;
        }
    }
    Ok((value, settings, rest))
}

fn no_connector(table: &CreateTable, key: &str, dialect: Dialect) -> Error {
    let other = if key == "type" { "connector" } else { "type" };
    let error = Error::user(format!("missing option '{key}'")).at(table.name.span);
    match table.options.iter().find(|o| o.name.eq_ignore_ascii_case(other)) {
        Some(o) => error.at(o.span).help(format!(
            "'{other}' belongs to another dialect; this script is read as {dialect}: write all tables in one"
        )),
        None => error.help(format!("say what kind of table it is: '{key}' = 'kafka'")),
    }
}

fn own_option(own: &mut TableSettings, o: &OptionEntry, connectors: &[&str]) -> Result<()> {
    const NAMES: [&str; 3] = ["tidegate.sink-id", "tidegate.dead-letter", "tidegate.on-error"];
    match o.name.to_ascii_lowercase().as_str() {
        "tidegate.sink-id" => own.sink_id = Some(o.value.clone()),
        "tidegate.dead-letter" => own.dead_letter = Some(Name { text: o.value.clone(), span: o.span }),
        "tidegate.on-error" => own.on_error = Some(on_error(o.value.trim()).map_err(|e| e.at(o.span))?),
        name => {
            let error = Error::user(format!("unknown option '{}'", o.name)).at(o.span);
            let known = [&NAMES[..], connectors].concat();
            return Err(match nearest(name, known.iter().copied()) {
                Some(n) => error.help(format!("did you mean '{n}'?")),
                None => error.help(format!("tables have {}", known.join(", "))),
            });
        }
    }
    Ok(())
}
