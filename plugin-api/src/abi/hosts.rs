//! Extension `detent.hosts/1` of the host, since 1.1: a route on all hosts that share it.

use std::ffi::c_void;

use super::{Bytes, ClientId, Host, Status};

/// Id of the host's extension [`Hosts`].
pub const HOSTS: &str = "detent.hosts/1";

/// A client of the route, on whichever host: one value that may be kept, and handed on to other hosts. Written as text it is
/// the host's number with 8 hexadecimal digits, `-`, and the client's: `5f3a09c1-17`. Passed by value, so it has no size
/// field and never grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct ClientEverywhere {
    /// Number of its host, from 1, below 2^32: drawn by chance whenever a server starts, so that none comes twice.
    pub host: u64,
    /// Its number there.
    pub client: ClientId,
}

/// Takes the clients of a list, one after the other, by the thread that asks and before its call returns.
#[repr(C)]
pub struct EverywhereSink {
    /// Bytes of this struct.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// Handed back to `member`.
    pub context: *mut c_void,
    /// One client, with what the plugin says there that it is called: empty where it says nothing. `[the thread of the
    /// call]`
    pub member: unsafe extern "C" fn(context: *mut c_void, client: ClientEverywhere, label: Bytes),
}

/// Extension [`HOSTS`] of the host. Where the route is not shared with other hosts, all of it is about this one. None of it
/// waits for another host: what others have is known as it was a second or two ago, and while their engine is away for 15
/// seconds at most.
#[repr(C)]
pub struct Hosts {
    /// Bytes of this struct.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// Writes this host's number, and whether the route is shared with other hosts, 0 or 1; either may be null. In `create`
    /// a route is not shared yet. `[any]`
    pub this_host:
        unsafe extern "C" fn(host: *const Host, number: *mut u64, is_shared: *mut u32) -> Status,
    /// Writes the number of clients of the route on all hosts. `[any]`
    pub count: unsafe extern "C" fn(host: *const Host, count: *mut u64) -> Status,
    /// Gives `sink` the clients of the route on all hosts that are called `label`, or all where that is empty: 10,000 at most,
    /// in no order; of another host 10,000 are known at most. Writes to `count` (may be null) how many there are. Waits until the
    /// host has come to it, as `member_count` does. `[any]`
    pub list: unsafe extern "C" fn(
        host: *const Host,
        label: Bytes,
        sink: *const EverywhereSink,
        count: *mut u64,
    ) -> Status,
    /// As `send` of the host. What goes to another host comes to the client behind what this thread has said to all before,
    /// and [`OK`](super::OK) says no more than that it is on its way: a client that has gone there gets nothing.
    /// [`GONE`](super::GONE): so has the client here, or its host, for 5 seconds, or there is no such host;
    /// [`EXHAUSTED`](super::EXHAUSTED): other hosts are away, or do not keep up; [`LATER`](super::LATER): it is for another host,
    /// and this instance has not taken over yet. Waits as `broadcast` does, and where the host's number was never seen until
    /// the list of hosts was read anew, half a second at most. `[any]`
    pub send: unsafe extern "C" fn(
        host: *const Host,
        client: ClientEverywhere,
        kind: u32,
        payload: Bytes,
    ) -> Status,
    /// As `close` of the host, in the same way. `[any]`
    pub close: unsafe extern "C" fn(
        host: *const Host,
        client: ClientEverywhere,
        code: u32,
        reason: Bytes,
    ) -> Status,
}
