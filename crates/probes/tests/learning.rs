//! Learning curves: each state is looked at once, on the test images of its run.

use basin_core::{Array, DataRef, Labels, Logits, Params, Record, SeedTree};
use basin_ensemble::conformance::{Given, assert_probe_conforms};
use basin_ensemble::{Lab, LabError, Probe, ProbeError};
use basin_probes::LearningCurves;

fn curves(tests: &[DataRef]) -> LearningCurves {
    LearningCurves { tests: tests.to_vec(), epochs: vec![2.0, 5.0, 9.0] }
}

#[test]
fn learning_curves_conform() {
    let views = [DataRef::test().first(17).seen("a"), DataRef::test().first(9).seen("b")];
    for tests in [&[DataRef::test()][..], &views] {
        assert_probe_conforms(&curves(tests), Given { networks: 6, logits: 0 });
    }
    assert_probe_conforms(&curves(&views[..1]), Given { networks: 3, logits: 0 });
    // Of the second run the images are others, and so many.
    let images = |data: &DataRef| if data.view.as_deref() == Some("b") { 9 } else { 17 };
    assert_eq!(curves(&views).cost(6, &images), 3 * (17 + 9));
    assert_eq!(curves(&views[..1]).cost(6, &images), 6 * 17);
    assert_ne!(curves(&views).settings(), curves(&views[..1]).settings());
}

/// Network i is the number i: on images as they are it is right of one of two with odds e^i; through view b of none with the same.
#[derive(Default)]
struct Numbers {
    kept: Option<Record>,
    stop_after: Option<u64>,
    asked: Vec<(f32, String)>,
}

impl Lab for Numbers {
    fn networks(&self) -> usize {
        6
    }
    fn params(&mut self, network: usize) -> Result<Params, LabError> {
        let value = if network == 4 { f32::NAN } else { network as f32 };
        Ok([("w".to_owned(), Array::new(vec![1], vec![value])?)].into_iter().collect())
    }
    fn records(&self) -> &[Record] {
        &[]
    }
    fn labels(&self, data: &DataRef) -> Result<Labels, LabError> {
        let b = data.view.as_deref() == Some("b");
        Ok(Labels::new(2, if b { vec![1, 1] } else { vec![0, 1] })?)
    }
    fn logits(&mut self, params: &Params, data: &DataRef) -> Result<Logits, LabError> {
        let w = params.get("w").ok_or("no number")?.data()[0];
        self.asked.push((w, data.id()));
        Ok(Logits::new(2, [w, 0.0].repeat(2))?)
    }
    fn seeds(&self) -> SeedTree {
        SeedTree::root(1)
    }
    fn kept(&self) -> Option<&Record> {
        self.kept.as_ref()
    }
    fn step(&mut self, done: u64, _: u64, partial: &dyn Fn() -> Record) -> Result<(), LabError> {
        if self.stop_after == Some(done) {
            self.kept = Some(partial());
            return Err("asked to stop".into());
        }
        Ok(())
    }
}

#[test]
fn every_state_is_scored_on_what_its_run_sees() {
    let tests = [DataRef::test().seen("a"), DataRef::test().seen("b")];
    let mut lab = Numbers::default();
    let record = curves(&tests).run(&mut lab).unwrap();
    assert_eq!(lab.asked.len(), 6);
    assert!(lab.asked[..3].iter().all(|(_, images)| images.ends_with("seen a")));
    assert!(lab.asked[3..].iter().all(|(_, images)| images.ends_with("seen b")));
    let found = record.curves();
    let of = |subject: &str, quantity: &str| {
        let curve = found.iter().find(|c| c.subject == subject && c.quantity == quantity).unwrap();
        assert_eq!((&*curve.variable, &*curve.data, &curve.at[..]), ("epoch", "test", &[2.0, 5.0, 9.0][..]));
        curve.values.clone()
    };
    let softplus = |w: f64| w.exp().ln_1p();
    // Half of the images are of class 0: −log p is softplus(−w), of the other half softplus(w).
    for (loss, w) in of("member-1", "learning-loss").iter().zip([0.0, 1.0, 2.0]) {
        let expected = (softplus(w) + softplus(-w)) / 2.0;
        assert!((loss - expected).abs() < 1e-12, "{loss} {expected}");
    }
    assert_eq!(of("member-1", "learning-accuracy"), [0.5; 3]);
    let second = of("member-2", "learning-loss");
    assert!((second[0] - softplus(3.0)).abs() < 1e-12 && (second[2] - softplus(5.0)).abs() < 1e-12);
    assert!(second[1].is_nan(), "a state without an output is a gap");
    assert_eq!(of("member-2", "learning-accuracy")[0], 0.0);
}

#[test]
fn a_stopped_look_goes_on_at_the_state() {
    let probe = curves(&[DataRef::test()]);
    let told = |record: &Record| format!("{record:?}");
    let whole = told(&probe.run(&mut Numbers::default()).unwrap());
    for stop in [1, 4] {
        let mut stopped = Numbers { stop_after: Some(stop), ..Numbers::default() };
        assert!(matches!(probe.run(&mut stopped), Err(ProbeError::Lab(_))));
        let mut resumed = Numbers { kept: stopped.kept, ..Numbers::default() };
        assert_eq!(told(&probe.run(&mut resumed).unwrap()), whole);
        assert_eq!(stopped.asked.len() + resumed.asked.len(), 6);
    }
}

#[test]
fn states_that_are_not_of_all_runs_are_refused() {
    let refused = |networks, tests: usize, epochs: &[f64]| {
        let tests = (0..tests).map(|i| DataRef::test().first(i + 1)).collect();
        let probe = LearningCurves { tests, epochs: epochs.to_vec() };
        probe.check(networks, 0).unwrap_err().to_string()
    };
    let expected = "expected as many of each run as epochs, and one kind for all runs or one for each";
    assert_eq!(
        refused(5, 1, &[1.0, 2.0]),
        format!("learning-curves: 5 networks of 2 epochs and 1 kinds of test images, {expected}")
    );
    for text in
        [refused(4, 3, &[1.0, 2.0]), refused(4, 0, &[1.0, 2.0]), refused(4, 1, &[]), refused(0, 1, &[1.0])]
    {
        assert!(text.contains(expected), "{text}");
    }
}
