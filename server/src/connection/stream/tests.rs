//! One client's socket, without anybody who speaks on it.

use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{CurrentSettings, Due, Manner, OutboxStream, Source, times};
use crate::config::ClientSettings;
use crate::connection::deadlines::Deadlines;
use crate::ids::{ClientId, RouteId};
use crate::limits::RECEIVED_GRAIN_BYTES;
use crate::outbox::Outbox;
use crate::outbox::drain::Drain;
use crate::routes::table::Sites;

const MINUTE: Duration = Duration::from_secs(60);

fn current(settings: ClientSettings) -> CurrentSettings {
    CurrentSettings::new(Sites::default(), RouteId(0), Arc::new(settings))
}

/// Calls `test` with the stream of a client that came an hour ago, and its outbox.
fn with_stream(settings: ClientSettings, test: impl FnOnce(OutboxStream, &Arc<Outbox>)) {
    let drain = Drain::start().expect("a thread is to be had");
    let (socket, _peer) = UnixStream::pair().expect("two descriptors");
    let socket = TcpStream::from(OwnedFd::from(socket));
    let outbox = Outbox::new(socket, ClientId(1), drain.handle());
    let settings = current(settings);
    let times = settings.times();
    let mut stream = OutboxStream::new(outbox.clone(), settings, Manner::Speaks);
    stream.deadlines = Deadlines::new(times, Instant::now() - 60 * MINUTE);
    test(stream, &outbox);
    outbox.abort();
    drain.end();
}

/// Cause: mutants survived in which nobody was told what a client holds, or it counted for one who was gone.
#[test]
fn what_a_client_holds_is_told_and_goes_with_it() {
    with_stream(ClientSettings::default(), |mut stream, outbox| {
        stream.holds(RECEIVED_GRAIN_BYTES);
        assert_eq!(outbox.held_bytes(), RECEIVED_GRAIN_BYTES);
        stream.holds(2 * RECEIVED_GRAIN_BYTES);
        drop(stream);
        assert_eq!(outbox.held_bytes(), 0);
    });
}

#[test]
fn a_read_waits_for_as_long_as_the_settings_say() {
    let settings = ClientSettings {
        ping_interval: Some(7 * MINUTE),
        lifetime: Some(MINUTE / 2),
        ..ClientSettings::default()
    };
    with_stream(settings, |_, outbox| {
        let timeout = outbox.socket().read_timeout().expect("it is alive");
        assert!(timeout.is_some_and(|timeout| timeout <= MINUTE / 2));
    });
}

/// Cause: a mutant survived that kept who says something for one who is idle.
#[test]
fn a_message_begins_the_time_without_one_anew() {
    let settings = ClientSettings {
        idle_timeout: Some(10 * MINUTE),
        ..ClientSettings::default()
    };
    with_stream(settings, |mut stream, _| {
        assert_eq!(stream.deadlines.overdue(), Due::Idle);
        stream.on_message();
        assert_eq!(stream.deadlines.overdue(), Due::Nothing);
    });
}

/// Cause: a mutant survived in which who only drips parts of records of TLS stayed for ever.
#[test]
fn what_says_nothing_yet_keeps_nobody_longer_than_others() {
    let settings = ClientSettings {
        lifetime: Some(10 * MINUTE),
        ..ClientSettings::default()
    };
    with_stream(settings, |mut stream, outbox| {
        assert!(!outbox.is_closing());
        stream.on_nothing_yet();
        assert!(outbox.is_closing());
        let cause = outbox.cause().expect("it is closed");
        assert_eq!(cause.reason, "connected for 10m: connect again");
    });
}

/// Cause: a mutant survived in which who waits for a message was closed since it says nothing.
#[test]
fn who_only_listens_is_not_idle_and_who_waits_is_not_asked_either() {
    let all = current(ClientSettings {
        ping_interval: Some(MINUTE),
        idle_timeout: Some(2 * MINUTE),
        lifetime: Some(3 * MINUTE),
        ..ClientSettings::default()
    });
    let of = |manner| {
        let times = times(&all, manner);
        [times.ping_interval, times.idle_timeout, times.lifetime]
    };
    let minutes = |minutes: u32| Some(minutes * MINUTE);
    let speaks = [minutes(1), minutes(2), minutes(3)];
    assert_eq!(of(Manner::Speaks), speaks);
    assert_eq!(of(Manner::Listens), [minutes(1), None, minutes(3)]);
    assert_eq!(of(Manner::Waits(MINUTE)), [None, None, minutes(1)]);
    assert_eq!(of(Manner::Waits(9 * MINUTE)), [None, None, minutes(3)]);
}
