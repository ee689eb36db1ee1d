//! The report as a table.

use comfy_table::Table;

use super::{Line, flink::Best};

/// A line a job.
pub fn of(lines: &[Line]) -> Table {
    let mut table = Table::new();
    table.load_preset(comfy_table::presets::ASCII_MARKDOWN);
    table.set_header([
        "job",
        "rows/CPU-s",
        "decode loop",
        "of it",
        "copy loop",
        "of it",
        "Flink published",
        "times",
        "Flink tuned",
        "times",
        "MiB",
        "loops MiB",
        "Flink MiB",
        "broker CPU-s/M: own, loops, Flink",
        "rows/s",
        "one row s",
    ]);
    for line in lines {
        let (w, own) = (line.workload, &line.own);
        let flinks = [&line.published, &line.tuned];
        let flink_speed = |f: &Option<Best>| f.map_or_else(dash, |f| rate(f.speed));
        let times = |f: &Option<Best>, wanted| f.map_or_else(dash, |f| ratio(own.speed / f.speed, wanted, 1));
        let broker: Vec<String> = [own.broker, line.decode.broker, line.copy.broker]
            .into_iter()
            .chain(flinks.iter().filter_map(|f| f.as_ref()).map(|f| f.broker))
            .map(|s| s.map_or_else(dash, |s| format!("{s:.2}")))
            .collect();
        let flink_mib: Vec<String> = flinks.iter().filter_map(|f| f.as_ref()).map(|f| memory(f.peak_mib)).collect();
        table.add_row([
            w.name.to_owned(),
            rate(own.speed),
            rate(line.decode.speed),
            ratio(own.speed / line.decode.speed, w.of_decode, 2),
            rate(line.copy.speed),
            ratio(own.speed / line.copy.speed, w.of_copy, 2),
            flink_speed(&line.published),
            times(&line.published, w.times_published),
            flink_speed(&line.tuned),
            times(&line.tuned, w.times_tuned),
            fifth(own.peak_mib, flinks.iter().filter_map(|f| f.as_ref()).map(|f| f.peak_mib)),
            format!("{}, {}", memory(line.decode.peak_mib), memory(line.copy.peak_mib)),
            if flink_mib.is_empty() { dash() } else { flink_mib.join(", ") },
            broker.join(", "),
            rate(own.wall_speed),
            format!("{:.2}", line.one_row),
        ]);
    }
    table
}

fn dash() -> String {
    "–".to_owned()
}

fn rate(rows: f64) -> String {
    if rows >= 1e5 { format!("{:.2} M", rows / 1e6) } else { format!("{:.1} k", rows / 1e3) }
}

fn memory(mib: f64) -> String {
    format!("{mib:.0}")
}

/// Memory, of which a fifth of Flink's is wanted at most; bold where it is more.
fn fifth(mib: f64, flinks: impl Iterator<Item = f64>) -> String {
    let most = flinks.fold(f64::INFINITY, f64::min) / 5.0;
    if mib > most { format!("**{mib:.0} > {most:.0}**") } else { memory(mib) }
}

/// A ratio, and what is wanted of it; bold where it falls short.
fn ratio(is: f64, wanted: Option<f64>, digits: usize) -> String {
    match wanted {
        None => format!("{is:.digits$}"),
        Some(wanted) if is >= wanted => format!("{is:.digits$} ≥ {wanted}"),
        Some(wanted) => format!("**{is:.digits$} < {wanted}**"),
    }
}

#[cfg(test)]
mod tests {
    use super::{fifth, rate, ratio};

    #[test]
    fn what_falls_short_is_bold() {
        assert_eq!(ratio(0.876, Some(0.85), 2), "0.88 ≥ 0.85");
        assert_eq!(ratio(0.7, Some(0.85), 2), "**0.70 < 0.85**");
        assert_eq!(ratio(12.34, None, 1), "12.3");
        assert_eq!(fifth(205.0, [1100.0, 1000.0].into_iter()), "**205 > 200**");
        assert_eq!(
            (fifth(195.0, [1000.0].into_iter()), fifth(1.0, [].into_iter())),
            ("195".to_owned(), "1".to_owned())
        );
        assert_eq!((rate(1_234_567.0).as_str(), rate(4_240.0).as_str()), ("1.23 M", "4.2 k"));
    }
}
