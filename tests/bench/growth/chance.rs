//! Chance that is the same in every run.

/// Small, repeatable and good enough for this (xorshift64*).
pub(super) struct Chance(pub(super) u64);

impl Chance {
    /// From 0 to 1.
    pub(super) fn next(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Microseconds until the next of what comes so often in a second, at random times.
    pub(super) fn pause(&mut self, per_second: f64) -> f64 {
        -self.next().max(1e-12).ln() * 1e6 / per_second
    }
}
