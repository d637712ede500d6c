//! The host's extensions `detent.journal/1` and `/2` in C layout: turns C's types into Rust's and calls [`RouteHost`].
//! The second knows the journal of everyone, and is otherwise the first.
//!
//! Any thread. The plugin vouches, by the ABI, for `host` being what `create` got, for each struct being as long as its
//! size says, and for bytes and places being valid for the time of the call.
#![allow(unsafe_code)]

use std::ffi::c_void;

use plugin_api::abi::{self, Bytes, INVALID, OK, POSITION_BYTES, Status};
use plugin_api::covers;

use super::RouteHost;
use super::guard::guard;
use super::host_http::Draft;
use super::keeping::{self, Of, Publish, SinceWhen};
use crate::journal::Position;

static FIRST: abi::Journal = abi::Journal {
    // Up to there it went.
    size: std::mem::offset_of!(abi::Journal, apart) as u32,
    reserved: 0,
    publish: publish::<1>,
    join_from: join_from::<1>,
    read: read::<1>,
    envelope,
    apart,
};

static SECOND: abi::Journal = abi::Journal {
    size: size_of::<abi::Journal>() as u32,
    reserved: 0,
    publish: publish::<2>,
    join_from: join_from::<2>,
    read: read::<2>,
    envelope,
    apart,
};

/// As the plugin sees it.
pub(super) fn first() -> *const c_void {
    (&raw const FIRST).cast()
}

/// As the plugin sees it.
pub(super) fn second() -> *const c_void {
    (&raw const SECOND).cast()
}

const NOWHERE: [u8; POSITION_BYTES] = [0; POSITION_BYTES];

unsafe extern "C" fn publish<const VERSION: u32>(
    host: *const abi::Host,
    publish: *const abi::JournalPublish,
    published: *mut abi::JournalPublished,
) -> Status {
    guard(|| {
        // SAFETY: see above; the size is asked for before anything else.
        let (host, publish) = unsafe {
            if publish.is_null() || !covers!((*publish).size, abi::JournalPublish, reserved) {
                return INVALID;
            }
            (RouteHost::from_abi(host), &*publish)
        };
        // SAFETY: see above.
        let (topic, payload) = unsafe { (publish.topic.as_slice(), publish.payload.as_slice()) };
        // SAFETY: see above.
        let tells = !published.is_null()
            && unsafe { covers!((*published).size, abi::JournalPublished, members) };
        let kept = host.keep(
            &Publish {
                of: Of {
                    topic,
                    version: VERSION,
                },
                kind: publish.kind,
                payload,
                except: publish.except,
                position_at: publish.position_at,
                is_durable: publish.flags & abi::JOURNAL_DURABLE != 0,
            },
            tells,
        );
        match kept {
            Ok(told) if tells => {
                let position = told.map_or(NOWHERE, |told| told.position.text());
                // SAFETY: see above.
                unsafe {
                    (*published).position = position;
                    (*published).members = told.map_or(0, |told| told.members);
                }
                OK
            }
            Ok(_) => OK,
            Err(status) => status,
        }
    })
}

unsafe extern "C" fn join_from<const VERSION: u32>(
    host: *const abi::Host,
    join: *const abi::JournalJoin,
    joined: *mut abi::JournalJoined,
) -> Status {
    guard(|| {
        // SAFETY: as in `publish`.
        let (host, join) = unsafe {
            if join.is_null() || !covers!((*join).size, abi::JournalJoin, gap) {
                return INVALID;
            }
            (RouteHost::from_abi(host), &*join)
        };
        let notices = [&join.fresh, &join.recovered, &join.gap].map(|notice| {
            // SAFETY: see above.
            let payload = unsafe { notice.payload.as_slice() };
            (notice.kind, payload, notice.position_at)
        });
        // SAFETY: see above.
        let (topic, since) = unsafe {
            (
                join.topic.as_slice(),
                since(join.since, join.position, join.last),
            )
        };
        let of = Of {
            topic,
            version: VERSION,
        };
        match host.join_from(join.client, &of, &since, notices) {
            Ok(answer) => {
                // SAFETY: see above.
                unsafe {
                    if !joined.is_null() && covers!((*joined).size, abi::JournalJoined, position) {
                        (*joined).outcome = answer
                            .map_or(abi::JOINED_LATER, |answer| keeping::outcome(answer.outcome));
                        let position = answer.and_then(|answer| answer.position);
                        (*joined).position = position.map_or(NOWHERE, Position::text);
                    }
                }
                OK
            }
            Err(status) => status,
        }
    })
}

unsafe extern "C" fn read<const VERSION: u32>(
    host: *const abi::Host,
    read: *const abi::JournalRead,
    messages: *const abi::JournalMessages,
    kept: *mut abi::JournalKept,
) -> Status {
    guard(|| {
        // SAFETY: as in `publish`.
        let (host, read) = unsafe {
            let is_whole = !read.is_null()
                && covers!((*read).size, abi::JournalRead, bytes_max)
                && !messages.is_null()
                && covers!((*messages).size, abi::JournalMessages, write)
                && !kept.is_null()
                && covers!((*kept).size, abi::JournalKept, has_more);
            if !is_whole {
                return INVALID;
            }
            (RouteHost::from_abi(host), &*read)
        };
        // SAFETY: see above.
        let (topic, since) = unsafe {
            (
                read.topic.as_slice(),
                since(read.since, read.position, read.last),
            )
        };
        let of = Of {
            topic,
            version: VERSION,
        };
        let answer = match host.read(&of, &since, read.messages_max, read.bytes_max) {
            Ok(answer) => answer,
            Err(status) => return status,
        };
        for (position, message) in &answer.messages {
            let text = Position::text(*position);
            let (position, payload) = (Bytes::new(&text), Bytes::new(message.payload()));
            // SAFETY: see above.
            unsafe {
                ((*messages).write)(
                    (*messages).context,
                    position,
                    message.opcode() as u32,
                    payload,
                );
            }
        }
        // SAFETY: see above.
        unsafe {
            (*kept).outcome = keeping::outcome(answer.outcome);
            (*kept).next = answer.next.text();
            (*kept).has_more = u32::from(answer.has_more);
        }
        OK
    })
}

/// # Safety
/// `position` is valid for as long as `'a` lasts.
unsafe fn since<'a>(since: u32, position: Bytes, last: u64) -> SinceWhen<'a> {
    SinceWhen {
        since,
        // SAFETY: the caller vouches for it.
        position: unsafe { position.as_slice() },
        last,
    }
}

unsafe extern "C" fn envelope(response: *mut abi::Response) -> Status {
    guard(|| {
        // SAFETY: the plugin hands back what its callback got.
        let draft = unsafe { &mut *response.cast::<Draft<'_>>() };
        draft.has_envelope = true;
        OK
    })
}

unsafe extern "C" fn apart(response: *mut abi::Response) -> Status {
    guard(|| {
        // SAFETY: the plugin hands back what its callback got.
        let draft = unsafe { &mut *response.cast::<Draft<'_>>() };
        draft.is_apart = true;
        OK
    })
}
