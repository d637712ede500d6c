//! Extension `detent.gaps/1` of a plugin, since 1.1: it is told where something that hosts have said on its route is missing.

use std::ffi::c_void;

use super::{POSITION_BYTES, Sink, Status};

/// Id of the plugin's extension [`Gaps`].
pub const GAPS: &str = "detent.gaps/1";

/// Why something is missing: other hosts have said it, and this one will not hear it: it was cut off for longer than the
/// stream holds.
pub const GAP_MISSED: u32 = 1;
/// What hosts have heard is lost, by a failover or a restart of what stands between them: what was heard here before
/// the gap may be known to no other host, and the other way round.
pub const GAP_LOST: u32 = 2;

/// What is missing of a route that hosts share. It is about the whole route: what is not there does not say on which topics
/// it was. Positions are those of the extension [`JOURNAL`](super::JOURNAL).
#[repr(C)]
pub struct Gap {
    /// Bytes of this struct.
    pub size: u32,
    /// [`GAP_MISSED`] or [`GAP_LOST`].
    pub cause: u32,
    /// The position of the last that was heard here before it.
    pub from: [u8; POSITION_BYTES],
    /// The position behind which everything is heard again.
    pub to: [u8; POSITION_BYTES],
}

/// Extension [`GAPS`] of a plugin.
#[repr(C)]
pub struct Gaps {
    /// Bytes of this struct.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// Something is missing. All clients of the route have been closed before, with 1013, so that they come back and are told by
    /// their positions: none of those hears what is said here. Never while another `on_gap` or an `on_timer` of the route
    /// runs. What is found while one runs, or while the route is out of service, is told as one gap. Not of what was said
    /// before this host began. Where the plugin's code is replaced, the new one is told what the old one was not. Optional.
    /// `[timers]`
    pub on_gap: Option<
        unsafe extern "C" fn(route: *mut c_void, gap: *const Gap, error: *const Sink) -> Status,
    >,
}
