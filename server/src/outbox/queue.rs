//! The bytes that wait in an outbox: whole frames behind at most one frame that is partly sent.
//!
//! Plain memory without lock or socket; the outbox's mutex guards it.

use super::encoding::Encoding;
use super::frame::{self, Opcode};
use crate::limits::OUTBOX_KEPT_BYTES;

/// Queued bytes, in the order they leave.
#[derive(Default)]
pub(super) struct Queue {
    buffer: Vec<u8>,
    /// Bytes at the front of `buffer` that are sent.
    sent: usize,
    /// Bytes behind `sent` that belong to a frame whose beginning is sent, or that are HTTP: they
    /// have to follow whatever happens.
    cut: usize,
    /// Of everything behind `cut`.
    encoding: Encoding,
}

impl Queue {
    /// What is appended from now on is in this encoding; HTTP may stand before it.
    pub(super) fn set_encoding(&mut self, encoding: Encoding) {
        self.encoding = encoding;
    }

    pub(super) fn len(&self) -> usize {
        self.buffer.len() - self.sent
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer[self.sent..]
    }

    /// Appends whole frames.
    pub(super) fn append(&mut self, frames: &[u8]) {
        self.compact();
        self.buffer.extend_from_slice(frames);
    }

    /// Appends one frame with the whole of `payload`.
    pub(super) fn append_frame(&mut self, opcode: Opcode, payload: &[u8]) {
        self.compact();
        frame::append(&mut self.buffer, opcode, payload);
    }

    /// Appends the header of a frame whose payload is not copied, but handed to the next
    /// [`Queue::take_payload`].
    pub(super) fn append_header(&mut self, opcode: Opcode, length: usize) {
        self.compact();
        frame::append_header(&mut self.buffer, opcode, length);
    }

    /// Moving at most as much as was sent since the last time keeps appending linear.
    fn compact(&mut self) {
        if self.sent > self.len() {
            self.buffer.drain(..self.sent);
            self.sent = 0;
        }
    }

    /// Appends bytes that are not frames: answers in HTTP, one after another, before any frame.
    pub(super) fn append_whole(&mut self, bytes: &[u8]) {
        debug_assert_eq!(self.cut, self.len(), "HTTP comes before frames");
        self.append(bytes);
        self.cut = self.len();
    }

    /// Takes note that `count` bytes of the queue and of `run` behind it were sent, and keeps the
    /// rest of both. True where nothing is left, which is so of nearly every send.
    #[inline(always)]
    pub(super) fn take(&mut self, count: usize, run: &[u8]) -> bool {
        if count == self.len() + run.len() {
            self.clear();
            return true;
        }
        self.keep_rest(count, run);
        false
    }

    #[cold]
    fn keep_rest(&mut self, count: usize, run: &[u8]) {
        let queued = self.len();
        if count < queued {
            self.cut = self.cut_after(count);
            self.sent += count;
            self.append(run);
        } else {
            let sent_of_run = count - queued;
            self.buffer.clear();
            self.sent = 0;
            self.cut = self.encoding.remainder(run, sent_of_run);
            self.buffer.extend_from_slice(&run[sent_of_run..]);
        }
    }

    /// As [`Queue::take`], where the queue ends with a header and `payload` belongs to it.
    pub(super) fn take_payload(&mut self, count: usize, payload: &[u8]) -> bool {
        let queued = self.len();
        if count == queued + payload.len() {
            self.clear();
            return true;
        }
        self.cut = self.cut_after(count);
        if count < queued {
            self.sent += count;
            self.append(payload);
        } else {
            self.buffer.clear();
            self.sent = 0;
            self.buffer.extend_from_slice(&payload[count - queued..]);
        }
        false
    }

    /// How much has to follow when `count` bytes are sent, which end in a frame that begins in the
    /// queue.
    fn cut_after(&self, count: usize) -> usize {
        match self.cut.checked_sub(count) {
            Some(cut) => cut,
            None => self
                .encoding
                .remainder(&self.bytes()[self.cut..], count - self.cut),
        }
    }

    /// Gives up every frame of which nothing is sent yet.
    pub(super) fn keep_cut_frame(&mut self) {
        self.buffer.truncate(self.sent + self.cut);
    }

    /// Gives memory back that nothing is in.
    pub(super) fn shrink(&mut self) {
        if self.is_empty() {
            self.buffer = Vec::new();
            self.sent = 0;
        }
    }

    /// Empties the queue, and keeps as much memory as a busy client needs again and again.
    #[inline(always)]
    pub(super) fn clear(&mut self) {
        self.buffer.clear();
        if self.buffer.capacity() > OUTBOX_KEPT_BYTES {
            self.give_back();
        }
        self.sent = 0;
        self.cut = 0;
    }

    #[cold]
    fn give_back(&mut self) {
        self.buffer.shrink_to(OUTBOX_KEPT_BYTES);
    }
}

#[cfg(test)]
mod tests {
    use super::Queue;
    use crate::outbox::frame::{Opcode, encode};

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
            assert!(!queue.take(count, &run));
            assert_eq!(queue.bytes(), &whole[count..]);
            for more in 0..queue.len() {
                let mut queue = Queue::default();
                queue.append(&queued);
                queue.take(count, &run);
                queue.take(more, &[]);
                assert_eq!(queue.bytes(), &whole[count + more..]);
            }
        }
    }

    #[test]
    fn every_cut_of_queue_and_payload_keeps_every_byte() {
        let payload = vec![b'y'; 300];
        let whole = [frames(&[3, 130]), encode(Opcode::Binary, &payload)].concat();
        let first_two = frames(&[3, 130]).len();
        for count in 0..whole.len() {
            let mut queue = Queue::default();
            queue.append(&frames(&[3, 130]));
            queue.append_header(Opcode::Binary, payload.len());
            assert!(!queue.take_payload(count, &payload));
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
            queue.take(sent, &run);
            queue.keep_cut_frame();
            assert_eq!(queue.len(), kept, "after {sent} bytes");
        }
    }

    #[test]
    fn http_is_never_given_up() {
        let mut queue = Queue::default();
        queue.append_whole(b"HTTP/1.1 101 Switching Protocols\r\n\r\n");
        queue.append(&frames(&[5]));
        queue.take(4, &[]);
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
            queue.take(sent, &[]);
            queue.append_whole(answers[1]);
            queue.append(&frames(&[5]));
            queue.keep_cut_frame();
            assert_eq!(queue.bytes(), &whole[sent..]);
        }
    }
}
