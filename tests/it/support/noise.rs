//! Changes to make in bytes: at random places, and the same on every machine and in every run.

/// A generator that needs no crate (xorshift64).
pub struct Noise(u64);

impl Default for Noise {
    fn default() -> Noise {
        Noise(0x9e37_79b9_7f4a_7c15)
    }
}

impl Noise {
    /// A number below `below`.
    pub fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below.max(1) as u64) as usize
    }
}
