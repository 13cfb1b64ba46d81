//! Vectors that a thread keeps for the next request of their size, for results that belong to whoever asked.
//!
//! A reverse pass makes gradients of the same sizes at every step. Given back when they were used, they spare the system
//! from mapping, and the CPU from clearing, fresh pages. Only the steps of a training ([`keeping`]) keep anything, and what none of
//! them asked for is freed.

use std::cell::RefCell;

/// A free vector, and how many steps began since it was given back.
#[derive(Debug)]
struct Free {
    values: Vec<f32>,
    idle: u32,
}

#[derive(Debug, Default)]
struct Store {
    keeping: bool,
    /// Smallest capacity first.
    free: Vec<Free>,
}

thread_local! {
    static STORE: RefCell<Store> = const { RefCell::new(Store { keeping: false, free: Vec::new() }) };
}

/// Steps that a vector may lie unused.
const IDLE: u32 = 2;

/// Runs a step of a training: what is [given back](give_back) in it is kept for it and for those to come on this thread.
pub fn keeping<R>(step: impl FnOnce() -> R) -> R {
    /// Ends the step, whatever happens.
    struct End(bool);
    impl Drop for End {
        fn drop(&mut self) {
            STORE.with_borrow_mut(|store| store.keeping = self.0);
        }
    }
    let before = STORE.with_borrow_mut(|store| {
        store.free.iter_mut().for_each(|free| free.idle += 1);
        store.free.retain(|free| free.idle <= IDLE);
        std::mem::replace(&mut store.keeping, true)
    });
    let _end = End(before);
    step()
}

/// `len` numbers, of any value: for results that are written in full.
pub fn stale(len: usize) -> Vec<f32> {
    kept(len).unwrap_or_else(|| vec![0.0; len])
}

/// `len` zeros.
pub fn zeroed(len: usize) -> Vec<f32> {
    match kept(len) {
        Some(mut values) => {
            values.fill(0.0);
            values
        }
        None => vec![0.0; len],
    }
}

fn kept(len: usize) -> Option<Vec<f32>> {
    let mut values = STORE.with_borrow_mut(|Store { free, .. }| {
        let at = free.partition_point(|free| free.values.capacity() < len);
        // Half-used at worst: a small request does not keep a large vector from its next large one.
        (at < free.len() && free[at].values.capacity() <= 2 * len).then(|| free.remove(at).values)
    })?;
    values.resize(len, 0.0);
    Some(values)
}

/// Keeps a vector for the next request of its size, or frees it.
pub fn give_back(values: Vec<f32>) {
    STORE.with_borrow_mut(|Store { keeping, free }| {
        if *keeping {
            let at = free.partition_point(|other| other.values.capacity() < values.capacity());
            free.insert(at, Free { values, idle: 0 });
        }
    });
}

/// Frees what the calling thread keeps.
pub fn release() {
    STORE.with_borrow_mut(|store| store.free.clear());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_given_back_comes_again_to_a_request_of_its_size() {
        release();
        let at = keeping(|| {
            let first = stale(100);
            let at = first.as_ptr();
            give_back(first);
            let tiny = stale(8);
            assert_ne!(tiny.as_ptr(), at, "a tiny request took a large vector");
            at
        });
        let mut again = stale(97);
        assert_eq!((again.as_ptr(), again.len()), (at, 97));
        again.fill(7.0);
        keeping(|| give_back(again));
        let last = zeroed(100);
        assert_eq!((last.as_ptr(), &*last), (at, &[0.0; 100][..]));
    }

    #[test]
    fn nothing_is_kept_outside_of_steps_nor_longer_than_it_is_used() {
        release();
        let count = || STORE.with_borrow(|store| store.free.len());
        give_back(vec![0.0; 10]);
        assert_eq!(count(), 0);
        keeping(|| give_back(vec![0.0; 10]));
        for left in [1, 1, 0] {
            keeping(|| ());
            assert_eq!(count(), left);
        }
        assert!(std::panic::catch_unwind(|| keeping(|| panic!("as asked"))).is_err());
        give_back(vec![0.0; 10]);
        assert_eq!(count(), 0);
    }
}
