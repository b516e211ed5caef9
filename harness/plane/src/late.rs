//! Requests that reach their service late, also when their clients have given up by then: how many of them there is room for.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
};

/// Memory of all requests that are kept: fifteen of the longest ones (16 MiB each). Of those whose client has left nobody knows
/// when it will send the next one, so that something else than the client has to bound them.
const ROOM: usize = 256 << 20;
/// What a request takes besides its body. Heads of AWS's clients have 1 to 2 KB; 8 KB is what S3 takes of headers.
const HEAD: usize = 16 << 10;

/// Requests that may outlive their clients. They end with the plane.
#[derive(Debug)]
pub(crate) struct Late {
    room: Arc<Semaphore>,
    sending: Mutex<JoinSet<()>>,
}

impl Default for Late {
    fn default() -> Self {
        Self::of(ROOM)
    }
}

impl Late {
    /// With room for so many bytes.
    pub(crate) fn of(room: usize) -> Self {
        Self { room: Arc::new(Semaphore::new(room)), sending: Mutex::default() }
    }

    /// Room for a request with so long a body, for as long as it is taken; none where others take it all.
    pub(crate) fn room(&self, body: usize) -> Option<OwnedSemaphorePermit> {
        let bytes = u32::try_from(body.saturating_add(HEAD)).ok()?;
        Arc::clone(&self.room).try_acquire_many_owned(bytes).ok()
    }

    /// Goes on with something whatever becomes of its client, for as long as there is a plane.
    pub(crate) fn keep(&self, sending: impl Future<Output = ()> + Send + 'static) {
        let mut kept = self.sending.lock().unwrap_or_else(PoisonError::into_inner);
        while kept.try_join_next().is_some() {}
        kept.spawn(sending);
    }
}

#[cfg(test)]
#[path = "late_tests.rs"]
mod tests;
