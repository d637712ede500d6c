//! The extension `detent.label/1` of the host in memory.

#![allow(unsafe_code)]

use std::ffi::c_void;

use super::host::MemoryHost;
use super::place::status;
use super::world::Order;
use crate::abi::{self, Bytes, Status};

static TABLE: abi::Label = abi::Label {
    size: size_of::<abi::Label>() as u32,
    reserved: 0,
    set,
};

pub(super) fn table() -> *const c_void {
    (&raw const TABLE).cast()
}

/// The server's bound.
const LABEL_BYTES_MAX: usize = 64;

unsafe extern "C" fn set(host: *const abi::Host, client: u64, label: Bytes) -> Status {
    // SAFETY: the plugin vouches for both, as the ABI asks.
    let (host, label) = unsafe { (MemoryHost::from_abi(host), label.as_slice()) };
    let label = std::str::from_utf8(label).ok();
    let label =
        label.filter(|label| label.len() <= LABEL_BYTES_MAX && label.chars().all(is_visible));
    let Some(label) = label else {
        return abi::INVALID;
    };
    let order = Order::Label(client, label.to_owned());
    status(host.check_client(client).and_then(|()| host.post(order)))
}

/// Neither a control character, nor a separator of lines, nor what turns the direction of text around.
fn is_visible(character: char) -> bool {
    !character.is_control()
        && !matches!(
            character,
            '\u{61c}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}
