//! The folders that a host tells since ABI 1.1, and a host that is older.

use plugin_api::abi::{self, Status};
use plugin_api::declaration::{Declaration, Exported};
use plugin_api::{Config, FolderError, Host, Plugin, Result};

use crate::fake_host::{FakeHost, write};
use crate::instance::Instance;

/// Tells its folders by what it refuses its route with.
struct Curious;

impl Plugin for Curious {
    type Session = ();

    fn create(host: Host, _: Config) -> Result<Self> {
        Err(format!("{:?} {:?}", host.config_folder(), host.state_folder()).into())
    }
}

impl Exported for Curious {
    plugin_api::export!(@session Curious);

    const DECLARATION: Declaration =
        Declaration::new("curious", "1.0.0", module_path!(), "/curious");
}

/// What the plugin is told on a host whose table is changed.
fn told(change: impl FnOnce(&mut abi::Host)) -> String {
    let host = FakeHost::with_table(change);
    let refused = Instance::<Curious>::on_host(host, "{}").err();
    refused.expect("it refuses its route").1
}

#[test]
fn a_plugin_is_told_its_folders() {
    assert_eq!(
        told(|_| {}),
        r#"Ok("/etc/detent") Ok("/var/lib/detent/probe")"#
    );
}

#[test]
fn a_host_of_abi_1_0_is_not_asked_for_them() {
    let too_old = FolderError::TooOld;
    // A call into what such a table does not have would end the test.
    let told = told(|table| table.size = abi::HOST_SIZE_1_0);
    assert_eq!(told, format!("Err({too_old:?}) Err({too_old:?})"));
}

unsafe extern "C" fn none(_: *const abi::Host, _: *const abi::Sink, _: *const abi::Sink) -> Status {
    abi::ABSENT
}

unsafe extern "C" fn full(
    _: *const abi::Host,
    _: *const abi::Sink,
    error: *const abi::Sink,
) -> Status {
    write(error, &["the disk ", "is full"]);
    abi::FAILED
}

#[test]
fn a_folder_that_is_not_there_is_an_error_that_says_why() {
    assert!(told(|table| table.state_folder = none).ends_with(" Err(None)"));
    let told = told(|table| table.state_folder = full);
    assert!(
        told.ends_with(r#" Err(Unusable("the disk is full"))"#),
        "{told}"
    );
}
