//! What a fault does to resources, through the API of their region: one file each, and one line in [`make`].
//!
//! Clients of a change go straight to the region, since no rule of the plane is meant for them.

mod code;
mod corrupt;
mod delete;
mod encrypt;
mod poison;

use firedrill_model::{
    ids::ResourceKind,
    scenario::{Alteration, Change},
    units::Span,
};
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use crate::{
    poll,
    run::{Drill, journal::JournalError},
    services::{ServiceError, Site, dynamodb, lambda, service},
    triggers,
    workload::WorkloadError,
};

/// A change that could not be made, or not be written down.
#[derive(Debug, Error)]
pub enum ChangeError {
    /// A service said no.
    #[error("the disaster cannot be brought about")]
    Service(#[from] ServiceError),
    /// The history could not be written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// An event could not be made, or not be written down.
    #[error(transparent)]
    Workload(#[from] WorkloadError),
    /// An event was not taken.
    #[error("the event that cannot be processed was not taken: {why}")]
    NotTaken {
        /// What the service said.
        why: String,
    },
}

/// Between the beginnings of two writes of objects. Each event of a bucket starts a process in the emulator, which on two cores
/// takes 18 a second with nothing else to do: faster writes starve the functions of everybody, and in the end the writes too.
const PACE: Span = Span::from_ms(125);

/// Writes of objects one after another, none sooner after the one before than [`PACE`].
async fn paced(writes: impl Iterator<Item = impl Future<Output = Result<(), ChangeError>>>) -> Result<(), ChangeError> {
    let never = CancellationToken::new();
    for write in writes {
        let (written, _) = tokio::join!(write, poll::pause(PACE, &never));
        written?;
    }
    Ok(())
}

/// Told of each thing that has been changed.
pub type Changed<'a> = &'a (dyn Fn() -> Result<(), JournalError> + Send + Sync);

/// Makes a change at `site`, which is the side of its region. What is drawn depends on the seed of the run alone. Nothing is told to
/// have been changed where there was nothing left to change.
pub async fn make(drill: &Drill, site: &Site, change: &Change, changed: Changed<'_>) -> Result<(), ChangeError> {
    let (name, seed) = (change.resource.name(), drill.plan.seed);
    match &change.what {
        Alteration::Delete => return delete::whole(site, &change.resource, changed).await,
        Alteration::DeleteBelow { prefix } => return delete::below(site, name, prefix, changed).await,
        Alteration::Corrupt { count, bytes } => {
            let extent = corrupt::Extent { seed, count: *count, bytes: *bytes };
            return corrupt::corrupt(site, &drill.plan.stack, &change.resource, extent, changed).await;
        }
        Alteration::Encrypt => return encrypt::encrypt(site, seed, name, changed).await,
        Alteration::Poison => return poison::send(drill, site, name, changed).await,
        Alteration::DropStream => {
            if !dynamodb::drop_stream(site, name).await? {
                return Ok(());
            }
        }
        Alteration::BreakCode => code::replace(site, name).await?,
        Alteration::BreakHandler => code::rename_handler(site, name).await?,
        Alteration::MoveAlias => {
            if !lambda::deploy::unpin(site, name).await? {
                return Ok(());
            }
        }
        Alteration::Unset { variable } => code::unset(site, name, variable).await?,
        Alteration::Disconnect => {
            let service = service(ResourceKind::Trigger);
            if !service.exists(site, name).await? {
                return Ok(());
            }
            service.delete(site, name).await?;
        }
        Alteration::SwitchOff => {
            if !triggers::switch_off(site, name).await? {
                return Ok(());
            }
        }
    }
    Ok(changed()?)
}
