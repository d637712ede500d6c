//! A body that is sent from a file.
//!
//! The connection's thread, behind the callback: no gate of a route is held, so that a download of any length holds up no swap.

use std::io;
use std::time::Instant;

use log::info;

use super::Exchange;
use crate::http::body_file::BodyFile;
use crate::limits::BODY_FILE_PIECE_BYTES;

impl Exchange<'_> {
    /// Sends what is left of it, each piece when the socket has taken the one before, so that a piece is all that it holds
    /// in memory. Blocks on the disk, and on the client as long as that takes enough (`Outbox::wait_until_sent_of`). False
    /// where the client cannot be sent all of it: the connection is cut off, since the head has promised more.
    pub(super) fn send_file(&self, mut file: BodyFile) -> bool {
        let mut piece = vec![0; BODY_FILE_PIECE_BYTES];
        let begin = Instant::now();
        while !file.is_empty() {
            self.outbox.wait_until_sent_of(begin, file.given());
            match file.read(&mut piece) {
                Ok(bytes) => self.outbox.queue_http(bytes),
                Err(error) => {
                    let why = match error.kind() {
                        io::ErrorKind::UnexpectedEof => "it has become shorter".to_owned(),
                        _ => error.to_string(),
                    };
                    let (name, left) = (self.outbox.name(), file.len());
                    info!("{name}: {left} bytes of a file cannot be sent: {why}; cut off");
                    self.outbox.abort();
                    return false;
                }
            }
            self.outbox.flush();
            if !self.outbox.is_answered() {
                return false;
            }
        }
        true
    }
}
