//! Configuration at `create`, and the constant data of an entry.

use std::ffi::c_void;
use std::ptr;

use plugin_api::abi::{self, Bytes};
use plugin_api::declaration::{Declaration, Exported};
use plugin_api::export::entry;
use plugin_api::{Config, Host, Plugin, Result};

use crate::fake_host::text;
use crate::instance::Instance;

/// A plugin that never looks at its configuration.
struct Ignorant;

impl Plugin for Ignorant {
    type Session = ();

    fn create(_: Host, _: Config) -> Result<Self> {
        Ok(Ignorant)
    }
}

impl Exported for Ignorant {
    const DECLARATION: Declaration =
        Declaration::new("ignorant", "1.2.3", module_path!(), "/ignorant")
            .subprotocols(&["a", "b"]);
}

#[test]
fn an_option_for_a_plugin_without_options_refuses_the_route() {
    let refused = Instance::<Ignorant>::with_config(r#"{"colour":"red"}"#)
        .err()
        .unwrap();
    let reason = "unknown field `colour`, this plugin has no options";
    assert_eq!(refused, (abi::FAILED, reason.to_owned()));
    Instance::<Ignorant>::new().destroy();
}

#[test]
fn a_host_that_is_too_old_is_refused() {
    let table = [8_u32, 0];
    let mut route = ptr::null_mut::<c_void>();
    // SAFETY: the table says that it has 8 bytes, and has them; there is no error sink.
    let status = unsafe {
        let functions = (*entry::<Ignorant>().descriptor).functions;
        (*functions).create.unwrap()(
            table.as_ptr().cast(),
            Bytes::new(b"{}"),
            ptr::null(),
            &raw mut route,
            ptr::null(),
        )
    };
    assert_eq!(status, abi::FAILED);
    assert!(route.is_null());
}

#[test]
fn the_entry_says_what_the_plugin_is() {
    let entry = entry::<Ignorant>();
    assert_eq!(
        (entry.magic, entry.size),
        (abi::MAGIC, size_of::<abi::Entry>() as u32)
    );
    assert_eq!(
        (entry.abi_major, entry.abi_minor, entry.minor_required),
        (1, 0, 0)
    );
    assert!(text(entry.built_with).ends_with(" (Rust)"));
    // SAFETY: the descriptor and what it points to are constants.
    let (descriptor, subprotocols) = unsafe {
        let descriptor = &*entry.descriptor;
        let count = descriptor.subprotocol_count;
        (
            descriptor,
            std::slice::from_raw_parts(descriptor.subprotocols, count),
        )
    };
    assert_eq!(text(descriptor.name), "ignorant");
    assert_eq!(text(descriptor.version), "1.2.3");
    assert_eq!(text(descriptor.default_path), "/ignorant");
    assert_eq!(
        subprotocols
            .iter()
            .map(|&name| text(name))
            .collect::<Vec<_>>(),
        ["a", "b"]
    );
}
