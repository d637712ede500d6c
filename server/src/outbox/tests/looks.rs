//! What others are told of a client, and what little is done for it at the edges: its address, its figures, its last bytes.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use super::*;
use crate::limits::FLUSH_BYTES;

fn unread(peer: &TcpStream) -> u64 {
    rustix::io::ioctl_fionread(peer).expect("a socket")
}

/// Cause: mutants survived that told of a client at the wrong address, or as one that closes.
#[test]
fn a_client_is_told_of_as_what_it_is() {
    let drain = Drain::start().expect("a thread");
    let (outbox, peer) = pair(&drain);
    let address = peer.local_addr().expect("it is connected");
    assert_eq!(outbox.shown_address(), address.to_string());
    assert_eq!(outbox.ip(), Some(address.ip()));
    let own = peer.peer_addr().expect("it is connected");
    assert_eq!(outbox.local_address(), Some(own.ip()));
    assert!(outbox.is_connected());
    let figures = outbox.figures();
    assert!(!figures.is_closing && !figures.is_slow && figures.backlog == 0);
    outbox.queue_message(Opcode::Text, b"hello", &Demand::default());
    outbox.flush();
    assert_eq!(outbox.figures().sent, unread(&peer));
    let frame = frame::encode(Opcode::Binary, &[7; 60_000]);
    while !outbox.is_waiting() {
        outbox.deliver(Frames::copied(&frame));
    }
    let figures = outbox.figures();
    assert!(figures.is_slow && figures.backlog == backlog(&outbox) as u64);
    outbox.close(Cause::server(1001, "bye"));
    assert!(outbox.figures().is_closing && !outbox.is_connected());
    let (socket, _peer) = UnixStream::pair().expect("two descriptors");
    let socket = TcpStream::from(OwnedFd::from(socket));
    let local = Outbox::new(socket, ClientId(2), drain.handle());
    assert_eq!(local.shown_address(), "unix:");
    assert_eq!((local.ip(), local.local_address()), (None, None));
    drain.end();
}

/// Cause: mutants survived that let any amount wait for the flush.
#[test]
fn no_more_waits_for_the_flush_than_its_bound() {
    let frame = frame::encode(Opcode::Text, &[b'x'; 1000]);
    let queue = |outbox: &Arc<Outbox>, way| match way {
        "a frame" => assert_eq!(outbox.queue(&frame), Delivery::Queued),
        // Whether it has to be flushed, which it is below in any case.
        "the hub's" => _ = outbox.queue_to_flush(Frames::copied(&frame)),
        _ => {
            let queued = outbox.queue_message(Opcode::Text, &[b'x'; 1000], &Demand::default());
            assert_eq!(queued, Delivery::Queued);
        }
    };
    for way in ["a frame", "the hub's", "a message"] {
        let drain = Drain::start().expect("a thread");
        let (outbox, mut peer) = pair(&drain);
        let count = FLUSH_BYTES / frame.len() + 1;
        for number in 1..=count {
            queue(&outbox, way);
            assert!(backlog(&outbox) <= FLUSH_BYTES, "{way}");
            // A message is taken to have the longest header.
            let waits = number < count - 1;
            assert!(!waits || outbox.figures().sent == 0, "{way} {number}");
        }
        assert!(unread(&peer) > 0, "{way}");
        outbox.flush();
        let mut received = vec![0; count * frame.len()];
        peer.read_exact(&mut received).expect("all of it comes");
        assert!(received == frame.repeat(count), "{way}");
        drain.end();
    }
}

/// Cause: mutants survived that sent sooner, and that had the hub flush what had left, or not flush what had not.
#[test]
fn what_fills_the_bound_to_its_last_byte_waits_for_one_flush() {
    let drain = Drain::start().expect("a thread");
    let whole = frame::encode(Opcode::Text, &[b'x'; FLUSH_BYTES - 4]);
    assert_eq!(whole.len(), FLUSH_BYTES);
    let waits = |outbox: &Outbox| outbox.figures().sent == 0 && backlog(outbox) == FLUSH_BYTES;
    let (outbox, _peer) = pair(&drain);
    assert_eq!(outbox.queue(&whole), Delivery::Queued);
    assert!(waits(&outbox));
    let (outbox, _peer) = pair(&drain);
    let [half, rest] = [2, 6].map(|header| {
        let payload = FLUSH_BYTES / 2 - header;
        frame::encode(Opcode::Text, &vec![b'x'; payload])
    });
    assert_eq!(half.len() + rest.len(), FLUSH_BYTES);
    assert!(outbox.queue_to_flush(Frames::copied(&half)));
    assert!(!outbox.queue_to_flush(Frames::copied(&rest)), "once");
    assert!(waits(&outbox));
    assert!(!outbox.queue_to_flush(Frames::copied(&half)), "it has left");
    drain.end();
}

/// Cause: mutants survived in which nobody was named, in words or in the fields of a line.
#[test]
fn a_client_is_named_by_its_address_its_number_and_its_route() {
    let drain = Drain::start().expect("a thread");
    let (outbox, _peer) = plain_pair(&drain);
    assert_eq!(outbox.name(), "- client 1 on a handshake");
    outbox.set_address(Arc::new("203.0.113.7"));
    outbox.set_route("/chat".into(), Arc::default());
    assert_eq!(outbox.name(), "203.0.113.7 client 1 on /chat");
    assert_eq!(outbox.shown_address(), "203.0.113.7");
    let about = outbox.about();
    assert_eq!(about.client, Some(ClientId(1)));
    assert_eq!(about.route, Some("/chat"));
    let address = about.address.map(ToString::to_string);
    assert_eq!(address.as_deref(), Some("203.0.113.7"));
    drain.end();
}

/// Cause: a mutant survived that read nothing of who lingers: it was cut off when its time was over, and not when it had gone.
#[test]
fn who_lingers_is_let_go_as_soon_as_it_has_gone() {
    let drain = Drain::start().expect("a thread");
    let (outbox, mut peer) = pair(&drain);
    drain.end();
    let now = Instant::now();
    outbox.close(Cause::server(1000, "bye"));
    outbox.finish(Ending::LastWord);
    let expected = frame::close(1000, "bye");
    let mut received = vec![0; expected.len()];
    peer.read_exact(&mut received).expect("the last word");
    assert_eq!(received, expected);
    for _ in 0..2 {
        // Whatever it still says is dropped.
        std::io::Write::write_all(&mut peer, b"on and on").expect("it is open");
        assert!(matches!(
            outbox.service(now),
            Service::Wait {
                for_write: false,
                for_read: true,
                ..
            }
        ));
    }
    drop(peer);
    let deadline = Instant::now() + Duration::from_secs(20);
    while !matches!(outbox.service(now), Service::Done) {
        assert!(Instant::now() < deadline, "it is waited for still");
        std::thread::yield_now();
    }
}

/// Cause: a mutant survived in which what a client's own thread sent overtook what it was behind with.
#[test]
fn one_that_is_behind_is_known_as_that_until_it_is_not() {
    let drain = Drain::start().expect("a thread");
    let (outbox, _peer) = pair(&drain);
    for is_behind in [false, true, false] {
        outbox.set_behind(is_behind);
        assert_eq!(outbox.is_behind(), is_behind);
    }
    drain.end();
}
