//! Work on several threads whose results are taken in order.

use std::collections::BTreeMap;
use std::sync::mpsc::channel;
use std::sync::{Mutex, PoisonError};

/// Does the work of every number below `count` on up to `at_once` threads, and takes the results
/// in their order. No work is begun while as many results wait for an earlier one, so that only
/// these are there at a time; after an error none is begun any more.
pub fn map_ordered_parallel<R: Send, E>(
    count: usize,
    at_once: usize,
    work: impl Fn(usize) -> R + Sync,
    take: &mut dyn FnMut(usize, R) -> Result<(), E>,
) -> Result<(), E> {
    let at_once = at_once.clamp(1, count.max(1));
    let (begin, begun) = channel::<usize>();
    let (work, begun) = (&work, &Mutex::new(begun));
    let (done, results) = channel();
    std::thread::scope(move |scope| {
        for _ in 0..at_once {
            let done = done.clone();
            scope.spawn(move || {
                let next = || begun.lock().unwrap_or_else(PoisonError::into_inner).recv();
                while let Ok(index) = next() {
                    // Fails only after an error, when nobody takes the result.
                    let _ = done.send((index, work(index)));
                }
            });
        }
        drop(done);
        let start = |index: usize| {
            if index < count {
                let _ = begin.send(index);
            }
        };
        (0..at_once).for_each(start);
        let mut waiting = BTreeMap::new();
        for index in 0..count {
            while !waiting.contains_key(&index) {
                // A thread that died ends the scope with its panic.
                let Ok((index, result)) = results.recv() else { return Ok(()) };
                waiting.insert(index, result);
            }
            if let Some(result) = waiting.remove(&index) {
                take(index, result)?;
            }
            start(index + at_once);
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    #[test]
    fn results_come_in_order_and_never_many_at_a_time() {
        let (begun, taken) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let mut order = Vec::new();
        let work = |index: usize| {
            let ahead = begun.fetch_add(1, Ordering::SeqCst) + 1 - taken.load(Ordering::SeqCst);
            assert!(ahead <= 3, "{ahead} at a time");
            // The first of three is the last to end.
            std::thread::sleep(Duration::from_millis(if index.is_multiple_of(3) { 5 } else { 0 }));
            index * 10
        };
        let mut take = |index: usize, result: usize| {
            order.push((index, result));
            taken.fetch_add(1, Ordering::SeqCst);
            Ok::<(), ()>(())
        };
        map_ordered_parallel(20, 3, work, &mut take).unwrap();
        assert_eq!(order, (0..20).map(|index| (index, index * 10)).collect::<Vec<_>>());
    }

    #[test]
    fn the_first_error_ends_the_work() {
        let begun = AtomicUsize::new(0);
        let work = |index: usize| {
            begun.fetch_add(1, Ordering::SeqCst);
            index
        };
        let mut take = |index: usize, _| if index == 2 { Err(index) } else { Ok(()) };
        assert_eq!(map_ordered_parallel(1000, 4, work, &mut take), Err(2));
        assert!(begun.into_inner() <= 2 + 4, "what was begun before the error");
        let nothing = |_: usize| -> usize { unreachable!("there is nothing to do") };
        assert_eq!(map_ordered_parallel(0, 4, nothing, &mut |_, _| Err(())), Ok(()));
    }
}
