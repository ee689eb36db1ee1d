//! The metrics page: Prometheus' text exposition format 0.0.4.

use std::fmt::Write;

use super::Progress;

/// The page for a job.
pub fn render(p: &Progress) -> String {
    let mut page = Page { text: String::new(), job: &p.job };
    page.one("tidegate_epoch", "gauge", "Last decided epoch", p.epoch.map(|e| e as f64));
    page.one(
        "tidegate_applied_epoch",
        "gauge",
        "Newest epoch applied at every sink",
        p.applied_epoch.map(|e| e as f64),
    );
    page.one(
        "tidegate_commit_delay_ms",
        "gauge",
        "From decision to acknowledgement, slowest sink",
        Some(p.commit_delay_ms as f64),
    );
    page.one(
        "tidegate_late_rows_total",
        "counter",
        "Rows that came after their window had closed",
        Some(p.late as f64),
    );
    page.one(
        "tidegate_dead_letters_total",
        "counter",
        "Bad rows sent to the dead-letter table",
        Some(p.dead_letters as f64),
    );
    page.one("tidegate_ignored_rows_total", "counter", "Bad rows counted and left out", Some(p.ignored as f64));
    page.one("tidegate_state_entries", "gauge", "Entries in state", Some(p.state_entries as f64));
    page.one("tidegate_pending_bytes", "gauge", "Bytes decided and not yet applied", Some(p.pending_bytes as f64));
    page.one("tidegate_open_epoch_bytes", "gauge", "Bytes of the open epoch", Some(p.open_bytes as f64));
    page.one("tidegate_paused", "gauge", "1 while sources wait for sinks", Some(f64::from(u8::from(p.paused))));

    let inserts = p
        .inserts
        .iter()
        .map(|i| (vec![("insert", i.number.to_string()), ("table", i.table.clone())], Some(i.rows as f64)));
    page.many("tidegate_insert_rows_total", "counter", "Changes that reached the sink", inserts);
    let source = |f: fn(&super::SourceProgress) -> Option<f64>| {
        p.sources.iter().map(move |s| (vec![("table", s.table.clone())], f(s))).collect::<Vec<_>>()
    };
    page.many("tidegate_source_records_total", "counter", "Records read", source(|s| Some(s.records as f64)));
    page.many("tidegate_source_bytes_total", "counter", "Bytes read", source(|s| Some(s.bytes as f64)));
    page.many("tidegate_source_behind", "gauge", "Records not yet read", source(|s| s.behind.map(|b| b as f64)));
    page.many("tidegate_watermark_ms", "gauge", "Watermark", source(|s| s.watermark.map(|w| w as f64)));
    let held = |s: &super::SourceProgress| {
        s.held_by
            .as_ref()
            .map(|(split, ms)| (vec![("table", s.table.clone()), ("split", split.clone())], Some(*ms as f64)))
    };
    page.many(
        "tidegate_watermark_held_ms",
        "gauge",
        "For how long the slowest split has given nothing",
        p.sources.iter().filter_map(held),
    );
    let splits = p.sources.iter().flat_map(|s| {
        s.splits.iter().map(|x| (vec![("table", s.table.clone()), ("split", x.id.clone())], x.behind.map(|b| b as f64)))
    });
    page.many("tidegate_split_behind", "gauge", "Records not yet read of a split", splits);
    let sink = |f: fn(&crate::commit::SinkProgress) -> f64| {
        p.sinks.iter().map(move |(id, s)| (vec![("sink", id.clone())], Some(f(s)))).collect::<Vec<_>>()
    };
    page.many("tidegate_sink_decided_rows_total", "counter", "Rows decided", sink(|s| s.decided_rows as f64));
    page.many("tidegate_sink_applied_rows_total", "counter", "Rows applied", sink(|s| s.applied_rows as f64));
    page.many(
        "tidegate_sink_rejected_rows_total",
        "counter",
        "Rows the target refused",
        sink(|s| s.rejected_rows as f64),
    );
    page.many(
        "tidegate_sink_absent",
        "gauge",
        "1 while the sink cannot be written",
        sink(|s| f64::from(u8::from(s.absent.is_some()))),
    );
    let operators = |f: fn(&super::OperatorProgress) -> u64| {
        p.operators
            .iter()
            .enumerate()
            .map(move |(i, o)| (vec![("node", i.to_string()), ("operator", o.label.clone())], Some(f(o) as f64)))
            .collect::<Vec<_>>()
    };
    page.many("tidegate_operator_rows_in_total", "counter", "Rows taken", operators(|o| o.rows_in));
    page.many("tidegate_operator_rows_out_total", "counter", "Rows given", operators(|o| o.rows_out));
    let counts = p.counts.iter().map(|(name, (n, _))| (vec![("name", name.clone())], Some(*n as f64)));
    page.many("tidegate_count_total", "counter", "Everything counted by name", counts);
    page.text
}

struct Page<'a> {
    text: String,
    job: &'a str,
}

impl Page<'_> {
    fn one(&mut self, name: &str, kind: &str, help: &str, value: Option<f64>) {
        self.many(name, kind, help, [(Vec::new(), value)]);
    }
    fn many(
        &mut self,
        name: &str,
        kind: &str,
        help: &str,
        values: impl IntoIterator<Item = (Vec<(&'static str, String)>, Option<f64>)>,
    ) {
        let mut first = true;
        for (labels, value) in values {
            let Some(value) = value else { continue };
            if std::mem::take(&mut first) {
                // Writing to a String cannot fail.
                let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
            }
            let _ = write!(self.text, "{name}{{job=\"{}\"", escape(self.job));
            for (key, text) in labels {
                let _ = write!(self.text, ",{key}=\"{}\"", escape(&text));
            }
            let _ = writeln!(self.text, "}} {value}");
        }
    }
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_leaves_out_what_is_unknown() {
        let p = Progress { job: "a\"b".into(), epoch: Some(3), ..Progress::default() };
        let page = render(&p);
        assert!(page.contains("tidegate_epoch{job=\"a\\\"b\"} 3\n"), "{page}");
        assert!(!page.contains("tidegate_applied_epoch"), "{page}");
    }
}
