//! Calls of the host's extension `detent.journal/1`, from the plugin's side.

#![allow(unsafe_code)]

use std::ffi::c_void;

use super::HostCalls;
use crate::abi::{self, Bytes, ClientId, NO_PLACE, POSITION_BYTES, Status};
use crate::journal::types::{Keep, Since};
use crate::message::Message;

/// What is said to who joins; kind 0 for nothing.
#[derive(Clone, Copy, Default)]
pub(crate) struct NoticeRaw<'a> {
    pub(crate) kind: u32,
    pub(crate) payload: &'a [u8],
    pub(crate) position_at: Option<usize>,
}

/// How joining went, in the ABI's numbers.
#[derive(Default)]
pub(crate) struct JoinedRaw {
    pub(crate) outcome: u32,
    pub(crate) position: [u8; POSITION_BYTES],
}

/// Takes a message that is kept: position, kind, payload.
pub(crate) type Each<'a> = &'a mut dyn FnMut(&[u8], u32, &[u8]);

impl HostCalls {
    /// The extension that knows the journals of topics, or of everyone where there is no topic; null where the host has none.
    fn journal(self, topic: Option<&str>) -> *const abi::Journal {
        self.journal_of(match topic {
            Some(_) => abi::JOURNAL,
            None => abi::JOURNAL_EVERYONE,
        })
    }

    fn journal_of(self, id: &str) -> *const abi::Journal {
        let host = self.pointer();
        let id = Bytes::new(id.as_bytes());
        // SAFETY: `HostCalls::new` had the table vouched for; the id outlives the call.
        unsafe { ((*host).get_extension)(host, id) }.cast()
    }

    /// Asks for envelopes in `on_upgrade`.
    pub(crate) fn envelope(self, response: *mut abi::Response) -> Status {
        let journal = self.journal(Some(""));
        // SAFETY: the host's extension is valid for ever, as long as its size says.
        unsafe {
            if journal.is_null() || !crate::covers!((*journal).size, abi::Journal, envelope) {
                return abi::ABSENT;
            }
            ((*journal).envelope)(response)
        }
    }

    /// Asks in `on_upgrade` that the client does not hear everyone yet.
    pub(crate) fn apart(self, response: *mut abi::Response) -> Status {
        let journal = self.journal(None);
        // SAFETY: as in `envelope`.
        unsafe {
            if journal.is_null() || !crate::covers!((*journal).size, abi::Journal, apart) {
                return abi::UNSUPPORTED;
            }
            ((*journal).apart)(response)
        }
    }

    pub(crate) fn journal_publish(
        self,
        topic: Option<&str>,
        message: Message<'_>,
        keep: Keep,
        tells: bool,
    ) -> (Status, abi::JournalPublished) {
        let mut published = abi::JournalPublished {
            size: size_of::<abi::JournalPublished>() as u32,
            reserved: 0,
            position: [0; POSITION_BYTES],
            members: 0,
        };
        let publish = abi::JournalPublish {
            size: size_of::<abi::JournalPublish>() as u32,
            kind: message.kind(),
            topic: Bytes::new(topic.unwrap_or_default().as_bytes()),
            payload: Bytes::new(message.as_bytes()),
            except: keep.except.map_or(abi::NO_CLIENT, crate::ClientId::get),
            position_at: place(keep.position_at),
            flags: if keep.durable {
                abi::JOURNAL_DURABLE
            } else {
                0
            },
            reserved: 0,
        };
        let answer = match tells {
            true => &raw mut published,
            false => std::ptr::null_mut(),
        };
        let mut journal = self.journal(topic);
        if keep.durable && topic.is_some_and(|topic| !topic.is_empty()) {
            // The one with which a thread of the plugin's own waits.
            let later = self.journal_of(abi::JOURNAL_EVERYONE);
            journal = if later.is_null() { journal } else { later };
        }
        if journal.is_null() {
            return (abi::ABSENT, published);
        }
        // SAFETY: the host's extension is valid for ever; everything else outlives the call.
        let status = unsafe { ((*journal).publish)(self.pointer(), &raw const publish, answer) };
        (status, published)
    }

    pub(crate) fn journal_join(
        self,
        client: ClientId,
        topic: Option<&str>,
        since: Since<'_>,
        notices: &[NoticeRaw<'_>; 3],
    ) -> (Status, JoinedRaw) {
        let (since, position, last) = parts(since);
        let [fresh, recovered, gap] = notices.map(|notice| abi::JournalNotice {
            kind: notice.kind,
            reserved: 0,
            payload: Bytes::new(notice.payload),
            position_at: place(notice.position_at),
        });
        let join = abi::JournalJoin {
            size: size_of::<abi::JournalJoin>() as u32,
            since,
            client,
            topic: Bytes::new(topic.unwrap_or_default().as_bytes()),
            position: Bytes::new(position.as_bytes()),
            last,
            fresh,
            recovered,
            gap,
        };
        let mut joined = abi::JournalJoined {
            size: size_of::<abi::JournalJoined>() as u32,
            outcome: 0,
            position: [0; POSITION_BYTES],
        };
        let journal = self.journal(topic);
        if journal.is_null() {
            return (abi::ABSENT, JoinedRaw::default());
        }
        // SAFETY: as in `journal_publish`.
        let status =
            unsafe { ((*journal).join_from)(self.pointer(), &raw const join, &raw mut joined) };
        let joined = JoinedRaw {
            outcome: joined.outcome,
            position: joined.position,
        };
        (status, joined)
    }

    pub(crate) fn journal_read(
        self,
        topic: Option<&str>,
        since: Since<'_>,
        messages_max: u64,
        bytes_max: u64,
        mut each: Each<'_>,
    ) -> (Status, abi::JournalKept) {
        unsafe extern "C" fn write(
            context: *mut c_void,
            position: Bytes,
            kind: u32,
            payload: Bytes,
        ) {
            // SAFETY: `context` is `each` below, which nobody else uses while the host makes this call; the bytes
            // are readable until this returns.
            let (each, position, payload) = unsafe {
                (
                    &mut *context.cast::<Each<'_>>(),
                    position.as_slice(),
                    payload.as_slice(),
                )
            };
            // A panic must not reach the host; the hook has logged it.
            let _ = crate::panics::catch(|| each(position, kind, payload));
        }
        let (since, position, last) = parts(since);
        let read = abi::JournalRead {
            size: size_of::<abi::JournalRead>() as u32,
            since,
            topic: Bytes::new(topic.unwrap_or_default().as_bytes()),
            position: Bytes::new(position.as_bytes()),
            last,
            messages_max,
            bytes_max,
        };
        let messages = abi::JournalMessages {
            size: size_of::<abi::JournalMessages>() as u32,
            reserved: 0,
            context: (&raw mut each).cast(),
            write,
        };
        let mut kept = abi::JournalKept {
            size: size_of::<abi::JournalKept>() as u32,
            outcome: 0,
            next: [0; POSITION_BYTES],
            has_more: 0,
            reserved: 0,
        };
        let journal = self.journal(topic);
        if journal.is_null() {
            return (abi::ABSENT, kept);
        }
        // SAFETY: as in `journal_publish`.
        let status = unsafe {
            ((*journal).read)(
                self.pointer(),
                &raw const read,
                &raw const messages,
                &raw mut kept,
            )
        };
        (status, kept)
    }
}

fn place(at: Option<usize>) -> u64 {
    at.map_or(NO_PLACE, |at| at as u64)
}

fn parts(since: Since<'_>) -> (u32, &str, u64) {
    match since {
        Since::Now => (abi::SINCE_NOW, "", 0),
        Since::Last(count) => (abi::SINCE_LAST, "", count),
        Since::After { position, or_last } => (abi::SINCE_AFTER, position, or_last),
    }
}
