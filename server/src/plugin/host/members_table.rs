//! The host's extension `detent.members/1` in C layout.
//!
//! Any thread. The plugin vouches, by the ABI, for `host` being what `create` got, for words and sink being as the ABI
//! has them, and for bytes and places being valid for the time of the call.
#![allow(unsafe_code)]

use plugin_api::abi::{self, Bytes, INVALID, OK, Status};
use plugin_api::covers;

use super::RouteHost;
use super::guard::guard;
use super::presence::Said;

/// The table; the same for all routes.
pub(super) static MEMBERS: abi::Members = abi::Members {
    size: size_of::<abi::Members>() as u32,
    reserved: 0,
    list,
    join_told,
};

unsafe extern "C" fn list(
    host: *const abi::Host,
    topic: Bytes,
    sink: *const abi::MemberSink,
    count: *mut u64,
) -> Status {
    guard(|| {
        // SAFETY: see above; the size is asked for before anything else.
        if sink.is_null() || !unsafe { covers!((*sink).size, abi::MemberSink, member) } {
            return INVALID;
        }
        // SAFETY: see above.
        let (host, topic) = unsafe { (RouteHost::from_abi(host), topic.as_slice()) };
        let listed = host.list(topic, |client, label| {
            // SAFETY: see above; function and context belong together.
            unsafe { ((*sink).member)((*sink).context, client.0, Bytes::new(label.as_bytes())) };
        });
        match listed {
            Err(status) => status,
            Ok(all) => {
                if !count.is_null() {
                    // SAFETY: see above.
                    unsafe { count.write(all) };
                }
                OK
            }
        }
    })
}

unsafe extern "C" fn join_told(
    host: *const abi::Host,
    client: u64,
    topic: Bytes,
    joined: *const abi::Word,
    left: *const abi::Word,
) -> Status {
    guard(|| {
        // SAFETY: see above.
        let (host, topic) = unsafe { (RouteHost::from_abi(host), topic.as_slice()) };
        // SAFETY: see above.
        let (joined, left) = unsafe { (said(joined), said(left)) };
        host.join_told(client, topic, joined, left)
            .err()
            .unwrap_or(OK)
    })
}

/// # Safety
/// `word` is null or a word whose bytes are valid for as long as `'a` lasts.
unsafe fn said<'a>(word: *const abi::Word) -> Option<Said<'a>> {
    // SAFETY: as the caller says.
    let word = unsafe { word.as_ref() }.filter(|word| word.kind != 0)?;
    // SAFETY: as the caller says.
    let payload = unsafe { word.payload.as_slice() };
    Some(Said {
        kind: word.kind,
        payload,
    })
}
