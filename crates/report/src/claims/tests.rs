//! Verdicts on made-up numbers with known answers.

use super::*;
use basin_paper_single_basin::SingleBasin;
use basin_papers::CaseKeys;

fn ensemble(method: &str, seed: u64) -> Ensemble {
    Ensemble {
        dataset: "cifar10".into(),
        model: "resnet20".into(),
        method: method.into(),
        seed,
        members: 5,
        ..Ensemble::default()
    }
}

fn judgements(ensembles: Vec<Ensemble>, id: &str) -> Vec<Judgement> {
    let all = judge(&Results { ensembles, ..Results::default() }, &SingleBasin).unwrap();
    all.into_iter().filter(|judgement| judgement.claim.id == id).collect()
}

/// One judgement: verdict, what it points to, seeds.
fn verdict_of(ensembles: Vec<Ensemble>, id: &str) -> (Verdict, Option<Verdict>, usize) {
    let [judgement] = &judgements(ensembles, id)[..] else { panic!("one judgement of {id}") };
    (judgement.verdict, judgement.points_to, judgement.seeds)
}

fn minus_deep(method: &str, all: &[f64]) -> Vec<Ensemble> {
    let of = |(seed, value): (u64, &f64)| {
        ensemble(method, seed).with("minus-deep", *value).with("minus-deep-se", 0.003)
    };
    (0..).zip(all).map(of).collect()
}

const COSTS: &str = "connectivity-costs-accuracy";

#[test]
fn three_seeds_decide_and_their_interval_says_how() {
    // Student's t for two degrees of freedom is 4.30: mean −0.02, sd 0.001 is ± 0.0025.
    let [judgement] = &judgements(minus_deep("constrained", &[-0.021, -0.02, -0.019]), COSTS)[..] else {
        panic!()
    };
    let (low, high) = judgement.findings[0].interval.unwrap();
    assert!((low + 0.02 + 0.002_484).abs() < 1e-6 && (high + 0.02 - 0.002_484).abs() < 1e-6, "{low} {high}");
    assert_eq!((judgement.verdict, judgement.findings[0].basis), (Verdict::Holds, Basis::Seeds));
    assert_eq!(verdict_of(minus_deep("constrained", &[0.02, 0.021, 0.022]), COSTS).0, Verdict::Fails);
    assert_eq!(
        verdict_of(minus_deep("constrained", &[-0.02, 0.02, 0.0]), COSTS),
        (Verdict::Undecided, None, 3)
    );
}

#[test]
fn one_seed_decides_nothing_and_says_what_it_points_to() {
    assert_eq!(
        verdict_of(minus_deep("constrained", &[-0.02]), COSTS),
        (Verdict::Undecided, Some(Verdict::Holds), 1)
    );
    assert_eq!(
        verdict_of(minus_deep("constrained", &[0.02]), COSTS),
        (Verdict::Undecided, Some(Verdict::Fails), 1)
    );
    // 1.96 times the error reaches over zero.
    assert_eq!(verdict_of(minus_deep("constrained", &[-0.005]), COSTS), (Verdict::Undecided, None, 1));
    let two = verdict_of(minus_deep("constrained", &[-0.02, -0.021]), COSTS);
    assert_eq!(two, (Verdict::Undecided, Some(Verdict::Holds), 2));
}

#[test]
fn a_value_that_could_not_be_measured_decides_nothing() {
    assert_eq!(
        verdict_of(minus_deep("constrained", &[-0.02, f64::NAN, -0.021]), COSTS).0,
        Verdict::Undecided
    );
}

#[test]
fn a_claim_is_silent_where_a_method_or_a_metric_is_missing_and_in_cases_that_vary() {
    assert!(judgements(vec![ensemble("constrained", 0)], COSTS).is_empty());
    assert!(judgements(minus_deep("distilled", &[0.1, 0.1]), COSTS).is_empty());
    let case = CaseKeys::from([("ensemble.split_epoch".to_owned(), "2".to_owned())]);
    let varied =
        minus_deep("constrained", &[-0.02]).into_iter().map(|e| Ensemble { case: case.clone(), ..e });
    assert!(judgements(varied.collect(), COSTS).is_empty());
}

#[test]
fn most_of_a_gap_takes_a_gap() {
    let gap = |constrained: &[f64], distilled: &[f64]| {
        let all = [minus_deep("constrained", constrained), minus_deep("distilled", distilled)].concat();
        verdict_of(all, "distillation-closes-the-gap").0
    };
    let below = [-0.021, -0.02, -0.022];
    assert_eq!(gap(&below, &[-0.001, -0.002, -0.001]), Verdict::Holds);
    assert_eq!(gap(&below, &[-0.019, -0.018, -0.02]), Verdict::Fails);
    assert_eq!(gap(&[-0.02, 0.02, 0.0], &[0.05, 0.051, 0.05]), Verdict::Undecided);
}

/// The share comes first, with Fieller's interval where the gap is certain, and not at all where there is no gap.
#[test]
fn the_share_of_the_gap_that_is_closed_is_told_first() {
    let told = |constrained: &[f64], distilled: &[f64]| {
        let all = [minus_deep("constrained", constrained), minus_deep("distilled", distilled)].concat();
        let [judgement] = &judgements(all, "distillation-closes-the-gap")[..] else { panic!() };
        (judgement.share, judgement_in_words(judgement, &SingleBasin))
    };
    // The same share in every seed: an interval without width.
    let (share, words) = told(&[-0.02, -0.024, -0.022], &[-0.005, -0.006, -0.0055]);
    assert!((share.unwrap().share - 0.75).abs() < 1e-12);
    assert!(words.starts_with("75 % [75, 75] of the gap closed; Dist. Ens. − 0.5 Con. Ens.: +"), "{words}");
    let (one, words) = told(&[-0.02], &[-0.03]);
    assert_eq!(one.unwrap().interval, None);
    assert!(words.starts_with("−50 % of the gap closed; "), "{words}");
    assert_eq!(told(&[0.01, 0.011], &[0.02, 0.02]).0, None);
    assert_eq!(told(&[-0.02, f64::NAN], &[0.02, 0.02]).0, None);
}

#[test]
fn connected_is_what_lies_within_a_point_of_zero() {
    let with = |method: &str, all: &[f64]| -> Vec<Ensemble> {
        (0..).zip(all).map(|(seed, q)| ensemble(method, seed).with("joint-connectivity", *q)).collect()
    };
    let near = with("constrained", &[-0.001, -0.001_2, -0.000_9]);
    assert_eq!(verdict_of(near, "constrained-connected").0, Verdict::Holds);
    let far = with("constrained", &[-0.1, -0.101, -0.102]);
    assert_eq!(verdict_of(far, "constrained-connected").0, Verdict::Fails);
    let permuted = with("permuted", &[-0.1, -0.101, -0.102]);
    assert_eq!(verdict_of(permuted, "permutation-does-not-connect").0, Verdict::Holds);
    let one = verdict_of(with("constrained", &[-0.003]), "constrained-connected");
    assert_eq!(one, (Verdict::Undecided, Some(Verdict::Holds), 1));
}

#[test]
fn a_trend_is_the_slope_over_a_key_with_the_others_fixed() {
    let at = |t: &str, seed: u64, variance: f64| {
        let case = CaseKeys::from([("ensemble.split_epoch".to_owned(), t.to_owned())]);
        Ensemble { case, ..ensemble("constrained", seed) }.with("true-class-variance", variance)
    };
    let id = "diversity-falls-with-t";
    let falls =
        |seed: u64, jitter: f64| [at("2", seed, 0.004), at("10", seed, 0.001 + jitter), at("4", seed, 0.003)];
    let three: Vec<Ensemble> = (0..3).flat_map(|s| falls(s, 1e-5 * s as f64)).collect();
    let [judgement] = &judgements(three, id)[..] else { panic!() };
    // By hand: mean t 16/3; Σ(t − t̄) y / Σ(t − t̄)² = −0.0126667/34.6667 without jitter.
    assert!((judgement.findings[0].effect + 0.000_365).abs() < 2e-6, "{:?}", judgement.findings);
    assert_eq!(judgement.verdict, Verdict::Holds);
    assert_eq!(verdict_of(falls(0, 0.0).to_vec(), id), (Verdict::Undecided, Some(Verdict::Holds), 1));
    // One way down and one way up: a single seed shows nothing.
    let uneven = vec![at("1", 0, 0.004), at("2", 0, 0.001), at("3", 0, 0.002)];
    assert_eq!(verdict_of(uneven, id), (Verdict::Undecided, None, 1));
}

#[test]
fn words_tell_numbers_units_and_what_is_missing() {
    let [judgement] = &judgements(minus_deep("constrained", &[-0.02]), COSTS)[..] else { panic!() };
    assert_eq!(
        judgement_in_words(judgement, &SingleBasin),
        "Con. Ens.: −2.00 [−2.59, −1.41] points (1 seed, interval over its test images). A verdict takes 3 seeds; so far \
         the claim is borne out."
    );
    assert_eq!(
        claim_in_words(judgement.claim, &SingleBasin),
        "Ensemble accuracy minus the deep ensemble's, Con. Ens.: below 0. Takes 3 seeds and a 95 % interval on that side."
    );
}
