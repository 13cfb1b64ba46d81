//! Captures, and what concerns the whole device: one thread of the process at a time.
//!
//! While one thread captures, no other may wait for the whole device: that breaks the capture, whatever its mode.
//! Destroying a handle of cuBLAS or cuDNN waits so without its name telling it, and creating one, loading a module or
//! trying an algorithm out may. All of this is rare and short; steps of training take no turn.

use std::cell::Cell;
use std::sync::{Mutex, MutexGuard, PoisonError};

static TURN: Mutex<()> = Mutex::new(());

thread_local! {
    /// Turns that this thread has; only the first waits for the others.
    static MINE: Cell<usize> = const { Cell::new(0) };
}

/// A turn, over when dropped. A thread that has one may take further ones.
pub(super) struct Turn(#[expect(dead_code, reason = "held, not read")] Option<MutexGuard<'static, ()>>);

impl Turn {
    /// Waits until no other thread has a turn.
    pub(super) fn wait() -> Self {
        let first = MINE.get() == 0;
        // A thread that panicked in its turn left nothing half done that the next one would see.
        let guard = first.then(|| TURN.lock().unwrap_or_else(PoisonError::into_inner));
        MINE.set(MINE.get() + 1);
        Self(guard)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        MINE.set(MINE.get() - 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn threads_take_turns_and_one_thread_may_take_several_at_once() {
        let inside = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let _first = Turn::wait();
                        let second = Turn::wait();
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                        drop(second);
                        std::thread::yield_now();
                        inside.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        });
    }
}
