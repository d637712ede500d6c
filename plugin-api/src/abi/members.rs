//! Extension `detent.members/1` of the host, since 1.1: who is here, and who comes and goes.

use std::ffi::c_void;

use super::{Bytes, ClientId, Host, Status};

/// Id of the host's extension [`Members`].
pub const MEMBERS: &str = "detent.members/1";

/// Takes the clients of a list, one after the other, by the thread that asks and before its call returns.
#[repr(C)]
pub struct MemberSink {
    /// Bytes of this struct.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// Handed back to `member`.
    pub context: *mut c_void,
    /// One client, with what the plugin says that it is called: empty where it says nothing. `[the thread of the
    /// call]`
    pub member: unsafe extern "C" fn(context: *mut c_void, client: ClientId, label: Bytes),
}

/// What is said to a topic; of kind 0 nothing is.
#[repr(C)]
pub struct Word {
    /// [`TEXT`](super::TEXT), [`BINARY`](super::BINARY), or 0 for nothing.
    pub kind: u32,
    /// Zero.
    pub reserved: u32,
    /// 1,024 bytes at most.
    pub payload: Bytes,
}

/// Extension [`MEMBERS`] of the host.
#[repr(C)]
pub struct Members {
    /// Bytes of this struct.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// Gives `sink` the members of `topic`, or of an empty one the clients of the route: 10,000 at most, in no order,
    /// as they are after all that this thread has asked for before; and writes to `count` (may be null) how many there
    /// are. Waits until the host has come to it, as `member_count` does. `[any]`
    pub list: unsafe extern "C" fn(
        host: *const Host,
        topic: Bytes,
        sink: *const MemberSink,
        count: *mut u64,
    ) -> Status,
    /// As `join` of the host, and the other members are told: at once with `joined`, unless it was a member before, and
    /// with `left` when it is none any more, whether by `leave` or since its connection has ended, in whatever way.
    /// Either may be null. A later call says other words for the end. They stay when the plugin's code is replaced. Of
    /// each client the ends of 16 memberships are told. Nobody is told when the server stops or the route goes.
    /// [`INVALID`](super::INVALID): as of `join` and `publish`, or more than 1,024 bytes. `[any]`
    pub join_told: unsafe extern "C" fn(
        host: *const Host,
        client: ClientId,
        topic: Bytes,
        joined: *const Word,
        left: *const Word,
    ) -> Status,
}
