//! Redis is far away, or the way to it is bad: everything is heard in one order and once all the same, and what takes too long
//! is told.

use std::time::{Duration, Instant};

use tests::{Admin, Client, Passage, Quality, Redis, Server, Way, wait_until};

use crate::{ROUTE, host_at, join, kept, post};

/// Two hosts, each with a way of its own to one Redis.
struct Far {
    hosts: [Server; 2],
    ways: [Passage; 2],
    redis: Redis,
}

impl Far {
    fn start() -> Far {
        Far::with("")
    }

    fn with(more: &str) -> Far {
        let redis = Redis::on_free_port(&["--appendonly", "no"]);
        let ways = [(); 2].map(|()| Passage::to(redis.port()));
        let hosts = [0, 1].map(|of: usize| {
            let url = format!("redis://127.0.0.1:{}", ways[of].port());
            host_at(&url, more)
        });
        Far { hosts, ways, redis }
    }

    /// Both ways of both hosts.
    fn set_quality(&self, quality: Quality) {
        for passage in &self.ways {
            for way in [Way::There, Way::Back] {
                passage.set_quality(way, quality);
            }
        }
    }

    fn listeners(&self) -> [Client; 2] {
        [0, 1].map(|of: usize| join(&self.hosts[of], "").0)
    }

    fn speaker(&self, of: usize) -> Client {
        Client::connect(&self.hosts[of], &format!("{ROUTE}?silent"))
    }

    /// Nobody has missed anything, and nothing was given up.
    #[track_caller]
    fn assert_nothing_lost(&self) {
        for host in &self.hosts {
            for words in ["gap: ", "are given up"] {
                assert_eq!(host.count_log(&[words]), 0, "{}", host.log());
            }
        }
    }

    /// Entries of the stream.
    fn entries(&self) -> usize {
        let told = self.redis.ask("XLEN detent:/annals");
        let count = told.trim().strip_prefix(':').and_then(|of| of.parse().ok());
        count.unwrap_or_else(|| panic!("no number: {told}"))
    }
}

fn is_up(host: &Server) -> bool {
    let name = format!("detent_engine_up{{route=\"{ROUTE}\"}}");
    Admin::of(host).metric(&name) == Some(1.0)
}

/// Both hear the same, in the same places: what two have said, so many each and numbered through, each in its order and once.
#[track_caller]
fn assert_one_order(listeners: &mut [Client; 2], count: usize) {
    let [here, there] = listeners;
    let heard: Vec<_> = (0..2 * count).map(|_| kept(here)).collect();
    for (place, one) in heard.iter().enumerate() {
        assert_eq!(&kept(there), one, "number {place}");
    }
    let number = |text: &str| text.trim_start_matches('0').parse().unwrap_or(0);
    let numbers: Vec<usize> = heard.iter().map(|(_, text)| number(text)).collect();
    for (first, name) in [(0, "the one"), (count, "the other")] {
        let said: Vec<usize> = numbers
            .iter()
            .copied()
            .filter(|number| (first..first + count).contains(number))
            .collect();
        let all: Vec<usize> = (first..first + count).collect();
        assert_eq!(said, all, "{name}");
    }
    let mut positions: Vec<_> = heard.iter().map(|(position, _)| position).collect();
    positions.sort();
    assert!(
        positions
            .iter()
            .zip(&heard)
            .all(|(sorted, (of, _))| *sorted == of),
        "positions grow"
    );
}

#[test]
fn what_is_said_far_away_is_heard_in_one_order_and_goes_many_at_a_time() {
    let far = Far::start();
    let mut listeners = far.listeners();
    let mut speakers = [far.speaker(0), far.speaker(1)];
    let delay = Duration::from_millis(50);
    far.set_quality(Quality {
        delay,
        jitter: Duration::from_millis(20),
        ..Quality::default()
    });
    let start = Instant::now();
    speakers[0].send("flood 0 1000 10");
    speakers[1].send("flood 1000 1000 10");
    assert_one_order(&mut listeners, 1000);
    // There and back takes twice that, and one at a time would take it a thousand times.
    assert!(
        start.elapsed() < 1000 * 2 * delay / 5,
        "{:?}",
        start.elapsed()
    );
    far.assert_nothing_lost();
    for host in &far.hosts {
        assert_eq!(
            host.count_log(&["is away: it has not"]),
            0,
            "{}",
            host.log()
        );
    }
}

#[test]
fn what_comes_byte_by_byte_is_read_as_what_comes_at_once() {
    let far = Far::start();
    let mut listeners = far.listeners();
    let mut speakers = [far.speaker(0), far.speaker(1)];
    far.set_quality(Quality {
        piece: 1,
        ..Quality::default()
    });
    speakers[0].send("flood 0 100 10");
    speakers[1].send("flood 100 100 10");
    assert_one_order(&mut listeners, 100);
    far.assert_nothing_lost();
}

/// Cause: a message that takes longer to Redis than this may take to answer counted as no answer, and was sent anew again and
/// again over a way that was full of it.
#[test]
fn a_way_that_is_narrow_is_one_all_the_same() {
    let far = Far::with("[client]\nmessage = \"1 MiB\"\n");
    let mut listeners = far.listeners();
    let mut speaker = far.speaker(0);
    far.set_quality(Quality {
        bytes_per_second: 400_000,
        ..Quality::default()
    });
    let large = "x".repeat(700_000);
    for number in 0..3 {
        speaker.send(&format!("say {number}{large}"));
    }
    for number in 0..3 {
        for listener in &mut listeners {
            let (_, text) = kept(listener);
            assert_eq!(text.len(), 1 + large.len());
            assert!(text.starts_with(&number.to_string()), "number {number}");
        }
    }
    far.assert_nothing_lost();
    for host in &far.hosts {
        assert_eq!(host.count_log(&["is away: "]), 0, "{}", host.log());
    }
}

/// As packets that are lost look: everything behind them waits until they have come.
#[test]
fn silences_hold_everything_up_and_lose_nothing() {
    let far = Far::start();
    let mut listeners = far.listeners();
    let mut speakers = [far.speaker(0), far.speaker(1)];
    for (number, ways) in [&[Way::There][..], &[Way::Back], &[Way::There, Way::Back]]
        .into_iter()
        .enumerate()
    {
        ways.iter().for_each(|way| far.ways[number % 2].hold(*way));
        speakers[0].send("flood 0 50 10");
        speakers[1].send("flood 50 50 10");
        std::thread::park_timeout(Duration::from_millis(250));
        far.ways[number % 2].release();
        assert_one_order(&mut listeners, 50);
    }
    far.assert_nothing_lost();
}

/// Longer than Redis may take to answer: each host says so while it lasts, and what it has sent meanwhile by several connections
/// is heard once.
#[test]
fn a_long_silence_is_told_while_it_lasts() {
    let far = Far::start();
    let mut listeners = far.listeners();
    let mut speakers = [far.speaker(0), far.speaker(1)];
    for ways in [&[Way::There][..], &[Way::Back], &[Way::There, Way::Back]] {
        for passage in &far.ways {
            ways.iter().for_each(|way| passage.hold(*way));
        }
        speakers[0].send("flood 0 50 10");
        speakers[1].send("flood 50 50 10");
        // Within a second, on a machine that is not busy.
        for host in &far.hosts {
            wait_until("it is told", || !is_up(host));
        }
        far.ways.iter().for_each(Passage::release);
        assert_one_order(&mut listeners, 50);
        for host in &far.hosts {
            wait_until("it is over", || is_up(host));
        }
    }
    far.assert_nothing_lost();
}

/// What was given up for lost on one connection arrives behind what came on the next one, and is heard by nobody.
#[test]
fn what_comes_late_and_was_sent_again_is_heard_once() {
    let far = Far::start();
    let mut listeners = far.listeners();
    let mut speakers = [far.speaker(0), far.speaker(1)];
    far.ways
        .iter()
        .for_each(|passage| passage.hold_standing(Way::There));
    speakers[0].send("flood 0 100 10");
    speakers[1].send("flood 100 100 10");
    assert_one_order(&mut listeners, 100);
    let heard = far.entries();
    far.ways.iter().for_each(Passage::release);
    wait_until("what was sent first has come too", || far.entries() > heard);
    speakers[0].send("flood 0 100 10");
    speakers[1].send("flood 100 100 10");
    assert_one_order(&mut listeners, 100);
    far.assert_nothing_lost();
}

#[test]
fn what_is_cut_amid_a_command_or_an_answer_is_heard_once() {
    let far = Far::start();
    let mut listeners = far.listeners();
    let mut speakers = [far.speaker(0), far.speaker(1)];
    let mut cuts = 0;
    for way in [Way::There, Way::Back] {
        // Something small, and something that is larger than all that is asked and answered beside: each message has as much,
        // since how many of them go at once is a matter of how busy the machine is.
        for bytes in [2, 1000] {
            far.ways
                .iter()
                .for_each(|passage| passage.cut_amid(way, bytes));
            speakers[0].send(&format!("flood 0 100 {}", bytes.max(10)));
            speakers[1].send(&format!("flood 100 100 {}", bytes.max(10)));
            assert_one_order(&mut listeners, 100);
            cuts += 1;
            for passage in &far.ways {
                wait_until("it was cut", || passage.cuts() == cuts);
            }
        }
    }
    far.assert_nothing_lost();
}

/// No end of a connection is told, and nothing comes by it any more.
#[test]
fn connections_that_are_forgotten_on_the_way_are_noticed_and_made_anew() {
    let far = Far::start();
    let mut listeners = far.listeners();
    let mut speakers = [far.speaker(0), far.speaker(1)];
    // One hears of it while it speaks, and the other while it does not.
    far.ways.iter().for_each(Passage::abandon);
    speakers[0].send("flood 0 50 10");
    for host in &far.hosts {
        host.wait_for_log(&[ROUTE, "is away: it has not answered within"]);
    }
    speakers[1].send("flood 50 50 10");
    assert_one_order(&mut listeners, 50);
    far.assert_nothing_lost();
}

#[test]
fn who_speaks_waits_no_longer_than_is_said_whatever_the_way_is_like() {
    let slow = Quality {
        bytes_per_second: 10_000,
        ..Quality::default()
    };
    for quality in [None, Some(slow)] {
        let far = Far::with("wait = \"1s\"\n");
        let mut listeners = far.listeners();
        let mut speaker = far.speaker(0);
        let way = &far.ways[0];
        match quality {
            Some(quality) => way.set_quality(Way::There, quality),
            None => way.hold(Way::There),
        }
        // 20 seconds of it where the way is slow, and in one piece.
        speaker.send("flood 0 200 1000");
        // Who comes by another connection may be before it else.
        let admin = Admin::of(&far.hosts[0]);
        wait_until("some of it waits", || {
            let waiting = admin.metric(&format!("detent_engine_waiting{{route=\"{ROUTE}\"}}"));
            waiting.is_some_and(|bytes| bytes > 0.0)
        });
        let start = Instant::now();
        let (status, head, body) = post(&far.hosts[0], ROUTE, "behind it");
        let time = start.elapsed();
        assert_eq!(status, 503, "{head}{body}");
        assert!(
            time < Duration::from_secs(5),
            "{quality:?}: {time:?} is not a second"
        );
        way.set_quality(Way::There, Quality::default());
        way.release();
        wait_until("it goes on", || {
            post(&far.hosts[0], ROUTE, "after").0 == 200
        });
        // What was given up is heard all the same, or is not; both hear the same, in its order and once.
        let heard = listeners.each_mut().map(|listener| {
            let mut heard = Vec::new();
            while heard.last().is_none_or(|text| text != "after") {
                heard.push(listener.text());
            }
            heard
        });
        assert_eq!(heard[0], heard[1]);
        let flood = heard[0].iter().filter(|text| text.len() > 1000);
        let numbers: Vec<_> = flood.map(|text| &text[25..]).collect();
        assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
    }
}
