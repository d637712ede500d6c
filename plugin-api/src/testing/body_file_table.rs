//! The extension `detent.body_file/1` of the host in memory.

#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};
use std::os::fd::BorrowedFd;
use std::os::unix::fs::FileExt;

use super::http::draft_of;
use crate::abi::{self, Status};

static TABLE: abi::BodyFile = abi::BodyFile {
    size: size_of::<abi::BodyFile>() as u32,
    reserved: 0,
    set,
};

pub(super) fn table() -> *const c_void {
    (&raw const TABLE).cast()
}

/// Reads it at once: a test has the whole body before it.
unsafe extern "C" fn set(
    response: *mut abi::Response,
    file: c_int,
    offset: u64,
    length: u64,
) -> Status {
    let draft = draft_of(response);
    if file < 0 || draft.has_file {
        return abi::INVALID;
    }
    // SAFETY: the plugin vouches for the file being open.
    let file = unsafe { BorrowedFd::borrow_raw(file) };
    let Ok(file) = file.try_clone_to_owned().map(std::fs::File::from) else {
        return abi::EXHAUSTED;
    };
    let is_regular = file.metadata().is_ok_and(|of| of.is_file());
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
    if !is_regular || file.read_exact_at(&mut bytes, offset).is_err() {
        return abi::INVALID;
    }
    draft.has_file = true;
    draft.body.extend_from_slice(&bytes);
    abi::OK
}
