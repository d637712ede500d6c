//! Calls of the extension `detent.compression/1`.

#![allow(unsafe_code)]

use std::ptr::NonNull;

use super::HostCalls;
use crate::abi::{self, Bytes};

impl HostCalls {
    /// Says whether what this thread says is worth compressing; gives what held before. Nothing happens where the host does
    /// not have the extension, which then compresses nothing.
    pub(crate) fn set_worth(self, is_worth_it: bool) -> bool {
        let (host, id) = (self.pointer(), Bytes::new(abi::COMPRESSION.as_bytes()));
        // SAFETY: `HostCalls::new` had the host's table vouched for; the id outlives the call.
        let table = unsafe { ((*host).get_extension)(host, id) };
        let Some(table) = NonNull::new(table.cast_mut().cast::<abi::Compression>()) else {
            return true;
        };
        // SAFETY: the host gives out a table of this type, valid for ever; `size` is its first field.
        let size = unsafe { (*table.as_ptr()).size };
        if !crate::covers!(size, abi::Compression, set_worth) {
            return true;
        }
        // SAFETY: the table holds the entry.
        unsafe { ((*table.as_ptr()).set_worth)(host, is_worth_it.into()) != 0 }
    }
}
