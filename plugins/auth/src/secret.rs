//! What cookies and tokens are signed with.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use plugin_api::ConfigError;

/// Bytes of a secret: as many as the hash has at least (RFC 7518 section 3.2).
const BYTES_LEAST: usize = 32;

/// More is no secret but another file.
const BYTES_MAX: u64 = 4096;

/// The bytes of a file, without the end of its line.
pub(crate) struct Secret(Vec<u8>);

impl Secret {
    pub(crate) fn read(file: &Path) -> Result<Secret, ConfigError> {
        let text = read_private(file, "secret_file", BYTES_MAX)?;
        let bytes = text.trim_ascii_end().to_vec();
        if bytes.len() < BYTES_LEAST {
            let what = format!(
                "{} has fewer than {BYTES_LEAST} bytes: openssl rand -hex 32 makes one",
                file.display()
            );
            return Err(ConfigError::new("secret_file", what));
        }
        Ok(Secret(bytes))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The bytes of a file that nobody else may read; `option` has named it.
pub(crate) fn read_private(file: &Path, option: &str, most: u64) -> Result<Vec<u8>, ConfigError> {
    let wrong = |what: String| ConfigError::new(option, format!("{} {what}", file.display()));
    let opened = File::open(file).map_err(|error| wrong(format!("cannot be read: {error}")))?;
    let about = opened.metadata();
    let about = about.map_err(|error| wrong(format!("cannot be read: {error}")))?;
    if !about.is_file() {
        return Err(wrong("is no file".to_owned()));
    }
    if about.mode() & 0o077 != 0 {
        return Err(wrong("may be read by others: chmod 600 it".to_owned()));
    }
    let mut bytes = Vec::new();
    let read = opened.take(most + 1).read_to_end(&mut bytes);
    read.map_err(|error| wrong(format!("cannot be read: {error}")))?;
    if bytes.len() as u64 > most {
        return Err(wrong(format!("has more than {most} bytes")));
    }
    Ok(bytes)
}
