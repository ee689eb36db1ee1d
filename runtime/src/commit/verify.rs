//! Is this fence ours, and where does it say to go on? Pure.

use tidegate_core::Error;
use tidegate_core::sink::{Fence, Id};

use crate::store::decision::{LaneKey, Mark};
use crate::store::lanes::History;
use crate::store::ledger::Claim;

/// What a reading of the fence means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is ours: claim it, go on where it stands.
    Resume(Mark),
    /// There is none and none is needed: claim with this one.
    Make(Mark),
    /// It may be replaced: retire it, then claim with this one.
    Replace(Mark),
    /// Hands off.
    Refuse(Refusal),
}

/// Why a fence must not be taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Another job directory writes here.
    ForeignRun {
        /// Its run.
        run: Id,
    },
    /// The target is ahead of everything decided here: this directory is an older copy.
    Beyond {
        /// Where the fence stands.
        fence: u64,
        /// What is decided.
        decided: u64,
    },
    /// The target has applied another history with the same numbers: this directory is a copy.
    OtherHistory {
        /// Where the fence stands.
        fence: u64,
        /// The epoch it names.
        epoch: u64,
    },
    /// The target has forgotten rows that were acknowledged and are no longer in the log.
    Lost {
        /// Where the fence stands.
        fence: u64,
        /// The oldest row still in the log.
        oldest: u64,
    },
    /// The fence is gone and rows may or may not have been applied.
    Missing {
        /// First position in doubt.
        from: u64,
        /// One past the last.
        to: u64,
    },
    /// What the sink's name stands for was deleted and made anew.
    TargetChanged {
        /// What was claimed.
        was: String,
        /// What is there.
        is: String,
        /// Rows that were written to what is gone.
        applied: u64,
    },
}

/// Judges a fence that has been read from the target called `identity`.
pub fn verify(history: &History, identity: &str, fence: Option<&Fence>) -> Verdict {
    let verdict = match fence {
        None => missing(history, identity),
        Some(fence) => present(history, identity, fence),
    };
    match verdict {
        Verdict::Refuse(_) if history.claim == Claim::Overwriting => match fence {
            None => Verdict::Make(history.applied),
            Some(_) => Verdict::Replace(history.applied),
        },
        verdict => verdict,
    }
}

fn missing(history: &History, identity: &str) -> Verdict {
    if history.claim != Claim::Claimed {
        return Verdict::Make(history.applied);
    }
    let same_target = history.identity.as_deref() == Some(identity);
    let (applied, decided) = (history.applied.position, history.decided());
    if same_target && applied >= decided.position {
        return Verdict::Make(decided);
    }
    if !same_target {
        let was = history.identity.clone().unwrap_or_else(|| "another".to_owned());
        return Verdict::Refuse(Refusal::TargetChanged { was, is: identity.to_owned(), applied });
    }
    Verdict::Refuse(Refusal::Missing { from: applied, to: decided.position })
}

fn present(history: &History, identity: &str, fence: &Fence) -> Verdict {
    if !history.runs.contains(&fence.run) {
        return Verdict::Refuse(Refusal::ForeignRun { run: fence.run.clone() });
    }
    if history.claim == Claim::Claimed
        && let Some(was) = history.identity.as_ref().filter(|was| *was != identity)
    {
        return Verdict::Refuse(Refusal::TargetChanged {
            was: was.clone(),
            is: identity.to_owned(),
            applied: history.applied.position,
        });
    }
    let decided = history.decided().position;
    if fence.position > decided {
        return Verdict::Refuse(Refusal::Beyond { fence: fence.position, decided });
    }
    match history.mark_at(fence.position) {
        None => Verdict::Refuse(Refusal::Lost { fence: fence.position, oldest: history.start().position }),
        Some(mark) if mark.epoch == fence.epoch && mark.digest == fence.digest => Verdict::Resume(mark),
        Some(_) => Verdict::Refuse(Refusal::OtherHistory { fence: fence.position, epoch: fence.epoch }),
    }
}

const WAYS_ON: &str = "--adopt takes the target over as it is and applies what is decided here but not known to be applied; \
                       rows of that range may repeat. Both sides of a copied directory cannot go on";

impl Refusal {
    /// In words, with the ways on.
    pub fn to_error(&self, key: &LaneKey) -> Error {
        let (what, help) = match self {
            Refusal::ForeignRun { run } => (
                format!("the target is written by another job directory (run {run})"),
                "give one of the two jobs another name (pipeline.name) or target, or its sinks names of their own there (sink.transactional-id-prefix); or stop the other for good and start this one with --adopt".to_owned(),
            ),
            Refusal::Beyond { fence, decided } => (
                format!("the target has applied rows up to {fence}, this directory has decided {decided}: it is an older copy or a restored backup"),
                format!("use the newest directory: run the same command there, again if it has stopped as replaced. {WAYS_ON}"),
            ),
            Refusal::OtherHistory { fence, epoch } => (
                format!("the target has applied another history up to row {fence} (epoch {epoch}): this directory is a copy of the one that wrote it"),
                format!("use the other directory: run the same command there, again if it has stopped as replaced. {WAYS_ON}"),
            ),
            Refusal::Lost { fence, oldest } => (
                format!("the target has lost rows: its fence stands at {fence}, the log begins at {oldest}"),
                "the target was restored or failed over further back than 'tidegate.log-retention' reaches: restore it to a newer state, or start with --fresh-state --adopt and read the sources again".to_owned(),
            ),
            Refusal::Missing { from, to } => (
                format!(
                    "the fence is gone; rows {from} to {} may or may not have been applied",
                    to.saturating_sub(1).max(*from)
                ),
                format!("look whether these rows are there; --reset-fence makes the fence anew and applies them (again). {WAYS_ON}"),
            ),
            Refusal::TargetChanged { was, is, applied } => (
                format!(
                    "the target was deleted and made anew, or keeps its fence elsewhere: it was {was} and is {is} now; it does not know of the {applied} rows that were applied"
                ),
                "bring the old one back, or --adopt goes on with the new one from here; --fresh-state --adopt --from earliest fills it again, and repeats rows at the job's other targets".to_owned(),
            ),
        };
        Error::user(what).context(format!("sink {} lane {}", key.sink, key.lane)).help(help)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(s: &str) -> Id {
        Id(s.to_owned())
    }
    fn mark(position: u64, epoch: u64) -> Mark {
        Mark { position, epoch, digest: 1000 + epoch }
    }
    /// Forgotten to 10 (epoch 3), decided to 20 (epoch 5) and 30 (epoch 9), applied to 20.
    fn history(claim: Claim) -> History {
        History {
            claim,
            runs: vec![id("me"), id("me before")],
            identity: Some("target".to_owned()),
            applied: mark(20, 5),
            marks: vec![mark(10, 3), mark(20, 5), mark(30, 9)],
        }
    }
    fn fence(run: &str, position: u64, epoch: u64) -> Fence {
        Fence { run: id(run), incarnation: id("i"), position, epoch, digest: 1000 + epoch }
    }
    fn fence_at(run: &str, mark: Mark) -> Fence {
        Fence { run: id(run), incarnation: id("i"), position: mark.position, epoch: mark.epoch, digest: mark.digest }
    }

    /// Every position a fence of a claimed lane can stand at, with every epoch it can name.
    #[test]
    fn a_fence_of_ours_resumes_only_on_our_own_history() {
        let history = history(Claim::Claimed);
        for position in 0..40 {
            for epoch in 0..12 {
                for run in ["me", "me before"] {
                    let right = history.mark_at(position).map_or(0, |m| m.epoch);
                    let digest = history.mark_at(position).map_or(0, |m| m.digest);
                    let fence = Fence { epoch, digest, ..fence(run, position, epoch) };
                    match verify(&history, "target", Some(&fence)) {
                        Verdict::Resume(m) => {
                            assert_eq!((m.position, m.epoch, (10..=30).contains(&position)), (position, epoch, true));
                        }
                        Verdict::Refuse(Refusal::Lost { .. }) => assert!(position < 10),
                        Verdict::Refuse(Refusal::Beyond { .. }) => assert!(position > 30),
                        Verdict::Refuse(Refusal::OtherHistory { .. }) => {
                            assert!((10..=30).contains(&position) && epoch != right);
                        }
                        other => panic!("{position} {epoch}: {other:?}"),
                    }
                }
            }
        }
    }

    /// Two copies of a directory decide other rows after the same past; one applies half of them.
    #[test]
    fn a_fence_in_the_middle_of_other_rows_is_another_history() {
        let (ours, mut theirs) = (history(Claim::Claimed), history(Claim::Claimed));
        theirs.marks[2].digest ^= 1;
        for position in 20..=30 {
            let fence = fence_at("me", theirs.mark_at(position).unwrap());
            let verdict = verify(&ours, "target", Some(&fence));
            assert_eq!(matches!(verdict, Verdict::Resume(_)), position == 20, "{position}");
        }
    }

    #[test]
    fn a_wrong_digest_is_another_history() {
        let mut f = fence("me", 20, 5);
        f.digest ^= 1;
        assert!(matches!(
            verify(&history(Claim::Claimed), "target", Some(&f)),
            Verdict::Refuse(Refusal::OtherHistory { .. })
        ));
    }

    #[test]
    fn foreign_runs_are_refused_whatever_they_say() {
        for claim in [Claim::Claiming, Claim::Claimed] {
            let verdict = verify(&history(claim), "target", Some(&fence("you", 20, 5)));
            assert_eq!(verdict, Verdict::Refuse(Refusal::ForeignRun { run: id("you") }));
        }
        assert_eq!(
            verify(&history(Claim::Overwriting), "target", Some(&fence("you", 20, 5))),
            Verdict::Replace(mark(20, 5))
        );
    }

    #[test]
    fn a_missing_fence_is_made_only_where_nothing_is_in_doubt() {
        assert_eq!(verify(&history(Claim::Claiming), "target", None), Verdict::Make(mark(20, 5)));
        assert_eq!(verify(&history(Claim::Overwriting), "target", None), Verdict::Make(mark(20, 5)));
        let in_doubt = Refusal::Missing { from: 20, to: 30 };
        assert_eq!(verify(&history(Claim::Claimed), "target", None), Verdict::Refuse(in_doubt));
        let mut all = history(Claim::Claimed);
        all.applied = mark(30, 9);
        assert_eq!(verify(&all, "target", None), Verdict::Make(mark(30, 9)));
        assert!(matches!(verify(&all, "another", None), Verdict::Refuse(Refusal::TargetChanged { applied: 30, .. })));
    }

    #[test]
    fn another_target_under_a_fence_is_refused() {
        let verdict = verify(&history(Claim::Claimed), "another", Some(&fence("me", 20, 5)));
        assert!(matches!(verdict, Verdict::Refuse(Refusal::TargetChanged { .. })));
        assert_eq!(
            verify(&history(Claim::Claiming), "another", Some(&fence("me", 20, 5))),
            Verdict::Resume(mark(20, 5))
        );
    }
}
