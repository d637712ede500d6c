//! The extension `detent.check/1`: a plugin says what is wrong with options without an instance.
//!
//! Main thread.
#![allow(unsafe_code)]

use plugin_api::abi::{Bytes, OK, PANICKED, UNSUPPORTED};

use super::Library;
use crate::plugin::host::sink;
use crate::threads::crash;

/// How options were checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checked {
    /// The plugin finds nothing wrong with them.
    Done,
    /// It has no check, or that cannot tell: only an instance can.
    ByCreate,
}

impl Library {
    /// Asks the plugin about options, as JSON, where it offers a check. Main thread; blocks as long as
    /// the plugin does.
    ///
    /// # Errors
    /// The text of the plugin's error or panic.
    pub fn check(&self, config: &str) -> Result<Checked, String> {
        let Some(check) = self.check else {
            return Ok(Checked::ByCreate);
        };
        let file = self.file.display().to_string();
        let _says_what = crash::calling("check", &file);
        let (status, text) = sink::collect(|error| {
            // SAFETY: a function of the ABI, from a library that stays open, with the arguments that
            // the ABI names.
            unsafe { check(Bytes::new(config.as_bytes()), error) }
        });
        match status {
            UNSUPPORTED => Ok(Checked::ByCreate),
            PANICKED => Err(format!("its check panicked: {text}")),
            status if status >= OK => Ok(Checked::Done),
            _ => Err(text),
        }
    }
}
