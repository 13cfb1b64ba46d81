//! Lines and similarity between networks from one start: in a laboratory that counts, where every number is known.

use basin_core::{Array, DataRef, Labels, Logits, Params, Record, SeedTree, Simplex};
use basin_ensemble::conformance::{Given, assert_probe_conforms};
use basin_ensemble::{Lab, LabError, Mixing, Probe, ProbeError, StatisticsOn};
use basin_probes::{ShiftLine, Similarity};

type Named = Vec<(String, DataRef)>;

fn named(all: &[(&str, DataRef)]) -> Named {
    all.iter().map(|(name, data)| ((*name).to_owned(), data.clone())).collect()
}

fn share(index: usize) -> DataRef {
    DataRef::train().share(index, 2, 7)
}

fn line(points: usize) -> ShiftLine {
    ShiftLine {
        points,
        tests: named(&[("test-a", DataRef::test().seen("a")), ("test-b", DataRef::test().seen("b"))]),
        trains: named(&[("train-a", share(0)), ("train-b", share(1))]),
        also: named(&[("plain", DataRef::test())]),
        mixing: Mixing::Plain,
    }
}

#[test]
fn lines_and_similarity_conform() {
    for networks in [3, 4] {
        assert_probe_conforms(&line(5), Given { networks, logits: 0 });
        let similarity = Similarity { data: DataRef::test(), features_on: DataRef::train().first(17) };
        assert_probe_conforms(&similarity, Given { networks, logits: networks - 1 });
    }
    let one = ShiftLine { tests: named(&[("test", DataRef::test())]), trains: Vec::new(), ..line(3) };
    assert_probe_conforms(&one, Given { networks: 3, logits: 3 });
}

/// Networks are one weight w and a running statistic; every image of class 0 has logits `[s, 0]`, with s from w and the
/// images.
#[derive(Default)]
struct Counting {
    weights: Vec<f32>,
    records: Vec<Record>,
    featureless: bool,
    kept: Option<Record>,
    stop_after: Option<u64>,
    evaluated: Vec<(Vec<usize>, f64, String)>,
    copied: usize,
    /// Logits handed out since the last step.
    unfinished: usize,
    most_unfinished: usize,
    largest_kept: usize,
}

fn margin(w: f64, data: &DataRef) -> f64 {
    let hill = 2.0 - 4.0 * (std::f64::consts::TAU * w).sin().abs();
    match data.view.as_deref() {
        Some("b") => hill - 1.0,
        _ => hill,
    }
}

fn images(data: &DataRef) -> usize {
    match data.part {
        basin_core::Part::Share { index: 0, .. } => 3,
        basin_core::Part::Share { .. } => 1,
        _ => 2,
    }
}

fn loss(w: f64, data: &DataRef) -> f64 {
    (-(f64::from(margin(w, data) as f32))).exp().ln_1p()
}

impl Lab for Counting {
    fn networks(&self) -> usize {
        self.weights.len()
    }

    fn params(&mut self, network: usize) -> Result<Params, LabError> {
        self.copied += 1;
        let w = self.weights[network];
        let array = |values: Vec<f32>| Array::new(vec![values.len()], values);
        let statistic = ("norm.running_var".to_owned(), array(vec![100.0 * (network + 1) as f32])?);
        Ok([("fc.weight".to_owned(), array(vec![w, 1.0])?), statistic].into_iter().collect())
    }

    fn records(&self) -> &[Record] {
        &self.records
    }

    fn labels(&self, data: &DataRef) -> Result<Labels, LabError> {
        Ok(Labels::new(2, vec![0; images(data)])?)
    }

    fn logits(&mut self, _: &Params, _: &DataRef) -> Result<Logits, LabError> {
        Err("no network is evaluated by itself".into())
    }

    fn features(&mut self, params: &Params, data: &DataRef) -> Result<Option<Array>, LabError> {
        if self.featureless {
            return Ok(None);
        }
        let w = params.get("fc.weight").ok_or("no weight")?.data()[0];
        let rows: Vec<f32> = (0..5).flat_map(|i| [w * i as f32, (i % 2) as f32]).collect();
        assert_eq!(*data, DataRef::train());
        Ok(Some(Array::new(vec![5, 2], rows)?))
    }

    fn logits_between(
        &mut self,
        who: &[usize],
        weights: &Simplex,
        _: &Mixing,
        data: &DataRef,
    ) -> Result<Logits, LabError> {
        self.unfinished += 1;
        self.most_unfinished = self.most_unfinished.max(self.unfinished);
        self.evaluated.push((who.to_vec(), weights.weights()[1], data.id()));
        let w =
            who.iter().zip(weights.weights()).map(|(i, lambda)| f64::from(self.weights[*i]) * lambda).sum();
        let row = [margin(w, data) as f32, 0.0];
        Ok(Logits::new(2, row.repeat(images(data)))?)
    }

    fn reestimated(&mut self, params: &Params, _: &StatisticsOn) -> Result<Params, LabError> {
        Ok(params.clone())
    }

    fn seeds(&self) -> SeedTree {
        SeedTree::root(1)
    }

    fn kept(&self) -> Option<&Record> {
        self.kept.as_ref()
    }

    fn step(&mut self, done: u64, _: u64, partial: &dyn Fn() -> Record) -> Result<(), LabError> {
        self.unfinished -= 1;
        let record = partial();
        let numbers: usize = record.lists.values().map(Vec::len).sum();
        assert!(record.arrays.is_empty() && record.scalars.is_empty());
        self.largest_kept = self.largest_kept.max(numbers);
        if self.stop_after == Some(done) {
            self.kept = Some(record);
            return Err("asked to stop".into());
        }
        Ok(())
    }
}

fn between(weights: &[f32]) -> Counting {
    Counting { weights: weights.to_vec(), ..Counting::default() }
}

/// `sin` has two hills between 0 and 1, at ¼ and ¾, and a valley at ½: λ of these is the weight itself.
#[test]
fn what_is_told_of_a_line_is_what_was_evaluated() {
    let mut lab = between(&[0.0, 1.0]);
    let record = line(9).run(&mut lab).unwrap();
    let [a, b] = ["a", "b"].map(|view| DataRef::test().seen(view));
    let mean = |w: f64| 0.5 * (loss(w, &a) + loss(w, &b));
    let curves = record.curves();
    let told: Vec<String> =
        curves.iter().map(|c| format!("{} {} {} {}", c.subject, c.data, c.quantity, c.variable)).collect();
    let names = ["plain", "test", "test-a", "test-b", "train", "train-a", "train-b"];
    let expected = names.iter().flat_map(|data| {
        ["accuracy", "loss"].map(|quantity| format!("pair-1-2 {data} line-{quantity} lambda"))
    });
    assert_eq!(told, expected.collect::<Vec<_>>());
    let of = |data: &str, quantity: &str| {
        let found = curves.iter().find(|c| (c.data.as_str(), c.quantity.as_str()) == (data, quantity));
        found.unwrap().values.clone()
    };
    let lambdas: Vec<f64> = (0..9).map(|i| f64::from(i) / 8.0).collect();
    assert_eq!(curves[0].at, lambdas);
    let close = |found: &[f64], expected: &dyn Fn(f64) -> f64| {
        assert!(found.iter().zip(&lambdas).all(|(f, w)| (f - expected(*w)).abs() < 1e-12), "{found:?}");
    };
    close(&of("test", "line-loss"), &mean);
    close(&of("test-b", "line-loss"), &|w| loss(w, &b));
    // Three images of A, one of B; both sides see the same here.
    close(&of("train", "line-loss"), &|w| loss(w, &share(0)));
    let right = |w: f64, data: &DataRef| f64::from(u8::from(margin(w, data) as f32 >= 0.0));
    close(&of("test", "line-accuracy"), &|w| 0.5 * (right(w, &a) + right(w, &b)));

    // The first of two hills; from there the lowest are the end on the left and the valley or the end on the right.
    let barrier = mean(0.25) - mean(0.0);
    let scalar = |name: &str| record.scalars[name];
    assert!((scalar("barrier") - barrier).abs() < 1e-12, "{} for {barrier}", scalar("barrier"));
    assert!((scalar("barrier-endpoints") - barrier).abs() < 1e-12);
    assert_eq!((scalar("lambda-max"), scalar("interior-maximum")), (0.25, 1.0));
    assert_eq!((scalar("accuracy-difference"), scalar("accuracy-difference-endpoints")), (-1.0, -1.0));
    let trained = loss(0.25, &share(0)) - loss(0.0, &share(0));
    assert!((scalar("train-barrier") - trained).abs() < 1e-12);
    let curvature = 64.0 * (mean(0.0) - 2.0 * mean(0.125) + mean(0.25));
    assert!((scalar("curvature-ends") - curvature).abs() < 1e-9);
}

#[test]
fn a_descent_has_no_barrier_and_no_place() {
    let descent = line(3).run(&mut between(&[0.25, 0.0])).unwrap();
    assert_eq!((descent.scalars["barrier"], descent.scalars["interior-maximum"]), (0.0, 0.0));
    assert_eq!(descent.scalars["accuracy-difference"], 0.0);
    assert!(!descent.scalars.contains_key("lambda-max") && descent.scalars["barrier-endpoints"] > 0.5);
    // Two points have no curvature; without training images there is no number of them.
    let bare = ShiftLine { trains: Vec::new(), also: Vec::new(), ..line(2) };
    let record = bare.run(&mut between(&[0.25, 0.0])).unwrap();
    assert!(record.scalars.keys().all(|name| !name.starts_with("train") && name != "curvature-ends"));
    assert_eq!(record.curves().len(), 6);
}

#[test]
fn exactly_the_points_asked_for_are_evaluated_one_at_a_time() {
    for points in [2, 26, 101] {
        let mut lab = between(&[0.0, 1.0, 0.3]);
        line(points).run(&mut lab).unwrap();
        let kinds = 5;
        assert_eq!(lab.evaluated.len(), 3 * points * kinds);
        assert!(lab.evaluated.iter().all(|(who, ..)| who.len() == 2));
        let mut once = lab.evaluated.clone();
        once.sort_by(|a, b| a.partial_cmp(b).unwrap());
        once.dedup();
        assert_eq!(once.len(), lab.evaluated.len(), "a point was evaluated twice");
        // No network is copied, one prediction is alive, and what is kept are two numbers for each evaluation.
        assert_eq!((lab.copied, lab.most_unfinished), (0, 1));
        assert_eq!(lab.largest_kept, 2 * 3 * points * kinds);
        assert_eq!(line(points).cost(3, &|_| 1), (3 * points * kinds) as u64);
    }
}

#[test]
fn what_two_names_share_is_evaluated_once() {
    let tests = named(&[("test-a", DataRef::test()), ("test-b", DataRef::test())]);
    let probe = ShiftLine { tests, ..line(4) };
    let mut lab = between(&[0.0, 1.0]);
    let record = probe.run(&mut lab).unwrap();
    assert_eq!(lab.evaluated.len(), 4 * 3);
    assert_eq!(record.curves().len(), 14);
    assert_ne!(probe.settings(), line(4).settings());
}

#[test]
fn a_stopped_line_goes_on_at_the_point() {
    let whole = line(4).run(&mut between(&[0.0, 1.0])).unwrap();
    for stop in [1, 7, 19] {
        let mut stopped = Counting { stop_after: Some(stop), ..between(&[0.0, 1.0]) };
        assert!(matches!(line(4).run(&mut stopped), Err(ProbeError::Lab(_))));
        let mut resumed = Counting { kept: stopped.kept, ..between(&[0.0, 1.0]) };
        assert_eq!(line(4).run(&mut resumed).unwrap(), whole);
        assert_eq!(stopped.evaluated.len() + resumed.evaluated.len(), 20);
    }
}

#[test]
fn statistics_are_paid_for_once_a_point() {
    let mixing = Mixing::Reestimated(StatisticsOn::first(9));
    let probe = ShiftLine { mixing, ..line(26) };
    assert_ne!(probe.settings(), line(26).settings());
    let price = probe.cost(2, &|data| if *data == DataRef::train().first(9) { 9 } else { 100 });
    assert_eq!(price, 26 * (5 * 100 + 9) + 2 * 9);
    assert_eq!(probe.data().last(), Some(&DataRef::train().first(9)));
}

#[test]
fn lines_that_cannot_be_scored_are_refused_before_anything_runs() {
    let refused = |probe: ShiftLine, networks: usize| probe.check(networks, 0).unwrap_err().to_string();
    let of = |tests: &[(&str, DataRef)]| ShiftLine { tests: named(tests), ..line(3) };
    assert_eq!(refused(line(3), 1), "shift-line: networks: 1, expected at least 2");
    assert_eq!(refused(line(1), 3), "shift-line: 1 points on a line, expected at least 2");
    assert_eq!(refused(of(&[]), 3), "shift-line: no test images, expected at least one kind");
    assert_eq!(
        refused(of(&[("Test A", DataRef::test())]), 3),
        "shift-line: images called \"Test A\", expected lower-case letters, digits and hyphens"
    );
    assert_eq!(
        refused(of(&[("train-a", DataRef::test())]), 3),
        "shift-line: two kinds of images are called train-a, expected names of their own"
    );
    assert_eq!(
        refused(of(&[("test", DataRef::test()), ("test-b", DataRef::test())]), 3),
        "shift-line: images called test beside others, which is the name of their mean"
    );
    line(3).check(3, 2).unwrap();
    of(&[("test", DataRef::test())]).check(3, 0).unwrap();
}

fn said(classes: [f32; 4]) -> Record {
    let mut record = Record::default();
    let rows = classes.iter().flat_map(|s| [*s, 0.0]).collect();
    record.arrays.insert("logits", Array::new(vec![4, 2], rows).unwrap());
    record
}

fn similarity() -> Similarity {
    // Four images of class 0: two shares have 3 and 1, the whole set 2.
    Similarity { data: DataRef::test(), features_on: DataRef::train() }
}

struct Four(Counting);

impl Four {
    fn alike(weights: &[f32], records: Vec<Record>, featureless: bool) -> Self {
        Self(Counting { records, featureless, ..between(weights) })
    }
}

impl Lab for Four {
    fn networks(&self) -> usize {
        self.0.networks()
    }
    fn params(&mut self, network: usize) -> Result<Params, LabError> {
        self.0.params(network)
    }
    fn records(&self) -> &[Record] {
        self.0.records()
    }
    fn labels(&self, _: &DataRef) -> Result<Labels, LabError> {
        Ok(Labels::new(2, vec![0; 4])?)
    }
    fn logits(&mut self, params: &Params, data: &DataRef) -> Result<Logits, LabError> {
        self.0.logits(params, data)
    }
    fn features(&mut self, params: &Params, data: &DataRef) -> Result<Option<Array>, LabError> {
        self.0.features(params, data)
    }
    fn reestimated(&mut self, params: &Params, _: &StatisticsOn) -> Result<Params, LabError> {
        Ok(params.clone())
    }

    fn seeds(&self) -> SeedTree {
        self.0.seeds()
    }
    fn step(&mut self, _: u64, _: u64, _: &dyn Fn() -> Record) -> Result<(), LabError> {
        Ok(())
    }
}

#[test]
fn similarity_is_of_weights_errors_and_features() {
    let wrong_about = [said([1.0, -1.0, -1.0, 1.0]), said([1.0, 1.0, -1.0, -1.0])];
    let record = similarity().run(&mut Four::alike(&[3.0, -1.0, 1.0], wrong_about.to_vec(), false)).unwrap();
    // (3, 1) and (−1, 1); from (1, 1) they moved (2, 0) and (−2, 0). Running statistics would make these positive.
    let cosine = -2.0 / 20f64.sqrt();
    assert!((record.scalars["weight-cosine"] - cosine).abs() < 1e-12);
    assert_eq!(record.scalars["displacement-cosine"], -1.0);
    assert_eq!(record.scalars["shared-errors"], 1.0 / 3.0);
    let cka = record.scalars["cka"];
    assert!(cka > 0.9 && cka < 1.0, "{cka}");
}

#[test]
fn what_does_not_exist_is_left_out() {
    let records = vec![said([1.0; 4]), said([1.0; 4])];
    let names = |weights: &[f32], featureless| {
        let record = similarity().run(&mut Four::alike(weights, records.clone(), featureless)).unwrap();
        assert!(record.scalars.values().all(|value| value.is_finite()));
        record.scalars.keys().cloned().collect::<Vec<_>>()
    };
    let all = ["cka", "displacement-cosine", "shared-errors", "weight-cosine"];
    assert_eq!(names(&[3.0, 2.0, 1.0], false), all);
    assert_eq!(names(&[3.0, 2.0, 1.0], true), all[1..]);
    assert_eq!(names(&[3.0, 1.0, 1.0], true), all[2..]);
    // Without a common start nothing moved from anywhere.
    assert_eq!(names(&[3.0, 2.0], false), ["cka", "shared-errors", "weight-cosine"]);
}

#[test]
fn similarity_wants_members_their_start_and_their_logits() {
    let error = similarity().check(4, 2).unwrap_err().to_string();
    let text = "similarity: 4 networks and 2 logits, expected at least two members, as the last network their common start, \
                if they have one, and the logits of each member";
    assert_eq!(error, text);
    assert!(similarity().check(1, 1).is_err());
    similarity().check(3, 2).unwrap();
    similarity().check(2, 2).unwrap();
}
