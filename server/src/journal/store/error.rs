//! What can be wrong with a journal's file.

use rusqlite::{Error, ErrorCode};

/// Why a file cannot be used, or did not take something.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// No room on the disk, or a limit of the process.
    #[error("the disk is full")]
    Full,
    /// The folder, the file, or what is below does not let us.
    #[error("it cannot be written ({0})")]
    NotWritable(String),
    /// It is not what was written.
    #[error("it is damaged ({0})")]
    Damaged(String),
    /// Somebody else has it.
    #[error("another process, or another route, uses it")]
    Locked,
    /// It is whole, and not ours to write.
    #[error("it is {0}")]
    Foreign(String),
    /// Another file, or none, is in its place.
    #[error("it was removed or replaced while it was used")]
    Moved,
    /// More waits for the disk than there is room for.
    #[error("the disk does not keep up")]
    Behind,
    /// It has not been opened, or the route has ended.
    #[error("the file of its journal is not open")]
    Closed,
}

impl From<Error> for StoreError {
    fn from(error: Error) -> StoreError {
        let text = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => StoreError::Full,
            // None: it is not a fault of SQLite but a value that nobody has written.
            None | Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                StoreError::Damaged(text)
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Locked,
            Some(_) => StoreError::NotWritable(text),
        }
    }
}
