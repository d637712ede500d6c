//! Messages inside JSON: text as a string, bytes in base64.
//!
//! Pure functions on bytes.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::frame::Opcode;
use super::marked::IdText;

/// Appends `"NAME":` and an id in quotes, or null.
pub(super) fn append_id(out: &mut Vec<u8>, name: &str, id: Option<&IdText>) {
    append_name(out, name);
    match id {
        Some(id) => {
            out.push(b'"');
            out.extend_from_slice(id);
            out.push(b'"');
        }
        None => out.extend_from_slice(b"null"),
    }
}

/// Appends `"NAME":` and a text in quotes, or null.
pub(super) fn append_text(out: &mut Vec<u8>, name: &str, text: Option<&str>) {
    append_name(out, name);
    match text {
        Some(text) => append_string(out, text),
        None => out.extend_from_slice(b"null"),
    }
}

/// Appends what a message says: under `text_name` where it is text, under `base64` where it is bytes.
pub(super) fn append_message(out: &mut Vec<u8>, text_name: &str, opcode: Opcode, payload: &[u8]) {
    if opcode == Opcode::Text {
        append_name(out, text_name);
        // The host has looked that it is UTF-8.
        append_string(out, &String::from_utf8_lossy(payload));
    } else {
        append_name(out, "base64");
        append_string(out, &BASE64_STANDARD.encode(payload));
    }
}

/// Appends a comma.
pub(super) fn append_comma(out: &mut Vec<u8>) {
    out.push(b',');
}

fn append_name(out: &mut Vec<u8>, name: &str) {
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

fn append_string(out: &mut Vec<u8>, text: &str) {
    // Neither a string nor memory can refuse.
    serde_json::to_writer(out, text).ok();
}
