//! Every byte stays, in its order, wherever a socket cuts and whatever is given up.

use std::sync::Arc;

use super::Queue;
use crate::limits::{BLOCK_BYTES, OUTBOX_KEPT_BYTES, SHARED_BYTES_LEAST};
use crate::outbox::frame::{Opcode, encode};
use crate::outbox::shared::{Frames, Shared};

fn frames(lengths: &[usize]) -> Vec<u8> {
    lengths
        .iter()
        .flat_map(|&length| encode(Opcode::Text, &vec![b'x'; length]))
        .collect()
}

#[test]
fn every_cut_of_queue_and_run_keeps_every_byte() {
    let queued = frames(&[3, 130, 0]);
    let run = frames(&[7, 200]);
    let whole = [queued.clone(), run.clone()].concat();
    for count in 0..whole.len() {
        let mut queue = Queue::default();
        queue.append(&queued);
        assert!(!queue.take(count, Frames::copied(&run)));
        assert_eq!(queue.bytes(), &whole[count..]);
        for more in 0..queue.len() {
            let mut queue = Queue::default();
            queue.append(&queued);
            queue.take(count, Frames::copied(&run));
            queue.advance(more);
            assert_eq!(queue.bytes(), &whole[count + more..]);
        }
    }
}

/// The same, which holds what every cut does, in a thousandth of its time.
#[test]
fn what_is_sent_of_a_run_behind_a_queue_is_not_sent_again() {
    let (queued, run) = (frames(&[3]), frames(&[7, 200]));
    let mut queue = Queue::default();
    queue.append(&queued);
    assert!(!queue.take(queued.len() + 8, Frames::copied(&run)));
    assert_eq!(queue.bytes(), &run[8..]);
    queue.keep_cut_frame();
    assert_eq!(queue.bytes(), &run[8..9]);
}

#[test]
fn every_cut_of_queue_and_payload_keeps_every_byte() {
    let payload = vec![b'y'; 300];
    let whole = [frames(&[3, 130]), encode(Opcode::Binary, &payload)].concat();
    let first_two = frames(&[3, 130]).len();
    for count in 0..=whole.len() {
        let mut queue = Queue::default();
        queue.append(&frames(&[3, 130]));
        queue.append_header(Opcode::Binary, payload.len());
        assert_eq!(queue.take_payload(count, &payload), count == whole.len());
        assert_eq!(queue.bytes(), &whole[count..]);
        queue.keep_cut_frame();
        // What is left is the rest of the frame that the cut went through.
        let ends = [0, 5, first_two, whole.len()];
        let end = ends.into_iter().find(|&end| end >= count).expect("it ends");
        assert_eq!(queue.bytes(), &whole[count..end]);
    }
}

#[test]
fn giving_up_keeps_only_the_frame_that_is_cut() {
    let run = frames(&[10, 20, 30]);
    for (sent, kept) in [
        (0, 0),
        (1, 11),
        (12, 0),
        (13, 21),
        (33, 1),
        (34, 0),
        (40, 26),
    ] {
        let mut queue = Queue::default();
        queue.take(sent, Frames::copied(&run));
        queue.keep_cut_frame();
        assert_eq!(queue.len(), kept, "after {sent} bytes");
    }
}

#[test]
fn http_is_never_given_up() {
    let mut queue = Queue::default();
    queue.append_whole(b"HTTP/1.1 101 Switching Protocols\r\n\r\n");
    queue.append(&frames(&[5]));
    queue.advance(4);
    queue.keep_cut_frame();
    assert_eq!(queue.bytes(), b"/1.1 101 Switching Protocols\r\n\r\n");
}

#[test]
fn answers_follow_one_another_at_whatever_byte_the_socket_is_full() {
    let answers = [
        b"HTTP/1.1 200 OK\r\n\r\nfirst".as_slice(),
        b"HTTP/1.1 404 Not Found\r\n\r\n",
    ];
    let whole = answers.concat();
    for sent in 0..answers[0].len() {
        let mut queue = Queue::default();
        queue.append_whole(answers[0]);
        queue.advance(sent);
        queue.append_whole(answers[1]);
        queue.append(&frames(&[5]));
        queue.keep_cut_frame();
        assert_eq!(queue.bytes(), &whole[sent..]);
    }
}

/// What is left of a queue, piece by piece, as the drain thread sends it in steps.
fn drained(queue: &mut Queue, step: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while !queue.is_empty() {
        let part = queue.bytes();
        let count = part.len().min(step);
        bytes.extend_from_slice(&part[..count]);
        queue.advance(count);
    }
    bytes
}

#[test]
fn a_backlog_of_blocks_and_shares_keeps_every_byte_in_its_order() {
    let large = Arc::new(Shared::new(frames(&[SHARED_BYTES_LEAST])));
    let several = Arc::new(Shared::new(frames(&[20_000, 7, 30_000, 0])));
    let small = frames(&[5, 1000, 200]);
    let half_a_block = frames(&[BLOCK_BYTES / 2 + 1]);
    for step in [1000, 4096, 65_537, usize::MAX] {
        for sent in [0, 1, 7, large.len() / 2, large.len() - 1] {
            let mut queue = Queue::default();
            assert!(!queue.take(sent, Frames::shared(&large)));
            let mut whole = large[sent..].to_vec();
            for round in 0..5 {
                queue.append(&small);
                whole.extend_from_slice(&small);
                if round % 2 == 0 {
                    queue.append(&half_a_block);
                    whole.extend_from_slice(&half_a_block);
                } else {
                    queue.append_frames(Frames::shared(&several));
                    whole.extend_from_slice(&several);
                }
            }
            assert_eq!(queue.len(), whole.len());
            assert!(
                drained(&mut queue, step) == whole,
                "sent {sent}, step {step}"
            );
        }
    }
    assert_eq!(
        Arc::strong_count(&large),
        1,
        "nothing is kept of what was sent"
    );
    assert_eq!(Arc::strong_count(&several), 1);
}

#[test]
fn a_large_run_is_held_once_and_a_small_one_is_copied() {
    let large = Arc::new(Shared::new(frames(&[1_000_000])));
    let small = Arc::new(Shared::new(frames(&[1000])));
    let mut queues: Vec<Queue> = (0..10).map(|_| Queue::default()).collect();
    for queue in &mut queues {
        queue.take(100_000, Frames::shared(&large));
        queue.append_frames(Frames::shared(&small));
        assert_eq!(queue.len(), large.len() - 100_000 + small.len());
    }
    assert_eq!(Arc::strong_count(&large), 11);
    assert_eq!(Arc::strong_count(&small), 1);
    for queue in &mut queues {
        queue.keep_cut_frame();
        assert_eq!(queue.len(), large.len() - 100_000);
        queue.clear();
    }
    assert_eq!(Arc::strong_count(&large), 1);
}

#[test]
fn frames_that_do_not_fit_are_given_up_from_the_end_and_the_first_one_stays() {
    let run = Arc::new(Shared::new(frames(&[20_000, 100, 40_000])));
    let first = frames(&[20_000]).len();
    let second = first + frames(&[100]).len();
    let cases = [
        (0, first, 3),
        (first, first, 3),
        (second - 1, first, 3),
        (second, second, 2),
        (run.len(), run.len(), 1),
        (run.len() + 7, run.len() + 7, 0),
    ];
    for sent in [0, 1, 15_000] {
        for (room, kept, left_out) in cases {
            let mut queue = Queue::default();
            queue.take(sent, Frames::shared(&run));
            queue.append(&frames(&[5]));
            let whole = [&run[sent..], &frames(&[5])].concat();
            let room = room - sent.min(room);
            assert_eq!(
                queue.give_up_past(room),
                left_out,
                "room {room}, {sent} sent"
            );
            assert!(drained(&mut queue, 999) == whole[..kept - sent]);
        }
    }
}

#[test]
fn one_frame_is_one_however_much_of_it_is_sent() {
    let one = frames(&[70_000]);
    for sent in [0, 1, 69_000] {
        let mut queue = Queue::default();
        queue.take(sent, Frames::copied(&one));
        assert!(queue.is_one_frame());
        queue.append(&frames(&[0]));
        assert!(!queue.is_one_frame());
    }
}

/// Cause: mutants survived in which what was sent was never let go as long as something waited, or what is held was counted
/// twice over.
#[test]
fn what_a_backlog_holds_of_memory_is_what_waits() {
    let mut queue = Queue::default();
    queue.append(&frames(&[1000]));
    for _ in 0..10_000 {
        queue.append(&frames(&[300]));
        queue.take(frames(&[300]).len(), Frames::copied(&[]));
    }
    assert!(queue.memory() <= BLOCK_BYTES, "{}", queue.memory());
    // Blocks of our own: no more than twice what stands in them.
    for _ in 0..1000 {
        queue.append(&frames(&[1000]));
    }
    while !queue.is_empty() {
        let waits = queue.len();
        assert!((waits..2 * waits + 2 * BLOCK_BYTES).contains(&queue.memory()));
        queue.advance(queue.bytes().len().min(999));
    }
    assert!(queue.memory() <= BLOCK_BYTES);
}

/// Cause: mutants survived in which each message had a block of its own, or all of them one that was copied to grow.
#[test]
fn a_backlog_stands_in_blocks_that_hold_several_messages() {
    let message = frames(&[300]);
    let mut queue = Queue::default();
    let count = 20 * BLOCK_BYTES / message.len();
    (0..count).for_each(|_| queue.append(&message));
    let blocks = queue.behind.len();
    assert!((19..=21).contains(&blocks), "{blocks}");
    let largest = queue.behind.iter().map(|piece| piece.bytes().len()).max();
    assert!(largest <= Some(BLOCK_BYTES), "{largest:?}");
}

/// Cause: a mutant survived in which the memory of what was sent grew for as long as anything waited.
#[test]
fn what_is_sent_is_let_go_of_though_little_waits_all_the_time() {
    let mut queue = Queue::default();
    queue.append(&frames(&[60_000]));
    queue.append(&frames(&[1000]));
    queue.take(frames(&[60_000]).len(), Frames::copied(&[]));
    for _ in 0..1000 {
        queue.append(&frames(&[300]));
        queue.take(frames(&[300]).len(), Frames::copied(&[]));
    }
    assert!(queue.memory() <= 2 * BLOCK_BYTES, "{}", queue.memory());
}

/// Cause: mutants survived in which a queue that was emptied kept all that it had ever held.
#[test]
fn an_empty_queue_keeps_what_a_busy_client_needs() {
    let mut queue = Queue::default();
    queue.append(&frames(&[60_000]));
    assert!(queue.take(queue.len(), Frames::copied(&[])));
    assert!((1..=OUTBOX_KEPT_BYTES).contains(&queue.memory()));
    queue.shrink();
    assert_eq!(queue.memory(), 0);
}

/// Cause: a mutant survived that shared a large run for the little that was left of it.
#[test]
fn what_is_left_of_a_large_run_is_copied_where_it_is_little() {
    let large = Arc::new(Shared::new(frames(&[1_000_000])));
    for (left, shares) in [(SHARED_BYTES_LEAST, 1), (SHARED_BYTES_LEAST - 1, 0)] {
        let mut queue = Queue::default();
        queue.take(large.len() - left, Frames::shared(&large));
        assert_eq!(queue.len(), left);
        assert_eq!(Arc::strong_count(&large), 1 + shares, "{left} left");
    }
}

/// Cause: a mutant survived in which nobody held anything of a large broadcast.
#[test]
fn each_holds_its_part_of_what_all_wait_for() {
    let large = Arc::new(Shared::new(frames(&[1_000_000])));
    let mut queues: Vec<Queue> = (0..9).map(|_| Queue::default()).collect();
    for queue in &mut queues {
        queue.take(7, Frames::shared(&large));
    }
    for queue in &queues {
        let part = queue.memory_with_shares() - queue.memory();
        assert_eq!(part, large.len() / 10);
    }
}
