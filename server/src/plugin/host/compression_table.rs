//! The host's extension `detent.compression/1` in C layout.
//!
//! Any thread; what is said holds for the one that says it.
#![allow(unsafe_code)]

use plugin_api::abi;

use crate::compression::set_worth_it;

/// The table; the same for all routes.
pub(super) static COMPRESSION: abi::Compression = abi::Compression {
    size: size_of::<abi::Compression>() as u32,
    reserved: 0,
    set_worth,
};

unsafe extern "C" fn set_worth(_: *const abi::Host, is_worth_it: u32) -> u32 {
    set_worth_it(is_worth_it != 0).into()
}
