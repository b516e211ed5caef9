//! The book of findings: drafts in, numbered findings out, roots before what follows from them.

use firedrill_model::{
    findings::{Finding, FindingKind, Weight},
    ids::{CheckId, ResourceId},
};

use crate::asserted::Asserted;

/// Keys or fields that a finding names; the others are counted.
pub(crate) const SAMPLE_MAX: usize = 20;

/// A finding of the book, for others to follow from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Handle(usize);

/// A finding before it has an id.
#[derive(Clone, Debug)]
#[must_use]
pub(crate) struct Draft {
    check: Option<String>,
    kind: FindingKind,
    weight: Weight,
    resource: Option<ResourceId>,
    key: Option<String>,
    root: Option<Handle>,
    count: u64,
    message: String,
    detail: Vec<String>,
    help: Option<String>,
}

impl Draft {
    fn new(weight: Weight, kind: FindingKind, message: impl Into<String>) -> Self {
        Self {
            check: None,
            kind,
            weight,
            resource: None,
            key: None,
            root: None,
            count: 1,
            message: message.into(),
            detail: Vec::new(),
            help: None,
        }
    }

    /// The check fails.
    pub(crate) fn failure(kind: FindingKind, message: impl Into<String>) -> Self {
        Self::new(Weight::Failure, kind, message)
    }

    /// The check cannot be decided.
    pub(crate) fn undecided(kind: FindingKind, message: impl Into<String>) -> Self {
        Self::new(Weight::Undecided, kind, message)
    }

    /// Worth knowing.
    pub(crate) fn note(kind: FindingKind, message: impl Into<String>) -> Self {
        Self::new(Weight::Note, kind, message)
    }

    /// The check it belongs to.
    pub(crate) fn check(mut self, check: impl Into<String>) -> Self {
        self.check = Some(check.into());
        self
    }

    /// Where.
    pub(crate) fn resource(mut self, resource: ResourceId) -> Self {
        self.resource = Some(resource);
        self
    }

    /// Key or field.
    pub(crate) fn key(mut self, key: Option<String>) -> Self {
        self.key = key;
        self
    }

    /// What it follows from.
    pub(crate) fn follows(mut self, root: Option<Handle>) -> Self {
        self.root = root;
        self
    }

    /// How many places it stands for.
    pub(crate) fn count(mut self, count: u64) -> Self {
        self.count = count;
        self
    }

    /// Facts in order.
    pub(crate) fn detail(mut self, detail: impl IntoIterator<Item = String>) -> Self {
        self.detail.extend(detail);
        self
    }

    /// What to try next.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// Findings as they are made.
#[derive(Clone, Debug)]
pub(crate) struct Book {
    asserted: Asserted,
    drafts: Vec<Draft>,
    never_ready: Option<Handle>,
    unseen: Option<Handle>,
}

impl Book {
    /// An empty book for a plan's checks.
    pub(crate) fn new(asserted: Asserted) -> Self {
        Self { asserted, drafts: Vec::new(), never_ready: None, unseen: None }
    }

    /// The plan's checks.
    pub(crate) fn asserted(&self) -> &Asserted {
        &self.asserted
    }

    /// Adds a finding. One whose check is not asserted becomes a note without a check: it was measured, and decides
    /// nothing. What follows from a finding that follows itself is linked to the root.
    pub(crate) fn add(&mut self, mut draft: Draft) -> Handle {
        if !draft.check.as_deref().is_some_and(|check| self.asserted.has(check)) {
            draft.check = None;
            draft.weight = Weight::Note;
        }
        draft.root = draft.root.map(|handle| self.drafts[handle.0].root.unwrap_or(handle));
        self.drafts.push(draft);
        Handle(self.drafts.len() - 1)
    }

    /// Adds a finding that leaves each of `checks` undecided: one root, and one that follows for each further check.
    pub(crate) fn undecide(&mut self, checks: &[&str], draft: &Draft) -> Handle {
        let mut asserted = checks.iter().filter(|check| self.asserted.has(check));
        let Some(first) = asserted.next() else { return self.add(draft.clone()) };
        let rest: Vec<&str> = asserted.copied().collect();
        let root = self.add(draft.clone().check(*first));
        for check in rest {
            self.add(Draft { detail: Vec::new(), help: None, ..draft.clone() }.check(check).follows(Some(root)));
        }
        root
    }

    /// [`Book::undecide`] for every asserted check.
    pub(crate) fn undecide_all(&mut self, draft: &Draft) -> Handle {
        let checks: Vec<String> = self.asserted.checks().map(str::to_owned).collect();
        self.undecide(&checks.iter().map(String::as_str).collect::<Vec<_>>(), draft)
    }

    /// The failure of this kind at this resource that is a root, if there is one.
    pub(crate) fn root(&self, kind: FindingKind, resource: &ResourceId) -> Option<Handle> {
        self.roots_at(resource).find(|handle| self.drafts[handle.0].kind == kind)
    }

    /// The first root of this kind, whatever its weight.
    pub(crate) fn root_of_kind(&self, kind: FindingKind) -> Option<Handle> {
        self.drafts.iter().position(|draft| draft.root.is_none() && draft.kind == kind).map(Handle)
    }

    /// The first failure of this check that is a root.
    pub(crate) fn failure_of(&self, check: &str) -> Option<Handle> {
        let fails = |draft: &Draft| draft.weight == Weight::Failure && draft.check.as_deref() == Some(check);
        self.drafts.iter().position(|draft| draft.root.is_none() && fails(draft)).map(Handle)
    }

    /// Every failure at this resource that is a root.
    pub(crate) fn roots_at(&self, resource: &ResourceId) -> impl Iterator<Item = Handle> {
        self.drafts.iter().enumerate().filter_map(move |(index, draft)| {
            let is_root = draft.root.is_none() && draft.weight == Weight::Failure;
            (is_root && draft.resource.as_ref() == Some(resource)).then_some(Handle(index))
        })
    }

    /// Remembers the finding that says why evidence is not there: the run was cut short, or its evidence altered. The first
    /// one counts.
    pub(crate) fn remember_unseen(&mut self, finding: Handle) {
        self.unseen.get_or_insert(finding);
    }

    /// Why evidence is not there, if a finding says so: what could not be observed for that reason follows it.
    pub(crate) fn unseen(&self) -> Option<Handle> {
        self.unseen
    }

    /// Remembers the finding that says the service was never ready: what cannot be judged for that reason follows it.
    pub(crate) fn remember_never_ready(&mut self, finding: Handle) {
        self.never_ready = Some(finding);
    }

    /// The finding that says the service was never ready, or what that follows from.
    pub(crate) fn why_never_ready(&self) -> Option<Handle> {
        self.never_ready.map(|handle| self.drafts[handle.0].root.unwrap_or(handle))
    }

    /// Numbers the findings: each root, heaviest first, directly before what follows from it. Before all of them comes
    /// altered evidence, since nothing else that is found can be relied on then.
    pub(crate) fn finish(self) -> Vec<Finding> {
        let mut order: Vec<usize> = (0..self.drafts.len()).filter(|&index| self.drafts[index].root.is_none()).collect();
        order.sort_by_key(|&index| {
            let draft = &self.drafts[index];
            (draft.kind != FindingKind::EvidenceAltered, std::cmp::Reverse(draft.weight))
        });
        let mut sorted = Vec::with_capacity(self.drafts.len());
        for root in order {
            sorted.push(root);
            sorted.extend((0..self.drafts.len()).filter(|&index| self.drafts[index].root == Some(Handle(root))));
        }
        let mut ids = vec![String::new(); self.drafts.len()];
        for (position, &index) in sorted.iter().enumerate() {
            ids[index] = format!("f-{:04}", position + 1);
        }
        sorted.iter().map(|&index| finding(&self.drafts[index], &ids, index)).collect()
    }
}

fn finding(draft: &Draft, ids: &[String], index: usize) -> Finding {
    Finding {
        id: ids[index].clone(),
        check: draft.check.as_deref().map(CheckId::new),
        kind: draft.kind,
        weight: draft.weight,
        resource: draft.resource.clone(),
        key: draft.key.clone(),
        root: draft.root.map(|handle| ids[handle.0].clone()),
        count: draft.count,
        message: draft.message.clone(),
        detail: draft.detail.clone(),
        help: draft.help.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asserted::{RPO, RTO, STATE};

    fn book() -> Book {
        let json = include_str!("../tests/support/plan.json");
        Book::new(Asserted::of(&serde_json::from_str(json).unwrap()))
    }

    fn place(name: &str) -> ResourceId {
        ResourceId::new(firedrill_model::ids::ResourceKind::Table, name)
    }

    fn failure(kind: FindingKind, check: &str) -> Draft {
        Draft::failure(kind, "something").check(check).resource(place("a"))
    }

    #[test]
    fn a_root_is_found_by_kind_and_place() {
        let mut book = book();
        let changed = book.add(failure(FindingKind::Changed, STATE));
        let missing = book.add(failure(FindingKind::Missing, STATE));
        book.add(failure(FindingKind::Extra, STATE).follows(Some(missing)));
        book.add(Draft::undecided(FindingKind::NotMeasured, "something").check(STATE).resource(place("a")));
        assert_eq!(book.root(FindingKind::Missing, &place("a")), Some(missing));
        assert_eq!(book.root(FindingKind::Changed, &place("a")), Some(changed));
        assert_eq!(book.root(FindingKind::Missing, &place("b")), None, "elsewhere");
        assert_eq!(book.root(FindingKind::Extra, &place("a")), None, "it follows");
        assert_eq!(book.root(FindingKind::NotMeasured, &place("a")), None, "it fails nothing");
        assert_eq!(book.roots_at(&place("a")).collect::<Vec<_>>(), [changed, missing]);
    }

    #[test]
    fn a_root_of_a_kind_is_found_whatever_its_weight() {
        let mut book = book();
        let missing = book.add(failure(FindingKind::Missing, STATE));
        book.add(Draft::undecided(FindingKind::NotMeasured, "it follows").check(STATE).follows(Some(missing)));
        assert_eq!(book.root_of_kind(FindingKind::NotMeasured), None);
        let own = book.add(Draft::undecided(FindingKind::NotMeasured, "its own").check(STATE));
        assert_eq!(book.root_of_kind(FindingKind::NotMeasured), Some(own));
        assert_eq!(book.root_of_kind(FindingKind::Missing), Some(missing));
    }

    #[test]
    fn a_failure_of_a_check_is_one_of_that_check_that_is_a_root() {
        let mut book = book();
        let undecided = book.add(Draft::undecided(FindingKind::NotMeasured, "something").check(RTO));
        book.add(failure(FindingKind::RtoMissed, RTO).follows(Some(undecided)));
        let missing = book.add(failure(FindingKind::Missing, STATE));
        assert_eq!(book.failure_of(STATE), Some(missing));
        assert_eq!(book.failure_of(RTO), None, "one is undecided, one follows from it");
        assert_eq!(book.failure_of(RPO), None);
    }

    #[test]
    fn what_follows_for_further_checks_is_said_without_its_detail() {
        let mut book = book();
        let draft = Draft::undecided(FindingKind::NotMeasured, "something").detail(["a fact".to_owned()]).help("try");
        book.undecide(&[STATE, RPO, "nobody asked"], &draft);
        let findings = book.finish();
        assert_eq!(findings.len(), 2);
        let said: Vec<_> = findings
            .iter()
            .map(|one| (one.check.as_ref().map(CheckId::as_str), one.detail.len(), one.help.is_some()))
            .collect();
        assert_eq!(said, [(Some(STATE), 1, true), (Some(RPO), 0, false)]);
        assert_eq!(findings[1].root.as_deref(), Some("f-0001"));
    }
}
