//! What every ensemble method must satisfy.

use crate::{EnsembleMethod, Keys, PlanContext, Setting, Work, keys};
use std::collections::BTreeMap;

/// Checks that planning is pure, yields as many different members of a sound graph as it says, spends no more than
/// `epochs_per_member · M` epochs of its own (plus what it shares), and cites a source.
///
/// # Panics
/// With what is wrong.
pub fn assert_method_conforms(method: &dyn EnsembleMethod, cx: &PlanContext, budget_epochs: u64) {
    let id = method.id();
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    assert!(
        !id.is_empty() && id.chars().all(plain),
        "{id:?} is not a method id: lower case, digits and dashes"
    );
    assert!(!method.citations().is_empty(), "{id} cites nothing");

    let plan = || method.plan(cx).unwrap_or_else(|e| panic!("{id} refuses its context: {e}"));
    let (recipe, again) = (plan(), plan());
    let names = |r: &crate::Recipe| r.nodes().iter().map(Work::name).collect::<Vec<_>>();
    assert_eq!(
        keys(&recipe, &Setting::named("setting")),
        keys(&again, &Setting::named("setting")),
        "{id}: planning is not pure"
    );
    assert_eq!(names(&recipe), names(&again), "{id}: planning is not pure");
    assert_ne!(
        keys(&recipe, &Setting::named("setting")),
        keys(&recipe, &Setting::named("another")),
        "{id}: the setting does not matter"
    );

    let Keys { nodes: keys, trajectories } = keys(&recipe, &Setting::named("setting"));
    let mut members: Vec<_> = recipe.members().iter().map(|m| keys[m.index()]).collect();
    let told = method.members(cx);
    assert_eq!(members.len(), told, "{id} plans another number of members");
    members.sort();
    members.dedup();
    assert_eq!(members.len(), told, "{id} plans the same member twice");

    let mut longest = BTreeMap::new();
    for (i, work) in recipe.nodes().iter().enumerate() {
        assert!(
            work.inputs().iter().all(|input| input.index() < i),
            "{id}: {} uses what comes later",
            work.name()
        );
        assert!(!work.name().is_empty(), "{id}: node {i} has no name");
        if let (Work::Train { trajectory, epoch, .. }, true) = (work, recipe.needed()[i]) {
            assert!(*epoch > trajectory.start_epoch, "{id}: {} trains backwards", work.name());
            let rate = trajectory.schedule.rate(trajectory.start_epoch * 100, 100);
            assert!(rate.is_finite() && rate >= 0.0, "{id}: {} begins at learning rate {rate}", work.name());
            let key = trajectories[i];
            let epochs = epoch - trajectory.start_epoch;
            longest.entry(key).and_modify(|e: &mut u64| *e = epochs.max(*e)).or_insert(epochs);
        }
    }
    let spent: u64 = longest.values().sum();
    assert!(spent <= budget_epochs, "{id} spends {spent} epochs, more than the {budget_epochs} declared");
}
