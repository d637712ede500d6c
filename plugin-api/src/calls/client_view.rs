//! Calls of the extension `detent.client/1`.

#![allow(unsafe_code)]

use std::ptr::{self, NonNull};

use super::{HostCalls, RequestCalls};
use crate::abi::{self, Bytes, ClientId};

impl HostCalls {
    /// Bytes that wait for the client; none where it has gone, or the host does not have the extension.
    pub(crate) fn buffered(self, client: ClientId) -> Option<u64> {
        let table = self.client_view()?;
        let mut bytes = 0;
        // SAFETY: the table is whole and the host's own; a place to write to.
        let status =
            unsafe { ((*table.as_ptr()).buffered)(self.pointer(), client, &raw mut bytes) };
        (status == abi::OK).then_some(bytes)
    }

    /// False where the client has gone, or has ended its connection; true where the host cannot say.
    pub(crate) fn is_connected(self, client: ClientId) -> bool {
        let Some(table) = self.client_view() else {
            return true;
        };
        // SAFETY: the table is the host's own; `size` is its first field.
        let size = unsafe { (*table.as_ptr()).size };
        if !crate::covers!(size, abi::ClientView, connected) {
            return true;
        }
        // SAFETY: the table covers the field.
        let status = unsafe { ((*table.as_ptr()).connected)(self.pointer(), client) };
        status != abi::GONE
    }

    /// Lets `read` have the handshake of the client whose callback runs on this thread; none for any other.
    pub(crate) fn with_handshake<T>(
        self,
        client: ClientId,
        read: impl FnOnce(RequestCalls) -> T,
    ) -> Option<T> {
        let table = self.client_view()?;
        let mut request = ptr::null();
        // SAFETY: as above.
        let status =
            unsafe { ((*table.as_ptr()).request)(self.pointer(), client, &raw mut request) };
        if status != abi::OK {
            return None;
        }
        // SAFETY: this host's, and valid until the callback returns, which `read` does before; it cannot keep what it borrows.
        Some(read(unsafe { RequestCalls::new(self, request) }))
    }

    fn client_view(self) -> Option<NonNull<abi::ClientView>> {
        let (host, id) = (self.pointer(), Bytes::new(abi::CLIENT_VIEW.as_bytes()));
        // SAFETY: `HostCalls::new` had the host's table vouched for; the id outlives the call.
        let table = unsafe { ((*host).get_extension)(host, id) };
        let table = NonNull::new(table.cast_mut().cast::<abi::ClientView>())?;
        // SAFETY: the host gives out a table of this type, valid for ever; `size` is its first field.
        let size = unsafe { (*table.as_ptr()).size };
        crate::covers!(size, abi::ClientView, request).then_some(table)
    }
}
