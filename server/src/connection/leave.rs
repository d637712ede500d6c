//! The end of a client, however it is written to.
//!
//! Runs on the client's own thread, as the last that it does.

use std::sync::Arc;

use log::{debug, info};

use crate::logging::refusal_log::RefusalLog;
use crate::outbox::cause::Cause;
use crate::outbox::{Ending, Outbox};
use crate::plugin::Place;
use crate::threads::fault_point;

/// Tells the plugin of the end, and leaves the socket as `ending` says.
pub(super) fn leave(
    outbox: &Arc<Outbox>,
    place: Place,
    refusals: &RefusalLog,
    cause: &Cause,
    ending: Ending,
) {
    fault_point("close");
    debug!(code = cause.code; "{} has ended: {cause}", outbox.name());
    let dropped = outbox.dropped();
    if dropped > 0 {
        let name = outbox.name();
        info!("{name} was too slow for {dropped} messages, which it never got");
    }
    if let Err(error) = place.close(cause) {
        let name = outbox.name();
        refusals.note(error.level(), format_args!("{name}: {error}"));
    }
    outbox.finish(ending);
}
