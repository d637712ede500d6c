//! `limits.memory` as it is written, and what a client costs while it does nothing.

use std::fmt;

use bytesize::ByteSize;
use rustix::param::page_size;

use crate::limits::{
    AT_REST_HEAP_BYTES, AT_REST_KERNEL_BYTES, AT_REST_KERNEL_STACK_BYTES, AT_REST_STACK_BYTES,
    AT_REST_STACKS_PER_TABLE, settings,
};

/// How much may be held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// So many percent of what the machine has for us, 1 to 100.
    Share(u8),
    /// So many bytes.
    Bytes(u64),
}

impl Default for Limit {
    /// Half: the other half is for what is not counted, which is the kernel's buffers of sockets, what plugins
    /// hold, and the program itself.
    fn default() -> Limit {
        Limit::Share(settings::MEMORY_PERCENT.default)
    }
}

impl Limit {
    /// Reads `50%` or a size; none where it is neither, or out of range.
    pub fn parse(text: &str) -> Option<Limit> {
        match text.trim().strip_suffix('%') {
            Some(percent) => {
                let percent = percent.trim().parse().ok()?;
                let range = settings::MEMORY_PERCENT.least..=settings::MEMORY_PERCENT.most;
                range.contains(&percent).then_some(Limit::Share(percent))
            }
            None => {
                let ByteSize(bytes) = text.trim().parse().ok()?;
                let is_enough = bytes >= settings::MEMORY_BYTES_LEAST;
                is_enough.then_some(Limit::Bytes(bytes))
            }
        }
    }

    /// Bytes that it allows where the machine has `available` for us.
    pub fn bytes(self, available: u64) -> u64 {
        match self {
            Limit::Share(percent) => available / 100 * u64::from(percent),
            Limit::Bytes(bytes) => bytes,
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Limit::Share(percent) => write!(f, "{percent}%"),
            Limit::Bytes(bytes) => ByteSize(*bytes).fmt(f),
        }
    }
}

/// Bytes that a client counts for while it does nothing, the kernel's share of its thread and socket included: with pages of
/// 4 KiB 40 KiB, a little more than the 38 that were measured by `MemAvailable`. Memory is taken in pages, so that it is
/// more where these are larger. One that is answered again and again holds 32 KiB more of the kernel's (`outbox::quiet`),
/// which are its share of what is not counted, like the buffers of its socket.
pub fn at_rest_bytes() -> u64 {
    at_rest_of(page_size() as u64)
}

pub(super) fn at_rest_of(page: u64) -> u64 {
    let stack = AT_REST_STACK_BYTES.next_multiple_of(page);
    let kernel_stack = AT_REST_KERNEL_STACK_BYTES.next_multiple_of(page);
    // The entries for its pages, in a page of entries that few stacks share.
    let table = page / AT_REST_STACKS_PER_TABLE;
    stack + AT_REST_HEAP_BYTES + kernel_stack + table + AT_REST_KERNEL_BYTES
}
