//! The extensions that a plugin gives out, by their ids.

#![allow(unsafe_code)]

use std::ffi::c_void;

use super::{check, gaps};
use crate::abi::{self, Bytes};
use crate::declaration::Exported;

/// The extensions of `P`; null for any other id.
pub(crate) unsafe extern "C" fn get_extension<P: Exported>(id: Bytes) -> *const c_void {
    // SAFETY: the bytes are valid until this returns, and nothing keeps them.
    let id = unsafe { id.as_slice() };
    if id == abi::CHECK.as_bytes() {
        return std::ptr::from_ref(check::Extension::<P>::CHECK).cast();
    }
    if id == abi::GAPS.as_bytes() {
        return std::ptr::from_ref(gaps::Extension::<P>::GAPS).cast();
    }
    std::ptr::null()
}
