//! Who is inside, as the settings have it.
//!
//! Plain data.

use std::path::PathBuf;

use crate::http::inside::{Inside, Tokens};

/// Who is inside, and where the secrets stand that are not written out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InsideSettings {
    /// Networks whose clients are inside. Default: none.
    pub networks: Vec<ipnet::IpNet>,
    /// Secrets of the settings' own file. Default: none.
    pub tokens: Tokens,
    /// The file with further secrets, one a line. Default: none.
    pub tokens_file: Option<PathBuf>,
    /// What stands in it.
    pub file_tokens: Tokens,
}

impl InsideSettings {
    /// What holds.
    pub fn rules(&self, has_listener: bool) -> Inside {
        Inside {
            has_listener,
            networks: self.networks.clone(),
            tokens: self.tokens.clone().with(self.file_tokens.clone()),
        }
    }
}
