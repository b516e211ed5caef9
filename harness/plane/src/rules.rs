//! What happens to the requests of a region now. A rule is a value; changing it acts on requests under way too.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

use firedrill_model::ids::{FaultId, Region};
use tokio::sync::{mpsc, watch};

use super::PlaneError;

/// What happens to the requests of a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// They pass unchanged.
    Pass,
    /// The region's address refuses connections; requests that reach the plane all the same are cut off unanswered.
    Refuse,
    /// Requests are read and never answered. When the rule ends, those still waiting are cut off, never forwarded.
    Hold,
}

/// The rule of one region and who set it. The era tells two periods of one rule apart.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Standing {
    rule: Rule,
    fault: Option<FaultId>,
    era: u64,
}

/// The rules of all regions. Cheap to clone.
#[derive(Clone, Debug)]
pub struct RuleBook {
    regions: Arc<BTreeMap<Region, watch::Sender<Standing>>>,
    bites: mpsc::UnboundedSender<FaultId>,
    bitten: Arc<Mutex<BTreeSet<FaultId>>>,
}

impl RuleBook {
    /// Every region passes.
    pub fn new(regions: impl IntoIterator<Item = Region>, bites: mpsc::UnboundedSender<FaultId>) -> Self {
        let passing = |region| (region, watch::Sender::new(Standing { rule: Rule::Pass, fault: None, era: 0 }));
        Self { regions: Arc::new(regions.into_iter().map(passing).collect()), bites, bitten: Arc::default() }
    }

    /// Sets the rule of a region.
    pub fn set(&self, region: &Region, rule: Rule, fault: Option<FaultId>) -> Result<(), PlaneError> {
        let standing = self.regions.get(region).ok_or_else(|| PlaneError::UnknownRegion(region.clone()))?;
        standing.send_modify(|standing| *standing = Standing { rule, fault, era: standing.era + 1 });
        Ok(())
    }

    /// A request's own view of the rule of its region; `None` for a region that is not served.
    pub fn passage(&self, region: &Region) -> Option<Passage> {
        let standing = self.regions.get(region)?.subscribe();
        Some(Passage { standing, book: self.clone() })
    }

    /// Reports that a fault stopped a request, the first time.
    pub(super) fn bite(&self, fault: &FaultId) {
        let first = self.bitten.lock().unwrap_or_else(PoisonError::into_inner).insert(fault.clone());
        if first && self.bites.send(fault.clone()).is_err() {
            tracing::warn!(%fault, "a fault bit and nobody listens");
        }
    }
}

/// A request under the rule of its region.
#[derive(Debug)]
pub struct Passage {
    standing: watch::Receiver<Standing>,
    book: RuleBook,
}

impl Passage {
    /// Waits until a rule stops the request, which makes its fault bite.
    pub async fn struck(&mut self) -> Strike {
        let standing = match self.standing.wait_for(|standing| standing.rule != Rule::Pass).await {
            Ok(standing) => standing.clone(),
            // The plane is gone: so is every request.
            Err(_) => return Strike { rule: Rule::Refuse, era: 0 },
        };
        if let Some(fault) = &standing.fault {
            self.book.bite(fault);
        }
        Strike { rule: standing.rule, era: standing.era }
    }

    /// Waits until a request that was struck must be cut off: at once, or when the rule that holds it ends.
    pub async fn cut(&mut self, strike: Strike) {
        match strike.rule {
            Rule::Pass | Rule::Refuse => {}
            Rule::Hold => {
                // An error means that the plane is gone, which ends the holding as well.
                let _ended = self.standing.wait_for(|standing| standing.era != strike.era).await.is_ok();
            }
        }
    }
}

/// How a request was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strike {
    /// By which rule.
    pub rule: Rule,
    era: u64,
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn book() -> (RuleBook, Region, mpsc::UnboundedReceiver<FaultId>) {
        let (bites, bitten) = mpsc::unbounded_channel();
        let region = Region::from("us-east-1");
        (RuleBook::new([region.clone()], bites), region, bitten)
    }

    #[tokio::test]
    async fn a_passing_request_is_never_struck() {
        let (book, region, _bitten) = book();
        let mut passage = book.passage(&region).expect("served");
        assert_eq!(passage.struck().now_or_never(), None);
        assert!(book.passage(&Region::from("eu-west-1")).is_none(), "a region that is not served has no passage");
    }

    #[tokio::test]
    async fn a_rule_strikes_requests_under_way_and_bites_once() {
        let (book, region, mut bitten) = book();
        let mut early = book.passage(&region).expect("served");
        let fault = FaultId::from("fault-1");
        book.set(&region, Rule::Refuse, Some(fault.clone())).expect("served");
        assert!(bitten.try_recv().is_err(), "an armed fault has not bitten yet");
        let mut late = book.passage(&region).expect("served");
        for passage in [&mut early, &mut late] {
            let strike = passage.struck().await;
            assert_eq!(strike.rule, Rule::Refuse);
            assert_eq!(passage.cut(strike).now_or_never(), Some(()), "refused requests are cut off at once");
        }
        assert_eq!(bitten.try_recv(), Ok(fault));
        assert!(bitten.try_recv().is_err(), "one bite is reported");
    }

    #[tokio::test]
    async fn a_held_request_waits_for_the_end_of_its_own_rule() {
        let (book, region, _bitten) = book();
        let fault = Some(FaultId::from("fault-1"));
        book.set(&region, Rule::Hold, fault.clone()).expect("served");
        let mut passage = book.passage(&region).expect("served");
        let strike = passage.struck().await;
        assert_eq!(passage.cut(strike).now_or_never(), None, "held while the rule stands");
        // The rule ends and begins again before the request looks: it was held by the first one.
        book.set(&region, Rule::Pass, None).expect("served");
        book.set(&region, Rule::Hold, fault).expect("served");
        assert_eq!(passage.cut(strike).now_or_never(), Some(()));
    }
}
