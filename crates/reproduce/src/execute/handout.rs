//! Hands a plan's nodes to those who work: inputs first, and of all that could begin the one on which most work waits. What
//! another process has in hand is handed out again after a while, to see what became of it.

use basin_plan::NodeIndex;
use basin_plan::Plan;
use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Time after which what another process has in hand is looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// What is to be done, in hand, and done.
#[derive(Debug)]
pub(super) struct Handout {
    /// Nodes that need a node.
    dependents: Vec<Vec<NodeIndex>>,
    /// Passes of the longest chain of work that begins with a node.
    waiting: Vec<f64>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    stages: Vec<Stage>,
    /// Inputs of each node that are not done.
    missing: Vec<usize>,
    /// In the hands of other processes when last looked at.
    elsewhere: BTreeSet<NodeIndex>,
    stopped: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    ToDo,
    InHand,
    Done,
}

impl Handout {
    /// The nodes of a plan that are not done.
    pub(super) fn from_plan(plan: &Plan, done: &[bool]) -> Self {
        Self::new(plan.nodes.iter().map(|node| (node.passes, node.inputs())).unzip(), done)
    }

    /// Work and inputs of nodes, inputs standing before what needs them.
    fn new((work, inputs): (Vec<f64>, Vec<Vec<NodeIndex>>), done: &[bool]) -> Self {
        let mut waiting = work.clone();
        // From the back: a node's own sum is complete when it is added to its inputs'.
        for (node, inputs) in inputs.iter().enumerate().rev() {
            for &input in inputs {
                waiting[input] = waiting[input].max(work[input] + waiting[node]);
            }
        }
        let mut dependents = vec![Vec::new(); inputs.len()];
        let mut missing = vec![0; inputs.len()];
        for (node, inputs) in inputs.iter().enumerate() {
            for &input in inputs {
                dependents[input].push(node);
                missing[node] += usize::from(!done[input]);
            }
        }
        let stages = done.iter().map(|&done| if done { Stage::Done } else { Stage::ToDo }).collect();
        let state = Mutex::new(State { stages, missing, elsewhere: BTreeSet::new(), stopped: false });
        Self { dependents, waiting, state, changed: Condvar::new() }
    }

    /// The next node to work on, its inputs done; none when all are done or work is stopped. Waits while others work, also
    /// where nothing is left to take: who leaves gives its device back, and the device waits for everybody's work then.
    pub(super) fn take(&self) -> Option<NodeIndex> {
        let mut state = self.state();
        loop {
            if state.stopped || state.stages.iter().all(|&stage| stage == Stage::Done) {
                return None;
            }
            let ready = (0..state.stages.len()).filter(|&i| {
                state.stages[i] == Stage::ToDo && state.missing[i] == 0 && !state.elsewhere.contains(&i)
            });
            // The first of equals, in the plan's order.
            let next = ready.rev().max_by(|&a, &b| self.waiting[a].total_cmp(&self.waiting[b]));
            match next {
                Some(node) => {
                    state.stages[node] = Stage::InHand;
                    return Some(node);
                }
                None if state.elsewhere.is_empty() => {
                    state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
                None => {
                    let (again, waited) =
                        self.changed.wait_timeout(state, LOOK_AGAIN).unwrap_or_else(PoisonError::into_inner);
                    state = again;
                    if waited.timed_out() {
                        state.elsewhere.clear();
                    }
                }
            }
        }
    }

    /// Another process has a node that was taken: it is handed out again after a while.
    pub(super) fn elsewhere(&self, node: NodeIndex) {
        let mut state = self.state();
        state.stages[node] = Stage::ToDo;
        state.elsewhere.insert(node);
        drop(state);
        self.changed.notify_all();
    }

    /// A node that was taken is done.
    pub(super) fn done(&self, node: NodeIndex) {
        let mut state = self.state();
        state.stages[node] = Stage::Done;
        self.dependents[node].iter().for_each(|&dependent| state.missing[dependent] -= 1);
        drop(state);
        self.changed.notify_all();
    }

    /// Nothing more is handed out, and who works on something keeps what there is and stops.
    pub(super) fn stop(&self) {
        self.state().stopped = true;
        self.changed.notify_all();
    }

    /// Whether to stop.
    pub(super) fn stopped(&self) -> bool {
        self.state().stopped
    }

    /// Nodes that are not done.
    pub(super) fn left(&self) -> usize {
        self.state().stages.iter().filter(|&&stage| stage != Stage::Done).count()
    }

    /// Stops the others if the holder panics: nobody else would ever finish what it had in hand.
    pub(super) fn stop_on_panic(&self) -> impl Drop {
        StopOnPanic(self)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct StopOnPanic<'h>(&'h Handout);

impl Drop for StopOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.stop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A trunk (1) from an initialisation (0), two long branches of it, a short node of its own, and a sum of all.
    fn graph() -> (Vec<f64>, Vec<Vec<NodeIndex>>) {
        let nodes = [
            (0.0, vec![]),
            (2.0, vec![0]),
            (9.0, vec![1]),
            (5.0, vec![1]),
            (4.0, vec![]),
            (0.0, vec![2, 3, 4]),
        ];
        nodes.into_iter().unzip()
    }

    #[test]
    fn what_most_waits_for_comes_first() {
        let handout = Handout::new(graph(), &[false; 6]);
        let mut order = Vec::new();
        while let Some(node) = handout.take() {
            handout.done(node);
            order.push(node);
        }
        assert_eq!(order, [0, 1, 2, 3, 4, 5]);
        // The trunk is there already: the long branch, then the other, then the node of its own.
        let handout = Handout::new(graph(), &[true, true, false, false, false, false]);
        assert_eq!((handout.take(), handout.take(), handout.take()), (Some(2), Some(3), Some(4)));
        assert_eq!(handout.left(), 4);
    }

    #[test]
    fn many_workers_take_every_node_once_and_after_its_inputs() {
        let handout = Handout::new(graph(), &[false; 6]);
        let finished = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    while let Some(node) = handout.take() {
                        let before = finished.lock().unwrap().clone();
                        assert!(graph().1[node].iter().all(|input| before.contains(input)), "{node}");
                        // Others come to wait meanwhile.
                        std::thread::sleep(std::time::Duration::from_millis(2));
                        finished.lock().unwrap().push(node);
                        handout.done(node);
                    }
                });
            }
        });
        let mut all = finished.into_inner().unwrap();
        all.sort_unstable();
        assert_eq!(all, [0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn what_is_elsewhere_is_looked_at_again_and_the_rest_goes_on() {
        let handout = Handout::new(graph(), &[true, true, false, false, false, false]);
        assert_eq!(handout.take(), Some(2));
        handout.elsewhere(2);
        assert_eq!((handout.take(), handout.take()), (Some(3), Some(4)));
        handout.done(3);
        handout.done(4);
        let began = std::time::Instant::now();
        assert_eq!(handout.take(), Some(2));
        assert!(began.elapsed() >= LOOK_AGAIN / 2);
        handout.done(2);
        assert_eq!(handout.take(), Some(5));
    }

    #[test]
    fn nobody_leaves_before_the_last_node_is_done() {
        let handout = Handout::new(graph(), &[true, true, true, true, true, false]);
        assert_eq!(handout.take(), Some(5));
        let left = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                assert_eq!(handout.take(), None);
                left.store(true, std::sync::atomic::Ordering::SeqCst);
            });
            std::thread::sleep(std::time::Duration::from_millis(20));
            assert!(!left.load(std::sync::atomic::Ordering::SeqCst));
            handout.done(5);
        });
    }

    #[test]
    fn a_panic_or_a_stop_lets_the_waiting_go() {
        let handout = Handout::new(graph(), &[false; 6]);
        assert_eq!(handout.take(), Some(0));
        assert_eq!(handout.take(), Some(4));
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| handout.take());
            let lost = scope.spawn(|| {
                let _stop = handout.stop_on_panic();
                panic!("the holder of node 0 is gone");
            });
            assert!(lost.join().is_err());
            assert_eq!(waiting.join().unwrap(), None);
        });
        assert!(handout.stopped());
        assert_eq!(handout.take(), None);
    }
}
