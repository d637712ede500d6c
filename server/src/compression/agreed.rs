//! What the settings say about compression, and what was agreed with a client.
//!
//! Plain values.

use crate::limits::{WINDOW_BITS_LEAST, WINDOW_BITS_MOST};

/// What is offered to clients that can do it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Nothing is compressed.
    Off,
    /// Each message by itself, so that a broadcast is compressed once and a client costs no window.
    #[default]
    Shared,
    /// What a client is answered refers to what it was answered before: smaller, and some 300 KiB for each client.
    Full,
}

/// Which messages are compressed, and how hard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effort {
    /// Bytes of the shortest message that is compressed.
    pub threshold: usize,
    /// From 1, which is quick, to 9, which is thorough.
    pub level: u8,
}

/// How far back a compressed message may refer: two to the power of this many bits, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Window(u8);

impl Window {
    /// The largest, which is also what holds where nothing is said.
    pub const MOST: Window = Window(WINDOW_BITS_MOST);
    /// How many there are.
    pub const COUNT: usize = (WINDOW_BITS_MOST - WINDOW_BITS_LEAST + 1) as usize;

    /// None outside 9 to 15: what the format knows as 8, no compressor of the zlib family can do.
    pub fn new(bits: u8) -> Option<Window> {
        (WINDOW_BITS_LEAST..=WINDOW_BITS_MOST)
            .contains(&bits)
            .then_some(Window(bits))
    }

    /// All, the largest first.
    pub fn all() -> impl Iterator<Item = Window> {
        (WINDOW_BITS_LEAST..=WINDOW_BITS_MOST).rev().map(Window)
    }

    /// Its bits, 9 to 15.
    pub fn bits(self) -> u8 {
        self.0
    }

    /// Its number, from 0.
    pub fn index(self) -> usize {
        usize::from(self.0 - WINDOW_BITS_LEAST)
    }

    /// The smallest in which every reference within `bytes` bytes has its place; the largest where none is enough.
    pub(super) fn holding(bytes: usize) -> Window {
        let bits = bytes.max(1).next_power_of_two().trailing_zeros();
        let bits = bits.clamp(WINDOW_BITS_LEAST.into(), WINDOW_BITS_MOST.into());
        Window(bits as u8)
    }
}

/// What of a message is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// What it says.
    Bare,
    /// The envelope around that.
    Enveloped,
}

impl Shape {
    /// How many there are.
    pub const COUNT: usize = 2;
}

/// What has to be compressed for a client that is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// What.
    pub shape: Shape,
    /// For which window.
    pub window: Window,
}

/// What was agreed with one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// How far back what we send may refer.
    pub window: Window,
    /// What we answer may refer to messages before.
    pub refers_back: bool,
    /// What the client sends may refer to messages before, in a window of that size.
    pub peer_refers_back: Option<Window>,
}
