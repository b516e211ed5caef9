//! One attempt to write, from the request to its line in the ledger.

use std::{collections::BTreeSet, sync::Arc};

use firedrill_model::{
    ids::{ResourceId, WriteId},
    ledger::{LedgerLine, Op, Origin, Outcome},
    scenario::SizeRange,
    topology::Side,
    units::RunTime,
};

use super::{
    WorkloadError,
    authority::Standing,
    dataset::{Content, Dataset, Generator, Key, KeyNumber, Stamp, Value},
};
use crate::{
    run::Drill,
    services::{ServiceError, Site, canonical::Described, dynamodb, error::Certainty, s3},
};

/// What a writer is asked to do.
#[derive(Clone, Debug)]
pub struct Write {
    /// Which key.
    pub number: KeyNumber,
    /// Revision of the value; for a delete, of the value that it removes.
    pub rev: u64,
    /// What to do.
    pub op: Op,
    /// For a delete: the write id of the value that it removes, as far as the writer knows.
    pub removes: Option<WriteId>,
    /// Sizes of objects, when the traffic declares them.
    pub size: Option<SizeRange>,
}

impl Write {
    /// A put of a key that nothing wrote before.
    pub fn first(number: KeyNumber, size: Option<SizeRange>) -> Self {
        Self { number, rev: 1, op: Op::Put, removes: None, size }
    }

    /// Whether it writes a key that nothing wrote before.
    pub fn is_first(&self) -> bool {
        self.op == Op::Put && self.rev == 1
    }
}

/// Fact of a delete: the write id of the value it removed, which names the event that the removal causes.
pub const REMOVES: &str = "removes";

/// Class of the error of an item that a batch left unprocessed, which DynamoDB says without a code.
const UNPROCESSED: &str = "UnprocessedItems";

/// One writer: its lines follow one another in time, whatever it writes to. Every attempt is one request without retries,
/// and one line.
#[derive(Debug)]
pub struct Writer {
    drill: Drill,
    dataset: Arc<Dataset>,
    name: String,
    origin: Origin,
    seq: u64,
}

impl Writer {
    /// A writer; `name` is unique in the run.
    pub fn new(drill: &Drill, dataset: &Arc<Dataset>, name: String, origin: Origin) -> Self {
        Self { drill: drill.clone(), dataset: Arc::clone(dataset), name, origin, seq: 0 }
    }

    /// Tries once to write to `resource` and ledgers the outcome; the line is returned. `Err` means that it could not be
    /// ledgered, or that the resource cannot be written at all.
    pub async fn attempt(
        &mut self,
        site: &Site,
        standing: Standing,
        resource: &ResourceId,
        write: &Write,
    ) -> Result<LedgerLine, WorkloadError> {
        let asked = self.drill.clock.now();
        let draft = self.draft(resource, write)?;
        self.send(site, standing, resource, (asked, draft)).await
    }

    /// The same with another value than the data set has for this key.
    pub async fn attempt_altered(
        &mut self,
        site: &Site,
        standing: Standing,
        resource: &ResourceId,
        (write, alter): (&Write, impl FnOnce(Value) -> Value),
    ) -> Result<LedgerLine, WorkloadError> {
        let asked = self.drill.clock.now();
        let draft = self.draft(resource, write)?.altered(alter);
        self.send(site, standing, resource, (asked, draft)).await
    }

    fn draft(&self, resource: &ResourceId, write: &Write) -> Result<Draft, WorkloadError> {
        let generator = self.dataset.generator(resource);
        let generator = generator.ok_or_else(|| WorkloadError::NotWritable { resource: resource.clone() })?;
        Ok(Draft::of(generator, write, WriteId::new(format!("{}-{:05}", self.name, self.seq))))
    }

    async fn send(
        &mut self,
        site: &Site,
        standing: Standing,
        resource: &ResourceId,
        (asked, draft): (RunTime, Draft),
    ) -> Result<LedgerLine, WorkloadError> {
        let issued = self.drill.clock.now();
        let answer = draft.send(site, resource.name()).await;
        let completed = self.drill.clock.now();
        let line = draft.line(
            Author { resource, name: &self.name, seq: self.seq, origin: self.origin },
            site.side,
            standing.epoch,
            &Answered::to_one(answer, issued, completed),
        );
        self.seq += 1;
        self.drill.ledger.record(&line)?;
        // What was not spent waiting for the answer is firedrill's own delay.
        self.drill.lag.note(asked, issued);
        self.drill.lag.note(completed, self.drill.clock.now());
        Ok(line)
    }
}

/// Who writes, as the ledger names it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Author<'a> {
    pub(super) resource: &'a ResourceId,
    pub(super) name: &'a str,
    pub(super) seq: u64,
    pub(super) origin: Origin,
}

/// How an attempt ended, and when.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) outcome: Outcome,
    /// S3 version id, when the service gave one.
    pub(super) version: Option<String>,
    /// Class of the error.
    pub(super) error: Option<String>,
    /// Counts the attempts of the write from 1.
    pub(super) attempt: u32,
    /// The service says that it had no capacity for it, so that nothing was written: it may be sent again.
    pub(super) unprocessed: bool,
    pub(super) issued: RunTime,
    pub(super) completed: RunTime,
}

impl Answered {
    /// The answer to the one attempt to write one key.
    pub(super) fn to_one(answer: Result<Option<String>, ServiceError>, issued: RunTime, completed: RunTime) -> Self {
        let outcome = outcome_of(&answer);
        let (version, error) = match answer {
            Ok(version) => (version, None),
            Err(error) => (None, Some(error_class(&error))),
        };
        Self { outcome, version, error, attempt: 1, unprocessed: false, issued, completed }
    }

    /// The answer to a batch, for each of its items by their keys. `Ok` has the keys of those that the service left
    /// unprocessed; an error is one of every item.
    pub(super) fn to_batch(
        keys: &[&str],
        answer: Result<BTreeSet<String>, ServiceError>,
        attempt: u32,
        (issued, completed): (RunTime, RunTime),
    ) -> Vec<Self> {
        let answer = answer.and_then(|unprocessed| none_but(keys, unprocessed));
        let outcome = outcome_of(&answer);
        let (left, error) = match answer {
            Ok(left) => (left, None),
            Err(error) => (BTreeSet::new(), Some(error_class(&error))),
        };
        let each = |key: &&str| {
            let unprocessed = left.contains(*key);
            let (outcome, error) =
                if unprocessed { (Outcome::Rejected, Some(UNPROCESSED.to_owned())) } else { (outcome, error.clone()) };
            Self { outcome, version: None, error, attempt, unprocessed, issued, completed }
        };
        keys.iter().map(each).collect()
    }
}

/// An answer that names what was not sent says nothing of what was.
fn none_but(keys: &[&str], unprocessed: BTreeSet<String>) -> Result<BTreeSet<String>, ServiceError> {
    let stranger = unprocessed.iter().find(|key| !keys.contains(&key.as_str()));
    if let Some(stranger) = stranger {
        let what = format!("that it left `{stranger}` unprocessed, which was not sent");
        return Err(ServiceError::Unusable { operation: "DynamoDB BatchWriteItem".to_owned(), what });
    }
    Ok(unprocessed)
}

/// A write made ready before the clock starts: generating and digesting the value is not part of the request.
#[derive(Debug)]
pub(super) struct Draft {
    key: Key,
    op: Op,
    write_id: WriteId,
    value: Option<(Value, Described)>,
    removed: Vec<(String, String)>,
}

impl Draft {
    pub(super) fn of(generator: &dyn Generator, write: &Write, write_id: WriteId) -> Self {
        let stamp = Stamp { number: write.number, rev: write.rev, write_id: &write_id, size: write.size };
        let key = generator.key(write.number);
        if write.op == Op::Delete {
            let removed = removal_facts(&key, write);
            return Self { key, op: write.op, write_id, value: None, removed };
        }
        let value = generator.value(&stamp);
        let described = value.describe();
        Self { key, op: write.op, write_id, value: Some((value, described)), removed: Vec::new() }
    }

    fn altered(self, alter: impl FnOnce(Value) -> Value) -> Self {
        let value = self.value.map(|(value, _)| alter(value)).map(|value| {
            let described = value.describe();
            (value, described)
        });
        Self { value, ..self }
    }

    /// Sends the request: the whole value, or the delete.
    pub(super) async fn send(&self, site: &Site, name: &str) -> Result<Option<String>, ServiceError> {
        match (&self.value, &self.key) {
            (Some((value, _)), _) => match &value.content {
                Content::Item(item) => dynamodb::put_item(site, name, item.clone()).await.map(|()| None),
                Content::Object { upload, body } => s3::put(site, name, upload, body.size(), body.stream()).await,
            },
            (None, Key::Item { attributes, .. }) => {
                dynamodb::delete_item(site, name, attributes.clone()).await.map(|()| None)
            }
            (None, Key::Object(key)) => s3::delete(site, name, key).await,
        }
    }

    /// The key as in the ledger.
    pub(super) fn key(&self) -> &str {
        self.key.text()
    }

    /// The item that is written, for batches.
    pub(super) fn item(&self) -> Option<dynamodb::Item> {
        match self.value.as_ref().map(|(value, _)| &value.content) {
            Some(Content::Item(item)) => Some(item.clone()),
            Some(Content::Object { .. }) | None => None,
        }
    }

    /// The line of this attempt. An ambiguous one never ends.
    pub(super) fn line(&self, author: Author<'_>, side: Side, epoch: u32, answered: &Answered) -> LedgerLine {
        let described = self.value.as_ref().map(|(_, described)| described);
        let facts = match &self.value {
            Some((value, _)) => value.facts.clone(),
            None => self.removed.iter().cloned().collect(),
        };
        LedgerLine {
            resource: author.resource.clone(),
            key: self.key.text().to_owned(),
            writer: author.name.to_owned(),
            seq: author.seq,
            write_id: self.write_id.clone(),
            op: self.op,
            digest: described.map(|described| described.digest.clone()),
            parts: described.map(|described| described.parts.clone()).unwrap_or_default(),
            bytes: described.map_or(0, |described| described.bytes),
            amount: None,
            outcome: answered.outcome,
            issued_ms: answered.issued,
            completed_ms: (answered.outcome != Outcome::Ambiguous).then_some(answered.completed),
            side,
            epoch,
            attempt: answered.attempt,
            origin: author.origin,
            cause: None,
            version: answered.version.clone(),
            expires_ms: self.value.as_ref().and_then(|(value, _)| value.expires_ms),
            txn: None,
            error: answered.error.clone(),
            facts,
        }
    }
}

/// What an effect model needs of a delete: which item went, and which of its values.
fn removal_facts(key: &Key, write: &Write) -> Vec<(String, String)> {
    let attributes = match key {
        Key::Item { attributes, .. } => attributes
            .iter()
            .filter_map(|(name, value)| value.as_s().ok().map(|text| (name.clone(), text.clone())))
            .collect(),
        Key::Object(_) => Vec::new(),
    };
    let rev = ("rev".to_owned(), write.rev.to_string());
    let removes = write.removes.as_ref().map(|removed| (REMOVES.to_owned(), removed.as_str().to_owned()));
    attributes.into_iter().chain([rev]).chain(removes).collect()
}

/// How an attempt ended: rejected only when it cannot have been executed. No write has a condition that an earlier attempt
/// could have made fail.
fn outcome_of<T>(answer: &Result<T, ServiceError>) -> Outcome {
    match answer {
        Ok(_) => Outcome::Acknowledged,
        Err(error) => match error.certainty() {
            Certainty::NotExecuted => Outcome::Rejected,
            Certainty::Unknown => Outcome::Ambiguous,
        },
    }
}

/// The class of an error: its AWS code, else its innermost cause.
fn error_class(error: &ServiceError) -> String {
    match error {
        ServiceError::Request { code: Some(code), .. } => code.clone(),
        ServiceError::Request { cause, .. } => cause.clone(),
        ServiceError::Unusable { .. } | ServiceError::File { .. } | ServiceError::Wait(_) => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed<T>(certainty: Certainty, code: Option<&str>) -> Result<T, ServiceError> {
        Err(ServiceError::Request {
            operation: "DynamoDB PutItem on orders".into(),
            certainty,
            code: code.map(str::to_owned),
            status: code.map(|_| 400),
            cause: "as the case says".into(),
        })
    }

    #[test]
    fn rejected_means_that_it_cannot_have_happened() {
        use Outcome::{Acknowledged, Ambiguous, Rejected};
        let unreadable =
            Err(ServiceError::Unusable { operation: "S3 PutObject".into(), what: "half an answer".into() });
        let cases = [
            ("the service said yes", Ok(()), Acknowledged),
            ("connection refused", failed(Certainty::NotExecuted, None), Rejected),
            ("a definite 4xx", failed(Certainty::NotExecuted, Some("ValidationException")), Rejected),
            (
                "refused after a part of it was executed",
                failed(Certainty::NotExecuted, None).map_err(ServiceError::happened_in_part),
                Ambiguous,
            ),
            ("time-out or reset", failed(Certainty::Unknown, None), Ambiguous),
            ("a 5xx", failed(Certainty::Unknown, Some("InternalServerError")), Ambiguous),
            ("an answer that cannot be read", unreadable, Ambiguous),
        ];
        for (case, answer, expected) in cases {
            assert_eq!(outcome_of(&answer), expected, "{case}");
        }
    }

    /// By key: how each item of a second attempt ended, the class of its error, and whether it is sent again.
    fn each(answer: Result<&[&str], ServiceError>) -> Vec<(Outcome, Option<String>, bool)> {
        let answer = answer.map(|unprocessed| unprocessed.iter().copied().map(str::to_owned).collect());
        let times = (RunTime::from_ms(5), RunTime::from_ms(9));
        let answered = Answered::to_batch(&["a", "b", "c"], answer, 2, times);
        assert!(answered.iter().all(|one| one.attempt == 2 && (one.issued, one.completed) == times));
        answered.into_iter().map(|one| (one.outcome, one.error, one.unprocessed)).collect()
    }

    #[test]
    fn what_a_batch_left_unprocessed_was_rejected_and_is_sent_again_and_the_rest_is_acknowledged() {
        let taken = (Outcome::Acknowledged, None, false);
        let left = (Outcome::Rejected, Some("UnprocessedItems".to_owned()), true);
        let cases: [(&[&str], [bool; 3]); 4] = [
            (&[], [false, false, false]),
            (&["b"], [false, true, false]),
            (&["c", "a"], [true, false, true]),
            (&["a", "b", "c"], [true, true, true]),
        ];
        for (unprocessed, expected) in cases {
            let expected = expected.map(|again| if again { left.clone() } else { taken.clone() });
            assert_eq!(each(Ok(unprocessed)), expected, "{unprocessed:?}");
        }
    }

    #[test]
    fn a_batch_that_failed_is_sent_again_by_nobody_and_every_item_of_it_ends_as_the_error_says() {
        let throttled = "ProvisionedThroughputExceededException";
        let cases = [
            (failed(Certainty::NotExecuted, Some(throttled)), Outcome::Rejected, throttled),
            (failed(Certainty::Unknown, Some("InternalServerError")), Outcome::Ambiguous, "InternalServerError"),
            (failed(Certainty::Unknown, None), Outcome::Ambiguous, "as the case says"),
        ];
        for (answer, outcome, class) in cases {
            let ended = (outcome, Some(class.to_owned()), false);
            assert_eq!(each(answer), [ended.clone(), ended.clone(), ended], "{class}");
        }
    }

    #[test]
    fn an_answer_about_an_item_that_was_not_sent_leaves_every_item_ambiguous() {
        let ended = each(Ok(&["b", "x"]));
        assert!(ended.iter().all(|(outcome, _, again)| *outcome == Outcome::Ambiguous && !again), "{ended:?}");
        let said = ended[0].1.as_deref().unwrap();
        assert!(said.ends_with("left `x` unprocessed, which was not sent"), "{said}");
    }
}
