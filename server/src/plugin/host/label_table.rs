//! The host's extension `detent.label/1` in C layout.
//!
//! Any thread. The plugin vouches, by the ABI, for `host` being what `create` got and for the bytes being valid for the
//! time of the call.
#![allow(unsafe_code)]

use plugin_api::abi::{self, Bytes, OK, Status};

use super::RouteHost;
use super::guard::guard;

/// The table; the same for all routes.
pub(super) static LABEL: abi::Label = abi::Label {
    size: size_of::<abi::Label>() as u32,
    reserved: 0,
    set,
};

unsafe extern "C" fn set(host: *const abi::Host, client: u64, label: Bytes) -> Status {
    guard(|| {
        // SAFETY: see above.
        let (host, label) = unsafe { (RouteHost::from_abi(host), label.as_slice()) };
        host.set_label(client, label).err().unwrap_or(OK)
    })
}
