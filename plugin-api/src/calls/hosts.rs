//! Calls of the extension `detent.hosts/1`.

#![allow(unsafe_code)]

use std::ffi::c_void;

use super::HostCalls;
use crate::abi::{self, Bytes, ClientEverywhere, Status};

/// Takes the clients of a list.
type Each<'a> = &'a mut dyn FnMut(ClientEverywhere, &[u8]);

/// Calls an entry of the extension, where the host has it.
macro_rules! call {
    ($calls:expr, $entry:ident($($argument:expr),*)) => {{
        let table = $calls.hosts();
        // SAFETY: the host's extension is valid for ever, as long as its size says.
        if table.is_null() || !unsafe { crate::covers!((*table).size, abi::Hosts, $entry) } {
            abi::UNSUPPORTED
        } else {
            // SAFETY: the table holds the entry; what the arguments point to outlives the call.
            unsafe { ((*table).$entry)($calls.pointer(), $($argument),*) }
        }
    }};
}

impl HostCalls {
    /// The extension; null where the host has none.
    fn hosts(self) -> *const abi::Hosts {
        let (host, id) = (self.pointer(), Bytes::new(abi::HOSTS.as_bytes()));
        // SAFETY: `HostCalls::new` had the host's table vouched for; the id outlives the call.
        unsafe { ((*host).get_extension)(host, id) }.cast()
    }

    /// This host's number, and whether the route is shared.
    pub(crate) fn this_host(self) -> (Status, u64, bool) {
        let (mut number, mut is_shared) = (0, 0);
        let status = call!(self, this_host(&raw mut number, &raw mut is_shared));
        (status, number, is_shared != 0)
    }

    pub(crate) fn count_everywhere(self) -> (Status, u64) {
        let mut count = 0;
        let status = call!(self, count(&raw mut count));
        (status, count)
    }

    /// Gives `each` the clients on all hosts that are called so, or all.
    pub(crate) fn list_everywhere(
        self,
        label: &str,
        mut each: impl FnMut(ClientEverywhere, &[u8]),
    ) -> Status {
        unsafe extern "C" fn member(context: *mut c_void, client: ClientEverywhere, label: Bytes) {
            // SAFETY: the context is the closure below, which nobody else borrows while the host calls it, and the
            // bytes are there during the call.
            unsafe { (*context.cast::<Each<'_>>())(client, label.as_slice()) };
        }
        let mut each: Each<'_> = &mut each;
        let sink = abi::EverywhereSink {
            size: size_of::<abi::EverywhereSink>() as u32,
            reserved: 0,
            context: (&raw mut each).cast(),
            member,
        };
        let label = Bytes::new(label.as_bytes());
        call!(self, list(label, &raw const sink, std::ptr::null_mut()))
    }

    pub(crate) fn send_everywhere(
        self,
        client: ClientEverywhere,
        kind: u32,
        payload: &[u8],
    ) -> Status {
        call!(self, send(client, kind, Bytes::new(payload)))
    }

    pub(crate) fn close_everywhere(
        self,
        client: ClientEverywhere,
        code: u16,
        reason: &str,
    ) -> Status {
        call!(
            self,
            close(client, code.into(), Bytes::new(reason.as_bytes()))
        )
    }
}
