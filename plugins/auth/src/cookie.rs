//! A cookie that says who one is, until when, and that we have said so: `NAME.SECONDS.SIGNATURE`, where the signature is the
//! HMAC-SHA256 of what stands before it, in hexadecimal.

use std::time::{SystemTime, UNIX_EPOCH};

use ring::hmac;

use crate::User;
use crate::secret::Secret;

/// The user, where the signature is ours and its time is not over.
pub(crate) fn check(value: &str, secret: &Secret) -> Option<User> {
    let (signed, signature) = value.rsplit_once('.')?;
    let (name, until) = signed.rsplit_once('.')?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.bytes());
    // Takes as long whatever differs.
    hmac::verify(&key, signed.as_bytes(), &from_hexadecimal(signature)?).ok()?;
    let until: u64 = until.parse().ok()?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs();
    (now < until && !name.is_empty()).then(|| User(name.to_owned()))
}

fn from_hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes().chunks(2);
    let byte = |pair: &[u8]| match pair {
        [_, _] if pair.iter().all(u8::is_ascii_hexdigit) => {
            u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()
        }
        _ => None,
    };
    digits.map(byte).collect()
}

#[cfg(test)]
pub(crate) fn sign(signed: &str, secret: &[u8]) -> String {
    use std::fmt::Write;
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let mut value = format!("{signed}.");
    for byte in hmac::sign(&key, signed.as_bytes()).as_ref() {
        write!(value, "{byte:02x}").expect("a string takes it");
    }
    value
}
