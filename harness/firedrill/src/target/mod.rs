//! Targets: where a run happens. Now one kind: `local`, emulator processes that firedrill starts itself.
//!
//! The runner does not own them. It starts a *supervisor*, its own program in another process group, which owns the
//! emulators and the fault plane and listens on a pipe: when the pipe closes, for whatever reason, the supervisor heals
//! every fault and ends what it started. Should the supervisor itself be killed, each emulator's guard sees *its* pipe
//! close and kills the emulator.
//!
//! ```text
//! runner ──pipe──▶ supervisor (fault plane) ──pipe──▶ guard ──▶ emulator and its functions, one process group
//! ```

mod error;
pub mod install;
mod installing;
mod launch;
mod link;
pub mod process;
pub mod record;
mod running;
pub mod supervisor;

pub use self::{
    error::TargetError,
    install::{InstallError, InstallProgress},
    installing::{INSTALL_LIMIT, install_aside},
    launch::{Launch, cache_folder},
    running::{RunningTarget, SUPERVISOR, Switch},
    supervisor::protocol::{EndpointRecord, Healing, TargetEvent},
};
