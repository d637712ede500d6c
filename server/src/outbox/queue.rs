//! The bytes that wait in an outbox: whole frames behind at most one frame that is partly sent.
//!
//! Plain memory without lock or socket; the outbox's mutex guards it. While the socket takes everything, that is
//! one buffer. A backlog is a row of pieces: blocks of our own, each given back as soon as it is sent, so that
//! none is ever copied to grow; and shares of large broadcasts ([`Shared`]), which all who wait hold together.

use std::collections::VecDeque;
use std::sync::Arc;

use super::encoding::Encoding;
use super::frame::{self, Opcode};
use super::shared::{Frames, Shared};
use crate::limits::{BLOCK_BYTES, OUTBOX_KEPT_BYTES};

/// Queued bytes, in the order they leave.
#[derive(Default)]
pub(super) struct Queue {
    /// What leaves first, unless it is empty.
    buffer: Vec<u8>,
    /// Bytes at the front of `buffer` that are sent.
    sent: usize,
    /// Bytes of the first piece that belong to a frame whose beginning is sent, or that are HTTP: they
    /// have to follow whatever happens. The first piece is what is left of `buffer`, or else a share.
    cut: usize,
    /// Of everything behind `cut`.
    encoding: Encoding,
    /// What waits behind `buffer`; begins with a share where that is empty.
    behind: VecDeque<Piece>,
    /// Bytes of that.
    behind_bytes: usize,
    /// Memory that blocks of our own in it take, in bytes.
    behind_memory: usize,
}

/// Whole frames, but for the first one of the first piece.
enum Piece {
    /// A block of our own.
    Own(Vec<u8>),
    /// These bytes of a run.
    Shared {
        run: Arc<Shared>,
        from: usize,
        to: usize,
    },
}

impl Piece {
    fn bytes(&self) -> &[u8] {
        match self {
            Piece::Own(block) => block,
            Piece::Shared { run, from, to } => &run[*from..*to],
        }
    }

    /// Bytes of memory of our own.
    fn memory(&self) -> usize {
        match self {
            Piece::Own(block) => block.capacity(),
            Piece::Shared { .. } => 0,
        }
    }

    fn truncate(&mut self, length: usize) {
        match self {
            Piece::Own(block) => block.truncate(length),
            Piece::Shared { from, to, .. } => *to = (*to).min(*from + length),
        }
    }
}

impl Queue {
    /// What is appended from now on is in this encoding; HTTP may stand before it.
    pub(super) fn set_encoding(&mut self, encoding: Encoding) {
        self.encoding = encoding;
    }

    #[inline(always)]
    pub(super) fn len(&self) -> usize {
        self.in_buffer() + self.behind_bytes
    }

    #[inline(always)]
    pub(super) fn is_empty(&self) -> bool {
        // Not by its length, which every delivery would add up.
        self.buffer.len() == self.sent && self.behind_bytes == 0
    }

    #[inline(always)]
    fn in_buffer(&self) -> usize {
        self.buffer.len() - self.sent
    }

    /// Bytes of memory that only this queue holds.
    pub(super) fn memory(&self) -> usize {
        self.buffer.capacity() + self.behind_memory
    }

    /// The same, and its part of what it shares with others.
    pub(super) fn memory_with_shares(&self) -> usize {
        let part = |piece: &Piece| match piece {
            Piece::Own(_) => 0,
            Piece::Shared { run, .. } => run.len() / Arc::strong_count(run),
        };
        self.memory() + self.behind.iter().map(part).sum::<usize>()
    }

    /// The first piece: everything, unless there is a backlog.
    #[inline(always)]
    pub(super) fn bytes(&self) -> &[u8] {
        if self.behind_bytes > 0 && self.in_buffer() == 0 {
            return self.first_behind();
        }
        &self.buffer[self.sent..]
    }

    #[cold]
    fn first_behind(&self) -> &[u8] {
        self.behind.front().map_or(&[], Piece::bytes)
    }

    /// Appends whole frames.
    pub(super) fn append(&mut self, frames: &[u8]) {
        if self.behind.is_empty() && self.in_buffer() + frames.len() <= BLOCK_BYTES {
            self.compact();
            self.buffer.extend_from_slice(frames);
        } else {
            self.append_behind(frames);
        }
    }

    /// Appends whole frames, of which a share is kept where they are large.
    pub(super) fn append_frames(&mut self, frames: Frames<'_>) {
        self.keep(frames, 0);
    }

    /// Appends one frame with the whole of `payload`.
    #[inline(always)]
    pub(super) fn append_frame(&mut self, opcode: Opcode, payload: &[u8]) {
        debug_assert!(self.behind.is_empty(), "a backlog is appended to in pieces");
        self.compact();
        frame::append(&mut self.buffer, opcode, payload);
    }

    /// Appends the header of a frame whose payload is not copied, but handed to the next
    /// [`Queue::take_payload`].
    pub(super) fn append_header(&mut self, opcode: Opcode, length: usize) {
        debug_assert!(self.behind.is_empty(), "a backlog is appended to in pieces");
        self.compact();
        frame::append_header(&mut self.buffer, opcode, length);
    }

    #[inline(always)]
    fn compact(&mut self) {
        if self.sent > 0 {
            self.drop_sent();
        }
    }

    /// Moving at most as much as was sent since the last time keeps appending linear.
    #[cold]
    #[inline(never)]
    fn drop_sent(&mut self) {
        if self.sent > self.in_buffer() {
            self.buffer.drain(..self.sent);
            self.sent = 0;
        }
    }

    /// Appends bytes that are not frames: answers in HTTP, one after another, before any frame.
    pub(super) fn append_whole(&mut self, bytes: &[u8]) {
        debug_assert_eq!(self.cut, self.len(), "HTTP comes before frames");
        self.compact();
        self.buffer.extend_from_slice(bytes);
        self.cut = self.len();
    }

    #[cold]
    fn append_behind(&mut self, frames: &[u8]) {
        if frames.is_empty() {
            return;
        }
        if self.is_empty() {
            self.buffer.clear();
            self.sent = 0;
            self.buffer.extend_from_slice(frames);
            return;
        }
        self.behind_bytes += frames.len();
        match self.behind.back_mut() {
            Some(Piece::Own(block)) if block.len() + frames.len() <= BLOCK_BYTES => {
                self.behind_memory -= block.capacity();
                block.extend_from_slice(frames);
                self.behind_memory += block.capacity();
            }
            _ => {
                let block = frames.to_vec();
                self.behind_memory += block.capacity();
                self.behind.push_back(Piece::Own(block));
            }
        }
    }

    /// Keeps what is behind the first `sent` bytes of `frames`.
    fn keep(&mut self, frames: Frames<'_>, sent: usize) {
        let Some(run) = frames.share(sent) else {
            return self.append(&frames.bytes()[sent..]);
        };
        self.behind_bytes += run.len() - sent;
        self.behind.push_back(Piece::Shared {
            run: run.keep(),
            from: sent,
            to: run.len(),
        });
    }

    /// Takes note that `count` bytes of the queue, which is one piece, and of `run` behind it were sent, and
    /// keeps the rest of both. True where nothing is left.
    #[inline(always)]
    pub(super) fn take(&mut self, count: usize, run: Frames<'_>) -> bool {
        if count == self.len() + run.bytes().len() {
            self.clear();
            return true;
        }
        self.keep_rest(count, run);
        false
    }

    #[cold]
    #[inline(never)]
    fn keep_rest(&mut self, count: usize, run: Frames<'_>) {
        let queued = self.len();
        if count < queued {
            self.cut = self.cut_after(count);
            self.sent += count;
            self.append_frames(run);
        } else {
            let sent_of_run = count - queued;
            self.buffer.clear();
            self.sent = 0;
            self.cut = self.encoding.remainder(run.bytes(), sent_of_run);
            self.keep(run, sent_of_run);
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
            self.buffer.extend_from_slice(payload);
        } else {
            self.buffer.clear();
            self.sent = 0;
            self.buffer.extend_from_slice(&payload[count - queued..]);
        }
        false
    }

    /// Takes note that `count` bytes of the first piece were sent.
    pub(super) fn advance(&mut self, count: usize) {
        self.cut = self.cut_after(count);
        if self.in_buffer() > 0 {
            self.sent += count;
        } else {
            self.behind_bytes -= count;
            if let Some(Piece::Shared { from, .. }) = self.behind.front_mut() {
                *from += count;
            }
        }
        if self.in_buffer() == 0 {
            self.next_piece();
        }
    }

    /// The buffer is sent, and perhaps a share behind it: what comes next takes its place.
    fn next_piece(&mut self) {
        self.behind.pop_front_if(|first| first.bytes().is_empty());
        match self
            .behind
            .pop_front_if(|next| matches!(next, Piece::Own(_)))
        {
            Some(Piece::Own(block)) => {
                self.behind_bytes -= block.len();
                self.behind_memory -= block.capacity();
                self.buffer = block;
            }
            _ => {
                self.buffer.clear();
                self.buffer.shrink_to(OUTBOX_KEPT_BYTES);
            }
        }
        self.sent = 0;
        if self.behind.is_empty() {
            self.behind = VecDeque::new();
        }
    }

    /// How much has to follow when `count` bytes are sent, which end in a frame that begins in the
    /// first piece.
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
        self.truncate(self.cut);
    }

    /// Whether all that waits is one frame, or what is left of one.
    pub(super) fn is_one_frame(&self) -> bool {
        self.len() <= self.first_frame()
    }

    /// Bytes of the frame that is partly sent, or else of the first one.
    fn first_frame(&self) -> usize {
        match self.cut {
            // Of the one that is begun with its first byte, all.
            0 => 1 + self.encoding.remainder(self.bytes(), 1),
            cut => cut,
        }
    }

    /// Gives up frames at the end until the others fit into `room`; the first one stays in any case. Gives how
    /// many they were.
    pub(super) fn give_up_past(&mut self, room: usize) -> u64 {
        if self.is_empty() {
            return 0;
        }
        let first = self.first_frame();
        let (mut kept, mut left_out) = (first, 0);
        let mut skipped = first;
        let parts = std::iter::once(&self.buffer[self.sent..])
            .chain(self.behind.iter().map(Piece::bytes))
            .filter(|part| !part.is_empty());
        for part in parts {
            let frames = &part[std::mem::take(&mut skipped)..];
            let room = if left_out == 0 {
                room.saturating_sub(kept)
            } else {
                0
            };
            let (fitting, others) = self.encoding.fitting(frames, room);
            kept += fitting.len();
            left_out += others;
        }
        self.truncate(kept);
        left_out
    }

    /// Keeps `length` bytes, which the first piece or whole pieces hold.
    fn truncate(&mut self, length: usize) {
        let mut left = length.saturating_sub(self.in_buffer());
        self.buffer.truncate(self.sent + length);
        self.behind_bytes = left;
        self.behind.retain_mut(|piece| {
            piece.truncate(left);
            left -= piece.bytes().len();
            !piece.bytes().is_empty()
        });
        self.behind_memory = self.behind.iter().map(Piece::memory).sum();
        if self.in_buffer() == 0 {
            self.next_piece();
        }
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
        if !self.behind.is_empty() {
            self.behind = VecDeque::new();
            self.behind_bytes = 0;
            self.behind_memory = 0;
        }
    }

    #[cold]
    fn give_back(&mut self) {
        self.buffer.shrink_to(OUTBOX_KEPT_BYTES);
    }
}

#[cfg(test)]
mod tests;
