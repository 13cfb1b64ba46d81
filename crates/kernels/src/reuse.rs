//! Vectors that a thread keeps for the next request of their size, for results that belong to whoever asked.
//!
//! A reverse pass makes gradients of the same sizes at every step. Given back when they were used, they spare the system
//! from mapping, and the CPU from clearing, fresh pages. Nothing is kept where nothing is given back.

use std::cell::RefCell;

thread_local! {
    /// Free vectors of this thread, smallest capacity first.
    static FREE: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
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
    let mut values = FREE.with_borrow_mut(|free| {
        let at = free.partition_point(|values| values.capacity() < len);
        // Half-used at worst: a small request does not keep a large vector from its next large one.
        (at < free.len() && free[at].capacity() <= 2 * len).then(|| free.remove(at))
    })?;
    values.resize(len, 0.0);
    Some(values)
}

/// Keeps a vector for the next request of its size on this thread.
pub fn give_back(values: Vec<f32>) {
    FREE.with_borrow_mut(|free| {
        let at = free.partition_point(|other| other.capacity() < values.capacity());
        free.insert(at, values);
    });
}

/// Frees what the calling thread keeps.
pub fn release() {
    FREE.with_borrow_mut(Vec::clear);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_given_back_comes_again_to_a_request_of_its_size() {
        release();
        let first = stale(100);
        let at = first.as_ptr();
        give_back(first);
        assert_ne!(stale(8).as_ptr(), at, "a tiny request took a large vector");
        let mut again = stale(97);
        assert_eq!((again.as_ptr(), again.len()), (at, 97));
        again.fill(7.0);
        give_back(again);
        let last = zeroed(100);
        assert_eq!((last.as_ptr(), &*last), (at, &[0.0; 100][..]));
    }
}
