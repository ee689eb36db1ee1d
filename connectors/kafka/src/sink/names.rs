//! What fences and transactional ids are called.

use tidegate_core::message::murmur2;
use tidegate_core::sink::Scope;

/// Fence topics and groups begin with it; patterns of topics never match them.
pub(crate) const FENCE_PREFIX: &str = "_tidegate-fence.";
/// Longest topic name Kafka takes.
const LONGEST: usize = 249;

/// The names of one sink; `sink.transactional-id-prefix` goes before all of them.
pub(crate) struct Names {
    prefix: Option<String>,
}

impl Names {
    pub(crate) fn new(prefix: Option<&str>) -> Names {
        Names { prefix: prefix.filter(|p| !p.is_empty()).map(str::to_owned) }
    }

    /// The topic, or the group, of a sink's fences. Another prefix is another fence: an older process under the older
    /// id could not be shut out by the new one.
    pub(crate) fn fence(&self, scope: &Scope) -> String {
        let prefix = self.prefix.as_ref().map_or_else(String::new, |p| format!("{p}."));
        topic_name(&format!("{FENCE_PREFIX}{prefix}{}.{}", scope.job, scope.sink))
    }

    /// The key of a lane's fence records.
    pub(crate) fn fence_key(scope: &Scope) -> String {
        scope.to_string()
    }

    /// The transactional id of a lane: one for good, since each costs the broker memory for days.
    pub(crate) fn transactional_id(&self, scope: &Scope) -> String {
        let prefix = self.prefix.as_deref().unwrap_or("tidegate");
        format!("{prefix}-{}-{}-{}", scope.job, scope.sink, scope.lane)
    }
}

/// A name as topics may have it; names that are not are told apart by a hash.
fn topic_name(name: &str) -> String {
    let plain: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '-' }).collect();
    if plain == name && name.len() <= LONGEST {
        return plain;
    }
    let kept: String = plain.chars().take(LONGEST - 9).collect();
    format!("{kept}-{:08x}", murmur2(name.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(job: &str, sink: &str) -> Scope {
        Scope { job: job.into(), sink: sink.into(), lane: 0 }
    }

    #[test]
    fn names_are_valid_and_differ() {
        let names = Names::new(None);
        assert_eq!(names.fence(&scope("etl", "out")), "_tidegate-fence.etl.out");
        let (a, b) = (names.fence(&scope("统计", "out")), names.fence(&scope("教学", "out")));
        assert!(a != b && a.is_ascii(), "{a} {b}");
        assert!(names.fence(&scope(&"x".repeat(300), "out")).len() <= LONGEST);
        let team = Names::new(Some("team-a"));
        assert_eq!(team.fence(&scope("etl", "out")), "_tidegate-fence.team-a.etl.out");
        assert_eq!(team.transactional_id(&scope("etl", "out")), "team-a-etl-out-0");
        assert_eq!(names.transactional_id(&scope("etl", "out")), "tidegate-etl-out-0");
    }
}
