//! What a piece of the file is to who is given it.

use std::sync::Arc;

use super::{File, Standing};
use crate::hub::message::Message;
use crate::hub::past::behind::Piece;
use crate::hub::past::file::news_tests::{bounds, open, say};
use crate::ids::ClientId;
use crate::journal::Cursor;
use crate::journal::store::FetchedLine;
use crate::limits::JOURNAL_TAIL_BYTES;
use crate::outbox::encoding::Encoding;
use crate::outbox::frame::Opcode;

/// Cause: mutants survived that gave the last message of a piece twice, or left out what did not fit, and one who was told of a hole at the end of what the file
/// has asked for that for ever.
#[test]
fn what_was_given_of_a_piece_is_left_out_and_its_end_is_that_of_what_the_file_has() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (mut past, _, store) = open(&folder.path().join("r.journal"));
    let [first, second, third] = ["1", "2", "3"].map(|text| say(&mut past, text).offset);
    // The first ones are held no more, up to this one.
    let large = "x".repeat(JOURNAL_TAIL_BYTES as usize);
    let last = say(&mut past, &large).offset;
    let line = |offset| FetchedLine {
        offset,
        except: None,
        message: Arc::new(Message::new(Opcode::Text, b"line")),
    };
    let of_file = [first, second, third];
    let one = Message::new(Opcode::Text, b"line").frame().len();
    let end = past.journals.in_memory_from("t");
    for (done, lines, bytes_max, messages, until) in [
        (0, &of_file[..], 3 * one, 3, end),
        (0, &of_file[..], 3 * one - 1, 2, second),
        (second, &of_file[..], 3 * one, 1, end),
        (third, &[], 3 * one, 0, end),
    ] {
        let standing = Standing {
            topic: "t".into(),
            at: Cursor {
                offset: done,
                hole: u64::MAX,
            },
            place: None,
            notice: None,
            newcomer: None,
            beginning: None,
            file: File::Piece(Piece {
                begin: done,
                through: last + 1,
                lines: lines.iter().copied().map(line).collect(),
                has_more: false,
            }),
        };
        let mut piece = Vec::new();
        let client = ClientId(1);
        let encoding = Encoding::Frame;
        let filled = past.fill(client, &standing, u64::MAX, encoding, bytes_max, &mut piece);
        let filled = filled.expect("the piece is here");
        assert_eq!(
            (filled.messages, filled.offset),
            (messages, until),
            "behind {done}"
        );
    }
    past.leave_file(bounds());
    store.end();
    store.join();
}
