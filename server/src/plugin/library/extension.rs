//! The extensions that a plugin gives out, by their ids.
//!
//! Main thread.
#![allow(unsafe_code)]

use std::ffi::c_void;

use plugin_api::abi::{Bytes, CHECK, Check, Descriptor, GAPS, Gap, Gaps, Sink, Status};
use plugin_api::covers;

/// The function of the extension `detent.check/1`: says what is wrong with options without an instance.
pub(in crate::plugin) type CheckOptions = unsafe extern "C" fn(Bytes, *const Sink) -> Status;

/// The function of the extension `detent.gaps/1`: is told what is missing of a route that is shared.
pub(in crate::plugin) type OnGap =
    unsafe extern "C" fn(*mut c_void, *const Gap, *const Sink) -> Status;

/// The plugin's check of options, where it offers one.
pub(super) fn check_of(descriptor: &Descriptor) -> Option<CheckOptions> {
    // SAFETY: the ABI says of this id what is there.
    let extension: &Check = unsafe { extension(descriptor, CHECK) }?;
    covers!(extension.size, Check, check).then_some(extension.check)?
}

/// What the plugin is told gaps by, where it wants to be told.
pub(super) fn on_gap_of(descriptor: &Descriptor) -> Option<OnGap> {
    // SAFETY: as above.
    let extension: &Gaps = unsafe { extension(descriptor, GAPS) }?;
    covers!(extension.size, Gaps, on_gap).then_some(extension.on_gap)?
}

/// # Safety
/// `T` is what the ABI says of the id.
unsafe fn extension<T>(descriptor: &Descriptor, id: &str) -> Option<&'static T> {
    if !covers!(descriptor.size, Descriptor, get_extension) {
        return None;
    }
    // SAFETY: a function of the ABI; the id is there during the call.
    let extension = unsafe { descriptor.get_extension?(Bytes::new(id.as_bytes())) };
    // SAFETY: the ABI says that it is null or a constant of that id, of a library that stays open.
    unsafe { extension.cast::<T>().as_ref() }
}
