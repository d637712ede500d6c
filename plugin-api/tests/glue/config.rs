//! Configuration at `create`, and the constant data of an entry.

use std::ffi::c_void;
use std::ptr;

use plugin_api::abi::{self, Bytes};
use plugin_api::declaration::{Declaration, Exported};
use plugin_api::export::entry;
use plugin_api::{Checked, Config, ConfigError, Host, Plugin, Result};

use crate::fake_host::text;
use crate::instance::{DONE, Instance, Outcome, outcome};

/// A plugin that never looks at its configuration.
struct Ignorant;

impl Plugin for Ignorant {
    type Session = ();

    fn create(_: Host, _: Config) -> Result<Self> {
        Ok(Ignorant)
    }
}

impl Exported for Ignorant {
    plugin_api::export!(@session Ignorant);

    const DECLARATION: Declaration =
        Declaration::new("ignorant", "1.2.3", module_path!(), "/ignorant")
            .subprotocols(&["a", "b"]);
}

#[test]
fn an_option_for_a_plugin_without_options_refuses_the_route() {
    let refused = Instance::<Ignorant>::with_config(r#"{"colour":"red"}"#)
        .err()
        .unwrap();
    let reason = "option `colour`: unknown field, this plugin has no options";
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
        (1, 1, 0)
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

/// A plugin that checks what it parses.
struct Careful;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    percent: u8,
}

impl Plugin for Careful {
    type Session = ();

    fn create(_: Host, _: Config) -> Result<Self> {
        panic!("a check makes no value of the plugin")
    }

    fn check(config: Config) -> Result<Checked> {
        match config.parse::<Options>()?.percent {
            0..=100 => Ok(Checked::Done),
            101.. => Err(ConfigError::new("percent", "more than 100").into()),
        }
    }
}

impl Exported for Careful {
    plugin_api::export!(@session Careful);

    const DECLARATION: Declaration =
        Declaration::new("careful", "1.0.0", module_path!(), "/careful");
}

/// A plugin that only says what it parses its options into.
struct Declared;

impl Plugin for Declared {
    type Session = ();

    fn create(_: Host, _: Config) -> Result<Self> {
        panic!("a check makes no value of the plugin")
    }
}

/// As `options = Options` of the export macro makes it; a program has room for one such macro.
impl Exported for Declared {
    plugin_api::export!(@session Declared);

    const DECLARATION: Declaration =
        Declaration::new("declared", "1.0.0", module_path!(), "/declared");

    fn check_options(config: &Config) -> Result<Checked> {
        config.parse::<Options>()?;
        Ok(Checked::Done)
    }
}

/// What the extension says of options.
fn check<P: Exported>(config: &str) -> Outcome {
    outcome(|error| {
        // SAFETY: constants, and functions of the ABI.
        unsafe {
            let get_extension = (*entry::<P>().descriptor).get_extension.unwrap();
            assert!(get_extension(Bytes::new(b"detent.unknown/1")).is_null());
            let extension = get_extension(Bytes::new(abi::CHECK.as_bytes())).cast::<abi::Check>();
            (*extension).check.unwrap()(Bytes::new(config.as_bytes()), error)
        }
    })
}

#[test]
fn a_check_of_ones_own_names_the_option() {
    assert_eq!(check::<Careful>(r#"{"percent":100}"#), DONE);
    let too_much = "option `percent`: more than 100".to_owned();
    let outcome = check::<Careful>(r#"{"percent":101}"#);
    assert_eq!(outcome, (abi::FAILED, too_much));
}

#[test]
fn a_declared_type_is_parsed_by_default() {
    assert_eq!(check::<Declared>(r#"{"percent":101}"#), DONE);
    let unknown = "option `percnt`: unknown field, expected `percent`".to_owned();
    assert_eq!(check::<Declared>(r#"{"percnt":1}"#), (abi::FAILED, unknown));
    let missing = "missing field `percent`".to_owned();
    assert_eq!(check::<Declared>("{}"), (abi::FAILED, missing));
}

#[test]
fn where_nothing_is_declared_only_create_can_tell() {
    let outcome = check::<Ignorant>("{}");
    assert_eq!(outcome, (abi::UNSUPPORTED, String::new()));
}
