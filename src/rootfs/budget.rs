//! How much memory the paths of an image take, all together, and where that ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::rootfs::MAX_PATH_BYTES;
use crate::rootfs::error::ImageError;

/// Bytes that may be taken by everything that is charged to it.
#[derive(Debug)]
pub struct Budget {
    limit: usize,
    used: AtomicUsize,
}

/// Bytes of a budget, given back when this goes.
#[derive(Debug)]
pub struct Charge {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Default for Budget {
    fn default() -> Budget {
        Budget::new(MAX_PATH_BYTES)
    }
}

impl Budget {
    /// One of so many bytes.
    pub fn new(limit: usize) -> Budget {
        Budget { limit, used: AtomicUsize::new(0) }
    }

    /// Bytes that are charged to it now.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }
}

impl Charge {
    /// Nothing yet.
    pub fn new(budget: Arc<Budget>) -> Charge {
        Charge { budget, bytes: 0 }
    }

    /// Takes more of the budget.
    ///
    /// # Errors
    ///
    /// There is not so much left; then nothing is taken.
    pub fn add(&mut self, bytes: usize) -> Result<(), ImageError> {
        let Budget { limit, used } = &*self.budget;
        let sum = |used: usize| used.checked_add(bytes).filter(|sum| sum <= limit);
        if used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, sum).is_err() {
            return Err(ImageError::LimitExceeded(format!(
                "the paths of its files need more than {limit} bytes of memory"
            )));
        }
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_is_given_back() {
        let budget = Arc::new(Budget::new(100));
        let (mut first, mut second) = (Charge::new(budget.clone()), Charge::new(budget.clone()));
        first.add(60).unwrap();
        let why = second.add(41).unwrap_err().to_string();
        assert!(why.contains("more than 100 bytes"), "{why}");
        second.add(40).unwrap();
        assert!(first.add(usize::MAX).is_err());
        drop(first);
        assert_eq!(budget.used(), 40);
        second.add(60).unwrap();
    }
}
