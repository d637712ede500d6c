//! What the topics of one route hold in memory together, and what was let go. Plain numbers of the hub's thread.

use super::kept::Kept;

/// The sums.
#[derive(Default)]
pub(super) struct Held {
    pub(super) messages: u64,
    pub(super) bytes: u64,
    /// Messages that were let go.
    pub(super) let_go: u64,
}

impl Held {
    /// Changes what is held of a topic; what is less then was let go.
    pub(super) fn change<M, T>(
        &mut self,
        kept: &mut Kept<M>,
        change: impl FnOnce(&mut Kept<M>) -> T,
    ) -> T {
        let (messages, bytes) = (kept.len() as u64, kept.bytes());
        let result = change(kept);
        self.let_go += messages.saturating_sub(kept.len() as u64);
        self.messages = self.messages - messages + kept.len() as u64;
        self.bytes = self.bytes - bytes + kept.bytes();
        result
    }

    /// Nothing is held of a topic any more.
    pub(super) fn forget<M>(&mut self, kept: &Kept<M>) {
        self.messages -= kept.len() as u64;
        self.bytes -= kept.bytes();
        self.let_go += kept.len() as u64;
    }
}
