//! What the benchmark and its two bare servers share: the wire as far as they need it.

pub mod wire;
