//! Inflating messages as their bytes come (RFC 7692 section 7.2.2).
//!
//! Used by one connection thread each.

use flate2::{Decompress, FlushDecompress, Status};
use parking_lot::Mutex;
use thiserror::Error;

use super::Window;
use super::compressor::TAIL;
use crate::limits::INFLATERS_KEPT;
use crate::limits::memory::{Account, Part};

/// Put behind a message: what its sender has left out, and an empty block. Who stands at the end of a block hears nothing
/// of either; who stands within the data of one would. Only who stands within the tables at its head may take this for more of
/// those: such a message ends early unseen, and where messages refer to each other the next one is damaged.
const END: [u8; 9] = [TAIL[0], TAIL[1], TAIL[2], TAIL[3], 0, 0, 0, 0xff, 0xff];

/// What a message of a peer cannot be.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum BadStream {
    /// Not what a compressor makes.
    #[error("compressed message is damaged")]
    Damaged,
    /// It ends within a block.
    #[error("compressed message is cut off")]
    CutOff,
}

/// What one step has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Bytes of the input that were used.
    pub used: usize,
    /// Bytes of the output that were written.
    pub written: usize,
}

/// Those that nobody uses.
static IDLE: Mutex<Vec<Inflater>> = Mutex::new(Vec::new());

/// Inflates the messages of one client.
pub struct Inflater {
    inner: Box<Decompress>,
    /// The last block said that it was the last, and nothing has come since.
    has_ended: bool,
    _account: Account,
}

impl Inflater {
    /// One for what refers back by a window of this size at most; of that size and 12 KiB.
    pub fn new(window: Window) -> Inflater {
        let mut account = Account::new(Part::Compression);
        account.set((12 * 1024) + (1 << window.bits()));
        Inflater {
            inner: Box::new(Decompress::new_with_window_bits(false, window.bits())),
            has_ended: false,
            _account: account,
        }
    }

    /// One for a single message, in the largest window: one that others have used where there is one, so that messages of
    /// many clients, one after the other, leave no holes in the heaps.
    pub fn lend() -> Inflater {
        let idle = IDLE.lock().pop();
        idle.unwrap_or_else(|| Inflater::new(Window::MOST))
    }

    /// Gives back what [`Inflater::lend`] has given out: it begins anew for whoever comes next.
    pub fn give_back(mut self) {
        self.inner.reset(false);
        self.has_ended = false;
        let mut idle = IDLE.lock();
        if idle.len() < INFLATERS_KEPT {
            idle.push(self);
        }
    }

    /// Uses some of `input` and fills some of `output`, which is not empty: where all of it is filled, more may come of what
    /// was used already.
    ///
    /// # Errors
    /// The bytes are no compressed message; it is of no use any more.
    pub fn step(&mut self, mut input: &[u8], mut output: &mut [u8]) -> Result<Step, BadStream> {
        let mut step = Step {
            used: 0,
            written: 0,
        };
        loop {
            if self.has_ended {
                if input.is_empty() {
                    return Ok(step);
                }
                // RFC 7692 section 7.2.3.4: others may follow a block that was the last.
                self.inner.reset(false);
                self.has_ended = false;
            }
            let before = (self.inner.total_in(), self.inner.total_out());
            let status = self
                .inner
                .decompress(input, output, FlushDecompress::None)
                .map_err(|_| BadStream::Damaged)?;
            let used = (self.inner.total_in() - before.0) as usize;
            let written = (self.inner.total_out() - before.1) as usize;
            step.used += used;
            step.written += written;
            input = &input[used..];
            output = &mut output[written..];
            self.has_ended = status == Status::StreamEnd;
            if output.is_empty() || input.is_empty() {
                return Ok(step);
            }
            if used == 0 && written == 0 && !self.has_ended {
                return Err(BadStream::Damaged);
            }
        }
    }

    /// The message has no more bytes, and nothing more has come of those that it had.
    ///
    /// # Errors
    /// It ends within a block.
    pub fn end(&mut self) -> Result<(), BadStream> {
        if self.has_ended {
            return Ok(());
        }
        let mut nothing = [0; 16];
        let step = self
            .step(&END, &mut nothing)
            .map_err(|_| BadStream::CutOff)?;
        let is_whole = step.used == END.len() && step.written == 0;
        is_whole.then_some(()).ok_or(BadStream::CutOff)
    }
}
