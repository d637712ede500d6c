//! Extensions `detent.journal/1` and `/2` of the host, since 1.1: what is said on a topic, or with the second to everyone, is
//! kept for who comes back.
//!
//! The host owns the journals: they live on when a plugin's code is replaced. All calls may be made by any thread at
//! any time. `publish` with a place for the answer, `join_from` and `read` wait until the host has come to
//! them, as `member_count` does; none waits for a client, nor in a callback for a disk.

use super::{Bytes, ClientId, Host, Response, Status};

/// Id of the host's extension [`Journal`].
pub const JOURNAL: &str = "detent.journal/1";

/// Id of the host's extension that is [`Journal`] too, and in which an empty topic stands for everyone on the route: what is
/// kept of it is what [`broadcast`](Host::broadcast) says from the first message on that was published here.
pub const JOURNAL_EVERYONE: &str = "detent.journal/2";

/// Bytes of a position: opaque text of `a-z`, `0-9` and `-`.
pub const POSITION_BYTES: usize = 24;

/// Stands for "nowhere" where a place in a payload is asked for.
pub const NO_PLACE: u64 = u64::MAX;

/// Of a publish in `on_request`: the response is sent when the store has the message on its disk; where it cannot have
/// it, the client is answered 507 instead. With [`JOURNAL_EVERYONE`] a thread of the plugin's own waits for that, up to 30 s,
/// and gets [`NOT_STORED`](super::NOT_STORED) instead. Elsewhere it changes nothing. Where the journal is in memory, as with the
/// hosts of today, it is refused with [`UNSUPPORTED`](super::UNSUPPORTED).
pub const JOURNAL_DURABLE: u32 = 1;

/// Join or read from now on.
pub const SINCE_NOW: u32 = 1;
/// Join or read from the last few messages on.
pub const SINCE_LAST: u32 = 2;
/// Join or read from behind a position on.
pub const SINCE_AFTER: u32 = 3;

/// Nobody knows yet: the instance has not taken over yet, and the client joins when it does.
pub const JOINED_LATER: u32 = 0;
/// It asked for nothing that it has missed.
pub const JOINED_FRESH: u32 = 1;
/// It gets all that came behind its position; or it is a member already, and nothing was done.
pub const JOINED_RECOVERED: u32 = 2;
/// Gap: something behind its position is kept no more.
pub const JOINED_GAP_TOO_OLD: u32 = 3;
/// Gap: its position is of a counting that is over, or none.
pub const JOINED_GAP_OTHER_EPOCH: u32 = 4;
/// Gap: something behind its position was lost by the end of a server or by a full disk.
pub const JOINED_GAP_HOLE: u32 = 5;

/// Extension [`JOURNAL`] of the host.
#[repr(C)]
pub struct Journal {
    /// Bytes of this struct.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// Sends one message to all members of a topic and keeps it; whatever else is published on the topic is kept
    /// from then on too. `published` may be null, and nothing is waited for then. [`INVALID`](super::INVALID): as of
    /// `publish` of [`Host`], or a place that is not inside the payload or not ASCII;
    /// [`UNSUPPORTED`](super::UNSUPPORTED): durable, and the route's journal is not in a file. `[any]`
    pub publish: unsafe extern "C" fn(
        host: *const Host,
        publish: *const JournalPublish,
        published: *mut JournalPublished,
    ) -> Status,
    /// Makes a client a member of a topic from some place in its past on: it gets what is kept behind
    /// that, in order and nothing twice, and then what is said. `joined` may be null. [`UNSUPPORTED`](super::UNSUPPORTED): for
    /// everyone, of a client that was not admitted `apart` and so hears everyone already. [`EXHAUSTED`](super::EXHAUSTED): the
    /// client is a member of 1,024 topics, as many as it may be. `[any]`
    pub join_from: unsafe extern "C" fn(
        host: *const Host,
        join: *const JournalJoin,
        joined: *mut JournalJoined,
    ) -> Status,
    /// Reads what is kept: each message goes to `messages` before this returns. [`LATER`](super::LATER): it is in a file,
    /// which is not waited for in a callback; an `on_request` is called again then, and a thread of the plugin's own
    /// waits and never gets this. `[any]`
    pub read: unsafe extern "C" fn(
        host: *const Host,
        read: *const JournalRead,
        messages: *const JournalMessages,
        kept: *mut JournalKept,
    ) -> Status,
    /// Of an admitted client's response in `on_upgrade`: where it is a WebSocket, it gets each message in an envelope, a
    /// text of JSON: `{"id":POSITION,"topic":TOPIC,"data":TEXT}`, or `"base64"` instead of `"data"`; the first two may be
    /// null. Joining from somewhere it gets `{"id":POSITION,"topic":TOPIC,"gap":null}` first, or why there is a gap. Only
    /// where `size` covers it. `[connection]`
    pub envelope: unsafe extern "C" fn(response: *mut Response) -> Status,
    /// Of an admitted client's response in `on_upgrade`: the client does not hear what is said to everyone before
    /// `join_from` has made it hear that, from wherever it says. Only where `size` covers it, as with
    /// [`JOURNAL_EVERYONE`]. `[connection]`
    pub apart: unsafe extern "C" fn(response: *mut Response) -> Status,
}

/// A message that is kept.
#[repr(C)]
pub struct JournalPublish {
    /// Bytes of this struct.
    pub size: u32,
    /// [`TEXT`](super::TEXT) or [`BINARY`](super::BINARY).
    pub kind: u32,
    /// 1 to 255 bytes of UTF-8; with [`JOURNAL_EVERYONE`] also none, for everyone.
    pub topic: Bytes,
    /// What is said.
    pub payload: Bytes,
    /// Who does not get it, or [`NO_CLIENT`](super::NO_CLIENT).
    pub except: ClientId,
    /// Where in the payload [`POSITION_BYTES`] ASCII characters stand over which the message's position is written, or
    /// [`NO_PLACE`].
    pub position_at: u64,
    /// [`JOURNAL_DURABLE`] or 0.
    pub flags: u32,
    /// Zero.
    pub reserved: u32,
}

/// Where a message stands that is kept. The plugin sets `size`, the host the rest.
#[repr(C)]
pub struct JournalPublished {
    /// Bytes of this struct.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// Its position; zeros where the instance has not taken over yet, so that nobody knows it.
    pub position: [u8; POSITION_BYTES],
    /// Members of the topic that it went to.
    pub members: u64,
}

/// Something to be said to who joins, before anything of the topic.
#[repr(C)]
pub struct JournalNotice {
    /// [`TEXT`](super::TEXT), [`BINARY`](super::BINARY), or 0 for nothing.
    pub kind: u32,
    /// Zero.
    pub reserved: u32,
    /// What is said.
    pub payload: Bytes,
    /// Where the position is to be written behind which the client gets everything, as in [`JournalPublish`].
    pub position_at: u64,
}

/// Who joins what, and from where on.
#[repr(C)]
pub struct JournalJoin {
    /// Bytes of this struct.
    pub size: u32,
    /// A `SINCE_`.
    pub since: u32,
    /// Who.
    pub client: ClientId,
    /// 1 to 255 bytes of UTF-8.
    pub topic: Bytes,
    /// With [`SINCE_AFTER`]: the position. Any bytes; those that are none are of another epoch.
    pub position: Bytes,
    /// So many of the last messages at most: with [`SINCE_LAST`], and with [`SINCE_AFTER`] where there is a gap, of those
    /// that the client cannot have.
    pub last: u64,
    /// Said where it asked for nothing that it has missed.
    pub fresh: JournalNotice,
    /// Said where it gets all that it has missed.
    pub recovered: JournalNotice,
    /// Said where there is a gap.
    pub gap: JournalNotice,
}

/// How joining went. The plugin sets `size`, the host the rest.
#[repr(C)]
pub struct JournalJoined {
    /// Bytes of this struct.
    pub size: u32,
    /// A `JOINED_`.
    pub outcome: u32,
    /// The client gets everything behind it; zeros with [`JOINED_LATER`], and where the last few are to be looked for in a
    /// file first.
    pub position: [u8; POSITION_BYTES],
}

/// What is to be read, and from where on.
#[repr(C)]
pub struct JournalRead {
    /// Bytes of this struct.
    pub size: u32,
    /// A `SINCE_`.
    pub since: u32,
    /// 1 to 255 bytes of UTF-8.
    pub topic: Bytes,
    /// As in [`JournalJoin`].
    pub position: Bytes,
    /// As in [`JournalJoin`].
    pub last: u64,
    /// So many messages at most.
    pub messages_max: u64,
    /// So many bytes of payloads at most, but for the first message.
    pub bytes_max: u64,
}

/// Takes messages that are kept, the oldest first.
#[repr(C)]
pub struct JournalMessages {
    /// Bytes of this struct.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// Handed back to `write`.
    pub context: *mut std::ffi::c_void,
    /// One message: its position, its kind, its payload. `[the thread of the call]`
    pub write: unsafe extern "C" fn(
        context: *mut std::ffi::c_void,
        position: Bytes,
        kind: u32,
        payload: Bytes,
    ),
}

/// How reading went. The plugin sets `size`, the host the rest.
#[repr(C)]
pub struct JournalKept {
    /// Bytes of this struct.
    pub size: u32,
    /// A `JOINED_`, without [`JOINED_LATER`].
    pub outcome: u32,
    /// From where on to read next.
    pub next: [u8; POSITION_BYTES],
    /// 1 where more is kept behind that, else 0.
    pub has_more: u32,
    /// Zero.
    pub reserved: u32,
}
