//! Name and password (RFC 7617), against a file of hashes by Argon2.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use argon2::Argon2;
use argon2::password_hash::{PasswordHash, PasswordHashString, PasswordVerifier};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use plugin_api::ConfigError;

use crate::User;
use crate::secret::read_private;

/// Bytes of the file.
const BYTES_MAX: u64 = 1 << 20;

/// Compared where there is no such user, so that an answer tells nobody who is known by its time.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5bm9ib2R5$aG90c3VjaGFwYXNzd29yZG5vdHN1Y2hhcGFzc3dvcmQ";

/// Who is known, and the hash of each one's password.
pub(crate) struct Users {
    hashes: BTreeMap<String, PasswordHashString>,
    nobody: PasswordHashString,
    /// One hash takes some 20 MiB and as many milliseconds: many at once are asked one after another.
    turn: Mutex<()>,
}

impl Users {
    /// A line `NAME:HASH` for each; empty ones and those that begin with `#` say nothing.
    pub(crate) fn read(file: &Path) -> Result<Users, ConfigError> {
        let wrong = |line: usize, what: &str| {
            let what = format!("{}:{line}: {what}", file.display());
            Err(ConfigError::new("users_file", what))
        };
        let bytes = read_private(file, "users_file", BYTES_MAX)?;
        let text = String::from_utf8_lossy(&bytes);
        let mut hashes = BTreeMap::new();
        for (index, line) in text.lines().enumerate() {
            let (number, line) = (index + 1, line.trim());
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let Some((name, hash)) = line.split_once(':') else {
                return wrong(number, "no NAME:HASH");
            };
            let Ok(hash) = PasswordHashString::new(hash) else {
                return wrong(
                    number,
                    "no hash by Argon2, such as `argon2 SALT -id -e` prints",
                );
            };
            if name.is_empty() || hashes.insert(name.to_owned(), hash).is_some() {
                return wrong(number, "a name that is empty, or stands twice");
            }
        }
        let nobody = PasswordHashString::new(NOBODY);
        let nobody = nobody.map_err(|error| ConfigError::new("users_file", error))?;
        Ok(Users {
            hashes,
            nobody,
            turn: Mutex::new(()),
        })
    }

    /// The user, where name and password are right. Blocks while others are looked at.
    pub(crate) fn check(&self, encoded: &str) -> Option<User> {
        let (name, password) = decode(encoded)?;
        let found = self.hashes.get(&name);
        let hash = found.unwrap_or(&self.nobody).password_hash();
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let is_right = verify(&hash, &password);
        (is_right && found.is_some()).then_some(User(name))
    }
}

fn verify(hash: &PasswordHash<'_>, password: &str) -> bool {
    Argon2::default()
        .verify_password(password.as_bytes(), hash)
        .is_ok()
}

fn decode(encoded: &str) -> Option<(String, String)> {
    let text = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (name, password) = text.split_once(':')?;
    Some((name.to_owned(), password.to_owned()))
}
