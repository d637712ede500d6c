//! Users and groups of this machine by their names.
//!
//! Main thread only; blocks on wherever the machine keeps them (`/etc/passwd`, a directory service).

use nix::unistd::{Group, User};

use super::problem::excerpt;

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Account {
    User,
    Group,
}

/// The number of a user or group that is written as a name or as a number.
///
/// # Errors
/// Why there is none, as a sentence about the name.
pub(super) fn find(kind: Account, text: &str) -> Result<u32, String> {
    if let Ok(number) = text.parse() {
        return Ok(number);
    }
    let found = match kind {
        Account::User => User::from_name(text).map(|of| of.map(|user| user.uid.as_raw())),
        Account::Group => Group::from_name(text).map(|of| of.map(|group| group.gid.as_raw())),
    };
    let (what, list) = match kind {
        Account::User => ("user", "passwd"),
        Account::Group => ("group", "group"),
    };
    let name = excerpt(text);
    match found {
        Ok(Some(number)) => Ok(number),
        Ok(None) => Err(format!(
            "this machine has no {what} \"{name}\": `getent {list}` lists those that it has"
        )),
        Err(error) => Err(format!(
            "the {what} \"{name}\" cannot be looked up: {error}"
        )),
    }
}
