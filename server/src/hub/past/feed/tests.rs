//! What a piece of the file is to who is given it.

use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use super::{File, Standing};
use crate::hub::message::Message;
use crate::hub::past::Past;
use crate::hub::past::behind::{Behind, Piece};
use crate::hub::past::file::news_tests::{bounds, open, say};
use crate::ids::ClientId;
use crate::journal::Cursor;
use crate::journal::store::FetchedLine;
use crate::limits::JOURNAL_TAIL_BYTES;
use crate::logging::heard;
use crate::outbox::drain::Drain;
use crate::outbox::encoding::Encoding;
use crate::outbox::frame::Opcode;
use crate::outbox::{Bounds, Outbox};

/// Cause: mutants survived that gave the last message of a piece twice, or left out what did not fit, and one who was told
/// of a hole at the end of what the file has asked for that for ever.
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

/// Cause: what was said to one that had been closed for what was held for it was held all the same, without an end, and
/// each told of in the log.
#[test]
fn nothing_is_held_for_one_whose_end_has_begun() {
    let drain = Drain::start().expect("a thread");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let socket = TcpStream::connect(listener.local_addr().expect("it is bound"));
    let client = ClientId(1);
    let outbox = Outbox::new(socket.expect("it listens"), client, drain.handle());
    outbox.become_websocket(false, None);
    outbox.set_bounds(Bounds {
        backlog_bytes_max: 1000,
        ..Bounds::default()
    });
    let mut past = Past::new(bounds());
    past.behind.insert(client, Behind::new(outbox.clone()));
    let mut hold = || {
        let message = Message::new(Opcode::Text, &[b'x'; 400]);
        assert!(past.hold(client, message).is_none(), "it is behind");
        past.behind[&client].is_done()
    };
    let lines = heard::while_doing(|| {
        assert!(!hold() && !hold() && !outbox.is_closing());
        assert!(hold() && outbox.is_closing(), "more than its backlog");
        for _ in 0..10 {
            assert!(hold(), "it is held");
        }
    });
    let closed = lines.iter().filter(|line| line.text.contains("too slow"));
    assert_eq!(closed.count(), 1, "{lines:?}");
    drain.end();
}
