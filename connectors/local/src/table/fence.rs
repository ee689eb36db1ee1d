//! The fences in a table's file, read and written inside the transaction that carries the rows.

use rusqlite::{Connection, OptionalExtension, params};
use tidegate_core::Result;
use tidegate_core::sink::{Fence, Id, Scope};

use super::file::sql_error;

/// The fence of a lane.
pub(super) fn read_fence(connection: &Connection, scope: &Scope) -> Result<Option<Fence>> {
    let sql = "SELECT run, incarnation, position, epoch, digest FROM _tidegate_fence WHERE job = ?1 AND sink = ?2 AND lane = ?3";
    connection
        .prepare_cached(sql)
        .and_then(|mut s| {
            s.query_row(params![scope.job, scope.sink, scope.lane], |r| {
                let number = |i: usize| r.get::<_, i64>(i).map(|n| n as u64);
                Ok(Fence {
                    run: Id(r.get(0)?),
                    incarnation: Id(r.get(1)?),
                    position: number(2)?,
                    epoch: number(3)?,
                    digest: number(4)?,
                })
            })
            .optional()
        })
        .map_err(sql_error)
}

/// Sets the fence of a lane. Numbers keep their 64 bits; digests may show as negative.
pub(super) fn write_fence(connection: &Connection, scope: &Scope, fence: &Fence) -> Result<()> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO _tidegate_fence VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")
        .and_then(|mut s| {
            s.execute(params![
                scope.job,
                scope.sink,
                scope.lane,
                fence.run.0,
                fence.incarnation.0,
                fence.position as i64,
                fence.epoch as i64,
                fence.digest as i64
            ])
        })
        .map(|_| ())
        .map_err(sql_error)
}

/// Removes the fence of a lane.
pub(super) fn remove_fence(connection: &Connection, scope: &Scope) -> Result<()> {
    connection
        .execute(
            "DELETE FROM _tidegate_fence WHERE job = ?1 AND sink = ?2 AND lane = ?3",
            params![scope.job, scope.sink, scope.lane],
        )
        .map(|_| ())
        .map_err(sql_error)
}
