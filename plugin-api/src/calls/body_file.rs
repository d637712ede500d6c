//! Calls of the extension `detent.body_file/1`.

#![allow(unsafe_code)]

use std::fs::File;
use std::os::fd::AsRawFd;
use std::ptr::NonNull;

use super::ResponseCalls;
use crate::abi::{self, Bytes, Status};

impl ResponseCalls {
    /// Lets a part of a file be sent behind the body; none where the host does not have the extension.
    pub(crate) fn body_file(&self, file: &File, offset: u64, length: u64) -> Option<Status> {
        let (host, id) = (self.host.pointer(), Bytes::new(abi::BODY_FILE.as_bytes()));
        // SAFETY: `HostCalls::new` had the host's table vouched for; the id outlives the call.
        let table = unsafe { ((*host).get_extension)(host, id) };
        let table = NonNull::new(table.cast_mut().cast::<abi::BodyFile>())?;
        // SAFETY: the host gives out a table of this type, valid for ever; `size` is its first field.
        let size = unsafe { (*table.as_ptr()).size };
        if !crate::covers!(size, abi::BodyFile, set) {
            return None;
        }
        // SAFETY: the table holds the entry; the response is the callback's, and the file is open for the call.
        Some(unsafe { ((*table.as_ptr()).set)(self.response, file.as_raw_fd(), offset, length) })
    }
}
