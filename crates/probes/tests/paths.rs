//! Paths between two networks: in a laboratory in which the loss is known everywhere.

use basin_core::{Array, Curve, DataRef, Labels, Logits, Params, Record, SeedTree};
use basin_ensemble::conformance::{Given, assert_probe_conforms};
use basin_ensemble::{Lab, LabError, Probe, StatisticsOn};
use basin_probes::{Bezier, Descent, Tunnel, Watched};

fn descent(steps: usize, batch: usize) -> Descent {
    Descent { steps, batch, rate: 0.05, momentum: 0.9, data: DataRef::train() }
}

fn watched(statistics: usize) -> Watched {
    let statistics = (statistics > 0).then(|| StatisticsOn::first(statistics));
    Watched { test: DataRef::test().first(17), train: DataRef::train().first(9), statistics }
}

fn tunnel(points: usize) -> Tunnel {
    Tunnel { points, descent: descent(3, 7), watched: watched(0) }
}

fn bezier(points: usize) -> Bezier {
    Bezier { points, descent: descent(4, 7), watched: watched(0) }
}

#[test]
fn paths_conform() {
    for points in [1, 2, 3] {
        assert_probe_conforms(&tunnel(points), Given { networks: 2, logits: 0 });
    }
    assert_probe_conforms(&Tunnel { watched: watched(4), ..tunnel(2) }, Given { networks: 3, logits: 3 });
    assert_probe_conforms(&bezier(6), Given { networks: 2, logits: 2 });
}

/// Networks are points of a plane with a running statistic. The loss has a round valley of radius 1 and a hill in its middle;
/// training and test images have the same.
struct Valley {
    networks: Vec<Params>,
    again: Vec<f32>,
    passed: u64,
    /// Where the network has no finite output.
    hole: bool,
}

const FLOOR: f64 = 0.1;
const HILL: f64 = 2.0;

fn network(w: [f64; 2], variance: f32) -> Params {
    let array = |data: Vec<f32>| Array::new(vec![data.len()], data).unwrap();
    let weight = array(w.iter().map(|w| *w as f32).collect());
    [("w".to_owned(), weight), ("n.running_var".to_owned(), array(vec![variance]))].into_iter().collect()
}

fn place(params: &Params) -> [f64; 2] {
    let w = params.get("w").unwrap().data();
    [f64::from(w[0]), f64::from(w[1])]
}

fn loss([x, y]: [f64; 2]) -> f64 {
    FLOOR + HILL * (x * x + y * y - 1.0).powi(2)
}

impl Valley {
    /// Two ends at these degrees of the valley.
    fn between(first: f64, second: f64) -> Self {
        let at = |degrees: f64| [degrees.to_radians().cos(), degrees.to_radians().sin()];
        let networks = vec![network(at(first), 1.0), network(at(second), 1.0)];
        Self { networks, again: Vec::new(), passed: 0, hole: false }
    }
}

fn count(data: &DataRef) -> usize {
    match data.part {
        basin_core::Part::First(n) => n,
        _ => 40,
    }
}

impl Lab for Valley {
    fn networks(&self) -> usize {
        self.networks.len()
    }
    fn params(&mut self, network: usize) -> Result<Params, LabError> {
        Ok(self.networks[network].clone())
    }
    fn records(&self) -> &[Record] {
        &[]
    }
    fn labels(&self, data: &DataRef) -> Result<Labels, LabError> {
        Ok(Labels::new(2, vec![0; count(data)])?)
    }
    /// Class 0 of two, right below a loss of ln 2.
    fn logits(&mut self, params: &Params, data: &DataRef) -> Result<Logits, LabError> {
        self.passed += count(data) as u64;
        self.again.push(params.get("n.running_var").ok_or("no statistic")?.data()[0]);
        let margin = match self.hole && place(params)[0].abs() < 0.1 {
            true => f32::NAN,
            false => -(loss(place(params)).exp() - 1.0).ln() as f32,
        };
        Ok(Logits::new(2, [margin, 0.0].repeat(count(data)))?)
    }
    fn reestimated(&mut self, params: &Params, on: &StatisticsOn) -> Result<Params, LabError> {
        self.passed += on.images as u64;
        Ok(network(place(params), 7.0))
    }
    fn gradient(
        &mut self,
        params: &Params,
        data: &DataRef,
        images: &[usize],
    ) -> Result<(f64, Params), LabError> {
        assert!(*data == DataRef::train() && images.iter().all(|image| *image < 40));
        self.passed += 3 * images.len() as u64;
        let [x, y] = place(params);
        let slope = 4.0 * HILL * (x * x + y * y - 1.0);
        Ok((loss([x, y]), network([slope * x, slope * y], 0.0)))
    }
    fn seeds(&self) -> SeedTree {
        SeedTree::root(1)
    }
    fn step(&mut self, done: u64, of: u64, _: &dyn Fn() -> Record) -> Result<(), LabError> {
        // What is told are the passes that were made, those that both ends spare included.
        assert!(self.passed <= done && done <= of, "{done} of {of}");
        Ok(())
    }
}

fn curve(record: &Record, subject: &str, data: &str, quantity: &str) -> Curve {
    let all = record.curves();
    let found = all.iter().find(|c| (&*c.subject, &*c.data, &*c.quantity) == (subject, data, quantity));
    found.unwrap_or_else(|| panic!("no {subject} {data} {quantity}")).clone()
}

#[test]
fn a_tunnel_goes_round_the_hill_that_the_straight_line_crosses() {
    let probe = Tunnel { descent: descent(60, 7), ..tunnel(8) };
    let mut lab = Valley::between(0.0, 170.0);
    let record = probe.run(&mut lab).unwrap();
    assert_eq!(lab.passed, probe.cost(2, &count));
    let scalar = |name: &str| record.scalars[name];
    // The straight line passes the middle at a distance of cos 85°.
    let middle = loss([85f64.to_radians().cos(), 0.0]) - FLOOR;
    assert!(scalar("straight-barrier") > 0.9 * middle, "{} of {middle}", scalar("straight-barrier"));
    assert!(scalar("path-barrier") < 0.1 && scalar("path-barrier") > 0.0, "{}", scalar("path-barrier"));
    assert_eq!((scalar("tunnel-holds"), scalar("ends-disagreement")), (1.0, 0.0));

    let path = curve(&record, "tunnel-1-2", "train", "path-loss");
    assert_eq!((path.at.len(), path.variable.as_str()), (2 + 8 + 5 * 9, "position"));
    assert_eq!((path.at[0], path.at[6], path.at[54]), (0.0, 6.0 / 54.0, 1.0));
    let largest = path.values.iter().fold(0.0f64, |m, v| m.max(*v));
    assert!((largest - FLOOR - scalar("path-barrier")).abs() < 1e-6);
    assert!((path.values[0] - FLOOR).abs() < 1e-6 && (path.values[54] - FLOOR).abs() < 1e-6);
    let tested = curve(&record, "tunnel-1-2", "test", "path-loss").values;
    assert!(path.values.iter().zip(tested).all(|(train, test)| (train - test).abs() < 1e-12));
    let straight = curve(&record, "straight-1-2", "test", "path-accuracy");
    assert_eq!((straight.at.len(), straight.values[0], straight.values[5]), (10, 1.0, 0.0));
    assert_eq!(curve(&record, "straight-from-2", "test", "path-disagreement").values[5], 1.0);
    // From the first end the angle rises to that of the second, evenly enough.
    let cosines = curve(&record, "tunnel-from-1", "test", "path-cosine").values;
    assert!((cosines[0] - 1.0).abs() < 1e-12 && (cosines[54] - 170f64.to_radians().cos()).abs() < 1e-6);
    assert!(cosines.windows(2).all(|pair| pair[1] < pair[0] + 1e-9), "{cosines:?}");
    assert_eq!(record.curves().len(), 16);
}

#[test]
fn without_training_the_path_is_the_straight_line() {
    let descent = Descent { rate: 1e-12, ..descent(1, 7) };
    let record = Tunnel { descent, ..tunnel(5) }.run(&mut Valley::between(0.0, 120.0)).unwrap();
    assert_eq!(record.scalars["tunnel-holds"], 0.0);
    let chord = curve(&record, "straight-1-2", "train", "path-loss");
    let path = curve(&record, "tunnel-1-2", "train", "path-loss");
    for (t, expected) in chord.at.iter().zip(&chord.values) {
        let near = path.at.iter().position(|at| (at - t).abs() < 1e-12).unwrap();
        assert!((path.values[near] - expected).abs() < 1e-5, "{t}");
    }
}

#[test]
fn a_bend_leads_round_the_hill() {
    let probe = Bezier { descent: descent(300, 7), ..bezier(21) };
    let mut lab = Valley::between(0.0, 150.0);
    let record = probe.run(&mut lab).unwrap();
    assert_eq!(lab.passed, probe.cost(2, &count));
    let path = curve(&record, "bezier-1-2", "train", "path-loss");
    assert_eq!((path.at.len(), path.at[1]), (21, 0.05));
    let straight = loss([75f64.to_radians().cos(), 0.0]) - FLOOR;
    let barrier = record.scalars["bezier-barrier"];
    assert!(barrier > 0.0 && barrier < 0.25 * straight, "{barrier} of {straight}");
    let holds = f64::from(u8::from(barrier <= 0.1));
    assert_eq!(record.scalars["bezier-holds"], holds);
    assert_eq!(record.curves().len(), 8);
}

#[test]
fn statistics_are_measured_again_between_the_ends_alone() {
    let probe = Tunnel { watched: watched(4), ..tunnel(2) };
    let mut lab = Valley::between(0.0, 120.0);
    probe.run(&mut lab).unwrap();
    let (ends, between) = lab.again.split_at(4);
    assert_eq!(ends, [1.0; 4]);
    assert!(between.iter().all(|variance| *variance == 7.0));
    assert_eq!(probe.data().last(), Some(&DataRef::train().first(4)));
    assert_ne!(probe.settings(), tunnel(2).settings());
    assert!(lab.passed <= probe.cost(2, &count));
    // Where sides see their images through views, those of an end are of one side alone.
    let sides = vec![DataRef::train().share(0, 2, 7), DataRef::train().share(1, 2, 7).seen("grey")];
    let on = StatisticsOn { images: 4, sides: sides.clone() };
    let seen = Tunnel { watched: Watched { statistics: Some(on), ..watched(0) }, ..tunnel(2) };
    let mut lab = Valley::between(0.0, 120.0);
    seen.run(&mut lab).unwrap();
    assert!(lab.again.iter().all(|variance| *variance == 7.0));
    assert!(seen.data().ends_with(&sides));
    assert_ne!(seen.settings(), probe.settings());
    assert!(lab.passed <= seen.cost(2, &count));
}

#[test]
fn a_network_without_an_output_is_a_barrier_and_no_number() {
    let mut lab = Valley { hole: true, ..Valley::between(0.0, 170.0) };
    let record = Tunnel { descent: descent(60, 7), ..tunnel(8) }.run(&mut lab).unwrap();
    assert_eq!(record.scalars["path-barrier"], f64::INFINITY);
    assert_eq!(record.scalars["tunnel-holds"], 0.0);
    for quantity in ["path-loss", "path-accuracy"] {
        assert!(
            curve(&record, "tunnel-1-2", "test", quantity).values.iter().any(|v| v.is_nan()),
            "{quantity}"
        );
    }
}

#[test]
fn paths_that_cannot_be_gone_are_refused() {
    let told = |probe: &dyn Probe, networks| probe.check(networks, 0).unwrap_err().to_string();
    assert_eq!(told(&tunnel(3), 1), "tunnel: networks: 1, expected at least 2");
    assert_eq!(told(&tunnel(0), 2), "tunnel: a path with 0 points between its ends, expected at least 1");
    assert_eq!(told(&bezier(2), 2), "bezier: 2 points on the curve, expected at least 3");
    assert_eq!(told(&bezier(3), 0), "bezier: networks: 0, expected at least 2");
    let statistics = Tunnel { watched: watched(1), ..tunnel(3) };
    assert_eq!(told(&statistics, 2), "tunnel: running statistics of 1 images, expected at least 2");

    let ran = |lab: &mut Valley, probe: &dyn Probe| probe.run(lab).unwrap_err().to_string();
    let mut same = Valley::between(20.0, 20.0);
    same.networks[1].insert("n.running_var", Array::full(vec![1], 3.0));
    let expected = "members 1 and 2 have the same weights; a path needs two different networks";
    assert_eq!(ran(&mut same, &tunnel(3)), format!("tunnel: {expected}"));
    assert_eq!(ran(&mut same, &bezier(3)), format!("bezier: {expected}"));
    let mut other = Valley::between(0.0, 90.0);
    other.networks[1].insert("more", Array::full(vec![1], 0.0));
    assert_eq!(
        ran(&mut other, &tunnel(3)),
        "tunnel: members 1 and 2 are not of one layout: the networks differ at parameter more: absent against [1]"
    );
    let mut lab = Valley::between(0.0, 90.0);
    let large = Tunnel { descent: descent(3, 41), ..tunnel(3) };
    assert_eq!(
        ran(&mut lab, &large),
        "tunnel: batches of 41 images from 40 training images, expected at most as many"
    );
    let mut descent = descent(50, 7);
    descent.rate = 1e6;
    let told = ran(&mut lab, &Tunnel { descent, ..tunnel(3) });
    assert!(
        told.contains("is not finite (loss") && told.contains("lower the learning rate of the path"),
        "{told}"
    );
}
