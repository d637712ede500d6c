//! Calls of the extension `detent.members/1`.

#![allow(unsafe_code)]

use std::ffi::c_void;

use super::HostCalls;
use crate::abi::{self, Bytes, ClientId, Status};
use crate::message::Message;

/// Takes the clients of a list.
type Each<'a> = &'a mut dyn FnMut(ClientId, &[u8]);

impl HostCalls {
    /// The extension; null where the host has none.
    fn members(self) -> *const abi::Members {
        let (host, id) = (self.pointer(), Bytes::new(abi::MEMBERS.as_bytes()));
        // SAFETY: `HostCalls::new` had the host's table vouched for; the id outlives the call.
        unsafe { ((*host).get_extension)(host, id) }.cast()
    }

    /// Gives `each` the members of a topic, or of an empty one the clients of the route.
    pub(crate) fn list(self, topic: &str, mut each: impl FnMut(ClientId, &[u8])) -> Status {
        unsafe extern "C" fn member(context: *mut c_void, client: ClientId, label: Bytes) {
            // SAFETY: the context is the closure below, which nobody else borrows while the host calls it, and the
            // bytes are there during the call.
            unsafe { (*context.cast::<Each<'_>>())(client, label.as_slice()) };
        }
        let table = self.members();
        // SAFETY: the host's extension is valid for ever, as long as its size says.
        if table.is_null() || !unsafe { crate::covers!((*table).size, abi::Members, list) } {
            return abi::UNSUPPORTED;
        }
        let mut each: Each<'_> = &mut each;
        let sink = abi::MemberSink {
            size: size_of::<abi::MemberSink>() as u32,
            reserved: 0,
            context: (&raw mut each).cast(),
            member,
        };
        let (host, topic) = (self.pointer(), Bytes::new(topic.as_bytes()));
        // SAFETY: the table holds the entry; topic and sink outlive the call.
        unsafe { ((*table).list)(host, topic, &raw const sink, std::ptr::null_mut()) }
    }

    pub(crate) fn join_told(
        self,
        client: ClientId,
        topic: &str,
        joined: Option<Message<'_>>,
        left: Option<Message<'_>>,
    ) -> Status {
        let table = self.members();
        // SAFETY: the host's extension is valid for ever, as long as its size says.
        if table.is_null() || !unsafe { crate::covers!((*table).size, abi::Members, join_told) } {
            return abi::UNSUPPORTED;
        }
        let word = |message: Option<Message<'_>>| abi::Word {
            kind: message.map_or(0, Message::kind),
            reserved: 0,
            payload: message.map_or(Bytes::NONE, |message| Bytes::new(message.as_bytes())),
        };
        let (joined, left) = (word(joined), word(left));
        let (host, topic) = (self.pointer(), Bytes::new(topic.as_bytes()));
        // SAFETY: the table holds the entry; topic and words outlive the call.
        unsafe { ((*table).join_told)(host, client, topic, &raw const joined, &raw const left) }
    }
}
