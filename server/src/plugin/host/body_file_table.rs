//! The host's extension `detent.body_file/1` in C layout.
//!
//! The connection's thread. The plugin vouches, by the ABI, for `response` being what its callback got and for the file
//! being open during the call.
#![allow(unsafe_code)]

use std::ffi::c_int;
use std::os::fd::BorrowedFd;

use plugin_api::abi::{self, EXHAUSTED, INVALID, OK, Status};
use rustix::io::Errno;

use super::guard::guard;
use super::host_http::Draft;
use crate::http::body_file::{BodyFile, BodyFileError};

/// The table; the same for all routes.
pub(super) static BODY_FILE: abi::BodyFile = abi::BodyFile {
    size: size_of::<abi::BodyFile>() as u32,
    reserved: 0,
    set,
};

unsafe extern "C" fn set(
    response: *mut abi::Response,
    file: c_int,
    offset: u64,
    length: u64,
) -> Status {
    guard(|| {
        // SAFETY: see above.
        let draft = unsafe { &mut *response.cast::<Draft<'_>>() };
        if file < 0 || draft.response.file.is_some() {
            return INVALID;
        }
        // SAFETY: see above.
        let file = unsafe { BorrowedFd::borrow_raw(file) };
        match BodyFile::new(file, offset, length) {
            Ok(body) => {
                draft.response.file = Some(body);
                OK
            }
            Err(BodyFileError::Machine(error)) if is_short_of_files(&error) => EXHAUSTED,
            Err(_) => INVALID,
        }
    })
}

fn is_short_of_files(error: &std::io::Error) -> bool {
    let number = error.raw_os_error();
    [Errno::MFILE, Errno::NFILE]
        .iter()
        .any(|errno| number == Some(errno.raw_os_error()))
}
