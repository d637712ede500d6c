//! What refers back to what was said before.

use super::*;

/// One who keeps a window, and what it hears.
fn full(drain: &Drain) -> (Arc<Outbox>, TcpStream, Inflater) {
    let (outbox, peer) = pair(drain);
    let agreed = Agreed {
        window: Window::MOST,
        refers_back: true,
        peer_refers_back: None,
    };
    outbox.become_websocket(false, Some(agreed));
    (outbox, peer, Inflater::new(Window::MOST))
}

/// Reads one compressed frame of fewer than 64 KiB: its length, and what it says.
fn hear(peer: &mut TcpStream, inflater: &mut Inflater) -> (usize, String) {
    let mut header = [0; 2];
    peer.read_exact(&mut header).expect("a frame comes");
    assert_eq!(header[0], 0xc1, "a compressed text");
    let length = match header[1] {
        126 => {
            let mut length = [0; 2];
            peer.read_exact(&mut length).expect("its length comes");
            usize::from(u16::from_be_bytes(length))
        }
        short => usize::from(short),
    };
    let mut payload = vec![0; length];
    peer.read_exact(&mut payload).expect("its payload comes");
    let mut text = vec![0; 10_000];
    let step = inflater.step(&payload, &mut text).expect("a stream");
    inflater.end().expect("it is whole");
    text.truncate(step.written);
    (length, String::from_utf8(text).expect("text"))
}

/// The client inflates what others say into the same window, of which the compressor of its own thread knows nothing.
#[test]
fn an_answer_refers_back_only_where_nothing_of_others_has_come_in_between() {
    let drain = Drain::start().expect("a thread");
    let (outbox, mut peer, mut inflater) = full(&drain);
    let demand = Demand::default();
    let text = |number: u32| format!("{number} {}", "all is said again ".repeat(60));
    let mut lengths = Vec::new();
    for round in 0..4 {
        for _ in 0..3 {
            outbox.queue_message(Opcode::Text, text(round).as_bytes(), &demand);
            outbox.flush();
            let (length, heard) = hear(&mut peer, &mut inflater);
            assert_eq!(heard, text(round));
            lengths.push(length);
        }
        let others = text(100 + round);
        let wrap = |payload: &[u8]| frame::encode_compressed(Opcode::Text, payload);
        let said = deflate(others.as_bytes(), Window::MOST, 6, wrap).expect("it shrinks");
        outbox.queue(&said);
        outbox.flush();
        assert_eq!(hear(&mut peer, &mut inflater).1, others);
    }
    for round in lengths.chunks(3) {
        assert!(
            round[1] * 3 < round[0] * 2 && round[2] * 3 < round[0] * 2,
            "{lengths:?}"
        );
        assert!(
            round[0] * 4 > lengths[0] * 3,
            "the first refers to nothing: {lengths:?}"
        );
    }
    drain.end();
}

/// Cause: a mutant survived in which a silent client kept its compressor.
#[test]
fn a_silent_client_refers_to_nothing_that_was_said_before() {
    let drain = Drain::start().expect("a thread");
    let (outbox, mut peer, mut inflater) = full(&drain);
    let text = "all is said again and again, but not here: ".repeat(20);
    let mut say = || {
        let demand = Demand::default();
        outbox.queue_message(Opcode::Text, text.as_bytes(), &demand);
        outbox.flush();
        hear(&mut peer, &mut inflater).0
    };
    let [first, second] = [say(), say()];
    assert!(second * 3 < first * 2, "{second} after {first}");
    outbox.shrink();
    assert_eq!(say(), first);
    drain.end();
}
