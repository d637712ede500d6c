//! What a run is to each of its members, in each encoding.

use std::sync::Arc;

use super::{Patch, RUN_BYTES_MAX, RUN_KEPT_BYTES, Run, SHARED_BYTES_LEAST, Share};
use crate::compression::{Demand, Inflater, Need, Shape, Window};
use crate::hub::intake::Intake;
use crate::hub::message::Message;
use crate::hub::queue::Queue;
use crate::hub::topic::EVERYONE;
use crate::ids::{ClientId, RouteId};
use crate::journal::{Epoch, Position};
use crate::outbox::encoding::Encoding;
use crate::outbox::frame::{Opcode, encode, split};

fn text(text: &str) -> Message {
    Message::new(Opcode::Text, text.as_bytes())
}

fn frames(texts: &[&str]) -> Vec<u8> {
    let encoded = texts
        .iter()
        .map(|text| encode(Opcode::Text, text.as_bytes()));
    encoded.flatten().collect()
}

#[test]
fn patches_apply_in_order_and_only_to_their_client() {
    let topic = EVERYONE;
    let (one, two) = (ClientId(1), ClientId(2));
    let mut run = Run::default();
    run.push(topic, text("aa"), None);
    run.insert(one, &text("X"), Encoding::Frame);
    run.push(topic, text("bb"), Some(one));
    run.insert(one, &text("Y"), Encoding::Frame);
    run.push(topic, text("cc"), Some(two));
    let given = |client| {
        run.encoded_for(client, Encoding::Frame, None)
            .frames()
            .bytes()
            .to_vec()
    };
    assert_eq!(given(one), frames(&["aa", "X", "Y", "cc"]));
    assert_eq!(given(two), frames(&["aa", "bb"]));
    assert_eq!(given(ClientId(3)), frames(&["aa", "bb", "cc"]));
}

#[test]
fn each_encoding_has_the_positions_of_what_is_left() {
    let (one, epoch) = (ClientId(1), Epoch::random());
    let at = |offset| Position { epoch, offset };
    let mut run = Run::default();
    run.mix();
    for (offset, except) in [(1, None), (2, Some(one)), (3, None)] {
        run.mark(at(offset));
        // No position has a space: "m2" stood in one of a hundred.
        let text = format!("m {offset}");
        run.push(
            EVERYONE,
            Message::new(Opcode::Text, text.as_bytes()),
            except,
        );
        let own = Message::new(Opcode::Text, b"own");
        run.insert(one, &own, Encoding::Frame);
    }
    for encoding in [Encoding::Envelope(None), Encoding::Event, Encoding::Answer] {
        let texts = |client| {
            let share = run.encoded_for(client, encoding, Some("t"));
            String::from_utf8_lossy(share.frames().bytes()).into_owned()
        };
        let has = |text: &str, position| text.contains(&at(position).to_string());
        let (all, own) = (texts(ClientId(2)), texts(one));
        for position in 1..=3 {
            assert!(has(&all, position), "{encoding:?}: {all}");
            assert_eq!(has(&own, position), position != 2, "{encoding:?}: {own}");
        }
        assert!(
            !all.contains("own") && own.matches("own").count() == 3,
            "{own}"
        );
        assert!(!own.contains("m 2") && own.contains("m 3"), "{own}");
    }
}

#[test]
fn each_window_gets_compressed_forms_where_there_are_some_patched_or_not() {
    let demand = Demand::default();
    let windows = [9, 15].map(|bits| Window::new(bits).expect("a window"));
    let shape = Shape::Bare;
    for window in windows {
        demand.set(Need { shape, window }, true);
    }
    let texts = [600, 30, 3000, 900].map(|length| "so it goes, and ".repeat(length / 16));
    let one = ClientId(1);
    let mut run = Run::default();
    run.mix();
    for (index, said) in texts.iter().enumerate() {
        let message = text(said).compressed(None, &demand);
        let except = (index == 2).then_some(one);
        run.push(EVERYONE, message, except);
        if index == 0 {
            let encoding = Encoding::Deflate(windows[0]);
            let alone = text(&texts[3]).compressed_for(encoding, &demand);
            run.insert(one, &alone, encoding);
        }
    }
    for window in windows {
        let heard = |client| {
            let share = run.encoded_for(client, Encoding::Deflate(window), None);
            inflated(share.frames().bytes(), window)
        };
        let all: Vec<_> = texts
            .iter()
            .map(|text| (text.clone(), text.len() > 256))
            .collect();
        assert_eq!(heard(ClientId(2)), all);
        let mut patched = all.clone();
        patched.remove(2);
        patched.insert(1, all[3].clone());
        assert_eq!(heard(one), patched);
    }
    let share = run.encoded_for(ClientId(2), Encoding::Frame, None);
    let plain: Vec<&str> = texts.iter().map(String::as_str).collect();
    assert_eq!(share.frames().bytes(), frames(&plain));
    run.clear();
    run.mix();
    run.push(EVERYONE, text("plain"), None);
    let share = run.encoded_for(one, Encoding::Deflate(windows[0]), None);
    let Share::Whole(share) = share else {
        panic!("it has no patch");
    };
    // Cause: a mutant survived that copied a run of which nothing is compressed.
    assert!(Arc::ptr_eq(share, &run.bytes));
    assert_eq!(share[..], frames(&["plain"]));
}

/// Cause: what was sent to one alone in between said in its envelope that it was of the run's topic, and came plain.
#[test]
fn what_one_gets_alone_in_an_envelope_is_of_no_topic_and_compressed() {
    let demand = Demand::default();
    let window = Window::MOST;
    let encoding = Encoding::Envelope(Some(window));
    demand.set(encoding.need().expect("it is compressed"), true);
    let texts = [600, 900, 300].map(|length| "so it goes, and ".repeat(length / 16));
    let one = ClientId(1);
    let mut run = Run::default();
    run.mix();
    for said in &texts[..2] {
        let message = text(said).compressed(Some("t"), &demand);
        run.push(EVERYONE, message, None);
        let alone = text(&texts[2]).compressed_for(encoding, &demand);
        run.insert(one, &alone, encoding);
    }
    let heard = |client| {
        let share = run.encoded_for(client, encoding, Some("t"));
        inflated(share.frames().bytes(), window)
    };
    assert!(heard(one).iter().all(|(_, is_compressed)| *is_compressed));
    let envelopes = |client| {
        let texts = heard(client).into_iter().map(|(text, _)| text);
        texts
            .map(|text| serde_json::from_str::<serde_json::Value>(&text).expect("JSON"))
            .collect::<Vec<_>>()
    };
    let of_topic: Vec<_> = envelopes(ClientId(2));
    let own = serde_json::json!({"id": null, "topic": null, "data": texts[2]});
    assert!(of_topic.len() == 2 && of_topic.iter().all(|envelope| envelope["topic"] == "t"));
    let expected = [&of_topic[0], &own, &of_topic[1], &own];
    assert_eq!(envelopes(one).iter().collect::<Vec<_>>(), expected);
}

/// What a client hears of a run, and whether each came compressed.
fn inflated(mut run: &[u8], window: Window) -> Vec<(String, bool)> {
    let mut heard = Vec::new();
    while let Some((_, payload, rest)) = split(run) {
        let is_compressed = run[0] & 0x40 != 0;
        let mut text = payload.to_vec();
        if is_compressed {
            let mut inflater = Inflater::new(window);
            text = vec![0; 10_000];
            let step = inflater.step(payload, &mut text).expect("a whole stream");
            text.truncate(step.written);
            inflater.end().expect("it is whole");
        }
        heard.push((String::from_utf8(text).expect("text"), is_compressed));
        run = rest;
    }
    heard
}

/// Cause: each of 100 members that did not read held its own copy of a message of 16 MiB.
#[test]
fn a_large_message_is_nowhere_copied() {
    let message = Message::new(Opcode::Binary, &[7; SHARED_BYTES_LEAST]);
    let place = message.frame().as_ptr();
    let mut run = Run::default();
    run.push(EVERYONE, message, Some(ClientId(1)));
    let Share::Whole(share) = run.encoded_for(ClientId(2), Encoding::Frame, None) else {
        panic!("it has no patch");
    };
    let kept = share.clone();
    assert!(
        run.encoded_for(ClientId(1), Encoding::Frame, None)
            .frames()
            .bytes()
            .is_empty()
    );
    run.clear();
    run.push(EVERYONE, text("next"), None);
    assert_eq!(kept.as_ptr(), place, "who waits keeps what it was");
    assert_eq!(Arc::strong_count(&kept), 1);
}

/// Cause: what was sent to single members in between was not counted, so that one run could hold as much
/// of it as there were events in a round.
#[test]
fn what_single_members_get_counts_too() {
    let mut run = Run::default();
    assert!(
        !run.is_full_for(2 * RUN_BYTES_MAX),
        "one message may be large"
    );
    run.push(EVERYONE, text("a"), None);
    let mut inserts = 0;
    let alone = Message::new(Opcode::Binary, &[b'x'; 1000]);
    while !run.is_full_for(1000) {
        run.insert(ClientId(1), &alone, Encoding::Frame);
        inserts += 1;
    }
    assert!(inserts * 1000 <= RUN_BYTES_MAX);
    run.clear();
    assert!(!run.is_full_for(RUN_BYTES_MAX));
    run.push(EVERYONE, text("a"), None);
    let mut skips = 0;
    while !run.is_full_for(0) {
        run.push(EVERYONE, text(""), Some(ClientId(1)));
        skips += 1;
    }
    assert!(skips < RUN_BYTES_MAX / 16, "a patch is not free");
}

/// Cause: mutants survived that made runs of any size, or kept the room of the largest one for ever.
#[test]
fn a_run_is_bounded_and_what_it_needed_is_given_back() {
    let large = Message::new(Opcode::Text, &[b'x'; 10_000]);
    let mut run = Run::default();
    assert!(!run.is_full_for(10 * RUN_BYTES_MAX), "nothing is in it");
    run.push(EVERYONE, text("first"), None);
    run.push_frame(EVERYONE, large.frame(), None);
    assert!(!run.is_full_for(RUN_BYTES_MAX - 11_000));
    assert!(run.is_full_for(RUN_BYTES_MAX - 10_000));
    // What is put in for one member counts as well.
    let before = RUN_BYTES_MAX - 11_000;
    run.insert(ClientId(1), &large, Encoding::Frame);
    assert!(run.is_full_for(before));
    assert!(!run.is_full_for(before - 11_000));
    run.clear();
    let room = |run: &mut Run| {
        let bytes = Arc::get_mut(&mut run.bytes).expect("nobody else holds it");
        bytes.bytes_mut().capacity()
    };
    assert!(room(&mut run) >= 10_000, "the next one needs no new room");
    for _ in 0..RUN_BYTES_MAX / 1000 {
        run.push_frame(EVERYONE, large.frame(), None);
    }
    run.clear();
    assert!(room(&mut run) <= 2 * RUN_BYTES_MAX);
    run.push_frame(EVERYONE, large.frame(), None);
    run.clear();
    run.shrink();
    assert!(room(&mut run) <= RUN_KEPT_BYTES);
}

/// Cause: mutants survived that counted what one member does not get as if it got it.
#[test]
fn what_is_delivered_is_counted_for_each_member_as_it_gets_it() {
    let queue = Queue::new(RouteId(0), Intake::new());
    let mut run = Run::default();
    run.push(EVERYONE, text("for all"), None);
    run.push(EVERYONE, text("not for one"), Some(ClientId(1)));
    run.insert(ClientId(2), &text("for two alone"), Encoding::Frame);
    run.count(3, &queue);
    let (all, not_one) = (frames(&["for all"]).len(), frames(&["not for one"]).len());
    let two = frames(&["for two alone"]).len();
    let told = queue.counts().hub.deliveries.get();
    assert_eq!(told.messages, 6);
    assert_eq!(told.bytes, (3 * all + 2 * not_one + two) as u64);
}

/// Cause: mutants survived that counted what is put in compressed for one member as less than nothing, or made a run one byte
/// shorter than it may be.
#[test]
fn a_run_is_as_long_as_it_may_be_and_counts_all_that_is_put_in() {
    let mut run = Run::default();
    run.push(EVERYONE, text("first"), None);
    let left = RUN_BYTES_MAX - size_of::<Patch>() - run.bytes.len();
    assert!(!run.is_full_for(left));
    assert!(run.is_full_for(left + 1));

    let demand = Demand::default();
    let encoding = Encoding::Envelope(Some(Window::MOST));
    let alone = text(&"so it goes, and ".repeat(100)).compressed_for(encoding, &demand);
    let deflated = alone.deflated().expect("it can be compressed").bytes();
    run.insert(ClientId(1), &alone, encoding);
    let put_in = size_of::<Patch>() + alone.frame().len() + deflated;
    assert_eq!(run.bytes_beside, put_in);
    assert!(!run.is_full_for(left - put_in));
    assert!(run.is_full_for(left - put_in + 1));
}

/// Cause: a mutant survived that let go of the memory of a long run, which the next one needs again.
#[test]
fn the_memory_of_a_run_is_kept_for_the_next_up_to_twice_what_a_run_may_be() {
    let mut run = Run::default();
    let mut kept_of = |bytes: usize| {
        let memory = Arc::make_mut(&mut run.bytes).bytes_mut();
        memory.reserve_exact(bytes);
        assert_eq!(memory.capacity(), bytes);
        run.clear();
        Arc::make_mut(&mut run.bytes).bytes_mut().capacity()
    };
    assert_eq!(kept_of(2 * RUN_BYTES_MAX), 2 * RUN_BYTES_MAX);
    assert_eq!(kept_of(2 * RUN_BYTES_MAX + 1), 0);
}

#[test]
fn a_run_knows_how_many_broadcasts_it_holds() {
    let mut run = Run::default();
    for messages in 1..=3 {
        run.push(EVERYONE, text("a"), None);
        run.insert(ClientId(1), &text("for one alone"), Encoding::Frame);
        assert_eq!(run.messages(), messages);
    }
    run.clear();
    assert_eq!(run.messages(), 0);
}
