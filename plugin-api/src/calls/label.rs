//! Calls of the extension `detent.label/1`.

#![allow(unsafe_code)]

use std::ptr::NonNull;

use super::HostCalls;
use crate::abi::{self, Bytes, ClientId, Status};

impl HostCalls {
    /// Says what a client is called; none where the host does not have the extension.
    pub(crate) fn set_label(self, client: ClientId, label: &str) -> Option<Status> {
        let (host, id) = (self.pointer(), Bytes::new(abi::LABEL.as_bytes()));
        // SAFETY: `HostCalls::new` had the host's table vouched for; the id outlives the call.
        let table = unsafe { ((*host).get_extension)(host, id) };
        let table = NonNull::new(table.cast_mut().cast::<abi::Label>())?;
        // SAFETY: the host gives out a table of this type, valid for ever; `size` is its first field.
        let size = unsafe { (*table.as_ptr()).size };
        if !crate::covers!(size, abi::Label, set) {
            return None;
        }
        let label = Bytes::new(label.as_bytes());
        // SAFETY: the table holds the entry; the text outlives the call.
        Some(unsafe { ((*table.as_ptr()).set)(host, client, label) })
    }
}
