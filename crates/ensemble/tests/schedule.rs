//! Learning rates against values computed by PyTorch's schedulers (fixtures/training).

use basin_ensemble::{AfterSplit, Halving, PlanContext, Schedule, WarmupCosine, WarmupFrom};
use serde_json::Value;
use std::sync::Arc;

#[test]
fn rates_agree_with_the_golden_schedule() {
    let golden: Value =
        serde_json::from_str(include_str!("../../../fixtures/training/schedule.json")).unwrap();
    for case in golden["cases"].as_array().unwrap() {
        let total = case["total_steps"].as_u64().unwrap();
        // One step per epoch: then epochs are steps.
        let schedule = WarmupCosine {
            peak: case["peak"].as_f64().unwrap(),
            epochs: total,
            warmup: 0.1,
            floor: case["floor"].as_f64(),
        };
        let steps = case["steps"].as_array().unwrap().iter().map(|s| s.as_u64().unwrap());
        let rates = case["rates"].as_array().unwrap().iter().map(|r| r.as_f64().unwrap());
        for (step, rate) in steps.zip(rates) {
            let got = schedule.rate(step, 1);
            assert!((got - rate).abs() <= 1e-12 * 0.1, "{} step {step}: {got} against {rate}", case["name"]);
        }
    }
}

#[test]
fn a_warm_up_begins_where_it_is_told_as_by_the_golden_schedule() {
    let golden: Value = serde_json::from_str(include_str!("../../../fixtures/training/warmup.json")).unwrap();
    for case in golden["cases"].as_array().unwrap() {
        let number = |key: &str| case[key].as_f64().unwrap();
        let (peak, epochs) = (number("peak"), case["total_steps"].as_u64().unwrap());
        let warmup = number("warmup_steps") / number("total_steps");
        let schedule = Arc::new(WarmupCosine { peak, epochs, warmup, floor: None });
        let warmed = WarmupFrom { from: number("from"), peak, epochs, warmup, schedule: schedule.clone() };
        let rates = case["rates"].as_array().unwrap();
        assert_eq!((rates.len() as u64, warmed.rate(0, 1)), (epochs, number("from")));
        for (step, expected) in (0..).zip(rates.iter().map(|rate| rate.as_f64().unwrap())) {
            let got = warmed.rate(step, 1);
            assert!((got - expected).abs() <= 1e-12 * peak, "{} step {step}: {got}", case["name"]);
        }
        assert_eq!(warmed.id(), format!("warm-up from {:?}: {}", number("from"), schedule.id()));
    }
}

#[test]
fn warm_ups_begin_alike_in_every_schedule_of_a_plan_and_leave_no_mark_where_they_do_not() {
    let mut cx = PlanContext::new(5, 10, 0.1);
    let cosine = WarmupCosine { peak: 0.1, epochs: 10, warmup: 0.1, floor: None };
    let whole = (0.1, 10, 0.1);
    assert_eq!(cx.warmed(cosine, whole).id(), cosine.id());
    cx.warmup_from = Some(0.01);
    assert_eq!(cx.warmed(cosine, whole).rate(0, 100), 0.01);
    assert_eq!(cx.warmed(cosine, (0.1, 10, 0.0)).id(), cosine.id());
    cx.after_split = AfterSplit::Restart { peak: 0.1, warmup: 0.1 };
    let after = cx.schedule_after(4);
    assert_eq!((after.rate(400, 100), after.rate(460, 100)), (0.01, 0.1));
}

#[test]
fn rates_are_halved_as_by_the_golden_schedule() {
    let golden: Value =
        serde_json::from_str(include_str!("../../../fixtures/training/halving.json")).unwrap();
    for case in golden["cases"].as_array().unwrap() {
        let whole = |key: &str| case[key].as_u64().unwrap();
        let warmup = case["warmup"].as_f64().unwrap();
        let (rate, every, epochs) = (case["rate"].as_f64().unwrap(), whole("every"), whole("epochs"));
        let schedule = Halving { rate, every, epochs, warmup };
        let rates = case["rates"].as_array().unwrap();
        assert_eq!(rates.len() as u64, epochs * whole("steps_per_epoch"));
        for (step, expected) in (0..).zip(rates.iter().map(|r| r.as_f64().unwrap())) {
            let got = schedule.rate(step, whole("steps_per_epoch"));
            assert!(
                (got - expected).abs() <= 1e-15 * rate,
                "{} step {step}: {got} for {expected}",
                case["name"]
            );
        }
    }
    // Nothing is left of a rate in the end, and nothing overflows on the way.
    let fast = Halving { rate: 1.0, every: 1, epochs: 10, warmup: 0.0 };
    assert_eq!((fast.rate(u64::MAX, 1), fast.rate(1, 1)), (0.0, 0.5));
    assert_eq!(Halving { every: u64::MAX, ..fast }.rate(1_000_000, 10), 1.0);
    assert_eq!(fast.id(), "halving 1 (rate 1.0, every 1, epochs 10, warmup 0.0)");
}

#[test]
fn the_floor_is_held_from_where_the_cosine_reaches_it() {
    let swe = WarmupCosine { peak: 0.1, epochs: 110, warmup: 0.1, floor: Some(0.01) };
    let plain = WarmupCosine { floor: None, ..swe };
    let first = (0..110_000).find(|&s| s > 11_000 && swe.rate(s, 1000) == 0.01).unwrap();
    // Between epochs 89 and 90 of 110, as 0.8157 T says.
    assert_eq!(first / 1000, 89);
    assert!((0..first).all(|s| swe.rate(s, 1000) == plain.rate(s, 1000)));
    assert!((first..400_000).step_by(997).all(|s| swe.rate(s, 1000) == 0.01));
    assert_eq!(plain.rate(110_000, 1000), 0.0);
}

#[test]
fn steps_per_epoch_only_rescale_the_steps() {
    let schedule = WarmupCosine { peak: 0.1, epochs: 10, warmup: 0.1, floor: None };
    let same = WarmupCosine { epochs: 100, ..schedule };
    assert!((0..100).all(|s| schedule.rate(s, 10) == same.rate(s, 1)));
}

#[test]
fn a_split_continues_the_schedule_or_begins_a_shorter_one() {
    let mut cx = PlanContext::new(2, 10, 0.1);
    assert_eq!(cx.schedule_after(4).id(), cx.schedule.id());
    cx.after_split = AfterSplit::Restart { peak: 0.1, warmup: 0.1 };
    let (branch, whole) = (cx.schedule_after(4), PlanContext::new(2, 6, 0.1).schedule);
    for step in 0..6 * 7 {
        assert_eq!(branch.rate(4 * 7 + step, 7), whole.rate(step, 7), "step {step}");
    }
    assert_ne!(branch.id(), cx.schedule_after(3).id());
}
