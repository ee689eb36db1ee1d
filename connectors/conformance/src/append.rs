//! What [`Sink`] promises: whatever `write` returned for is there, in order, at least once.

use tidegate_core::Result as CoreResult;
use tidegate_core::sink::{OpenSink, Scope, Sink, SinkInput, SinkLevel};

use crate::failure::{Check, Failure};
use crate::rows;

/// Checks an append sink. `make` opens it anew over one target, which is empty at first; `read_back`
/// gives the numbers of the rows that a reader sees, in the target's order.
///
/// # Errors
/// The first obligation that was not kept.
pub async fn append_sink(
    make: impl AsyncFn() -> CoreResult<OpenSink>,
    read_back: impl AsyncFn() -> CoreResult<Vec<u64>>,
) -> Result<(), Failure> {
    let scope = Scope { job: "conformance".into(), sink: "sink".into(), lane: 0 };
    let check = Check("append");
    let mut next = 0;
    for rows in [1u64, 0, 100, 3] {
        let (sink, input) = open(&make, check).await?;
        // The second write of one call's rows in two batches.
        let middle = next + rows / 2;
        let batches = [(next, middle), (middle, next + rows)]
            .into_iter()
            .map(|(a, b)| check.answered(rows::batch(input, a, b), "rows"))
            .collect::<Result<Vec<_>, _>>()?;
        check.answered(sink.write(&scope, &batches).await, "write")?;
        drop(sink);
        next += rows;
        let mut seen = check.answered(read_back().await, "reading back")?;
        let mut known = std::collections::HashSet::new();
        seen.retain(|n| known.insert(*n));
        let expected: Vec<u64> = (0..next).collect();
        if seen != expected {
            let missing: Vec<u64> = expected.iter().copied().filter(|n| !known.contains(n)).collect();
            return check.fail(if missing.is_empty() {
                format!("rows come out in another order than they were written: {seen:?}")
            } else {
                format!("write returned for {next} rows, but {missing:?} are not there")
            });
        }
    }
    Ok(())
}

async fn open(
    make: &impl AsyncFn() -> CoreResult<OpenSink>,
    check: Check,
) -> Result<(Box<dyn Sink>, SinkInput), Failure> {
    let open = check.answered(make().await, "opening")?;
    match open.level {
        SinkLevel::Append(sink) => Ok((sink, open.input)),
        other => check.fail(format!("the sink promises '{}', it is not an append sink", other.guarantee())),
    }
}
