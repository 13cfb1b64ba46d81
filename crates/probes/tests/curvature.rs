//! Curvature: in a laboratory whose loss is a known parabola, so that every number is known.

use basin_core::{Array, DataRef, Labels, Logits, Params, Record, SeedTree};
use basin_ensemble::conformance::{Given, assert_probe_conforms};
use basin_ensemble::{Lab, LabError, Probe};
use basin_probes::Curvature;

fn probe(draws: usize, products: usize) -> Curvature {
    let (data, share) = (DataRef::train().first(9), Curvature::SHARE);
    Curvature { data, batch: 4, members: 0, draws, products, top: 2, share }
}

#[test]
fn curvature_conforms() {
    assert_probe_conforms(&probe(3, 5), Given { networks: 2, logits: 0 });
    assert_probe_conforms(
        &Curvature { members: 1, batch: 9, ..probe(2, 2) },
        Given { networks: 2, logits: 2 },
    );
    // The network has 20 weights.
    assert_probe_conforms(&probe(2, 30), Given { networks: 1, logits: 0 });
}

/// Loss ½ Σ aᵢ wᵢ² of networks of three weights in two arrays, with a running statistic between them. Images count with
/// 1, 2, 3, … as factors of it.
struct Parabola {
    networks: Vec<Params>,
    asked: Vec<Vec<usize>>,
    statistics_moved: bool,
    broken: bool,
}

const A: [f64; 3] = [5.0, 1.0, -2.0];

fn network(w: [f32; 3], mean: f32) -> Params {
    let array = |data: &[f32]| Array::new(vec![data.len()], data.to_vec()).unwrap();
    let arrays = [("a", &w[..1]), ("n.running_mean", &[mean][..]), ("b", &w[1..])];
    arrays.into_iter().map(|(name, data)| (name.to_owned(), array(data))).collect()
}

fn parabola(networks: usize) -> Parabola {
    let networks = (0..networks).map(|i| network([1.0, 2.0, 2.0 + i as f32], 4.0)).collect();
    Parabola { networks, asked: Vec::new(), statistics_moved: false, broken: false }
}

impl Lab for Parabola {
    fn networks(&self) -> usize {
        self.networks.len()
    }
    fn params(&mut self, network: usize) -> Result<Params, LabError> {
        Ok(self.networks[network].clone())
    }
    fn records(&self) -> &[Record] {
        &[]
    }
    fn labels(&self, _: &DataRef) -> Result<Labels, LabError> {
        Ok(Labels::new(2, vec![0; 9])?)
    }
    fn logits(&mut self, _: &Params, _: &DataRef) -> Result<Logits, LabError> {
        Err("curvature asks for gradients alone".into())
    }
    fn gradient(
        &mut self,
        params: &Params,
        _: &DataRef,
        images: &[usize],
    ) -> Result<(f64, Params), LabError> {
        self.asked.push(images.to_vec());
        self.statistics_moved |= params.get("n.running_mean").ok_or("no statistic")?.data() != [4.0];
        let of = |name: &str| params.get(name).map(|array| array.data().to_vec()).unwrap_or_default();
        let w: Vec<f32> = [of("a"), of("b")].concat();
        let mean = images.iter().map(|i| 1.0 + *i as f64).sum::<f64>() / images.len() as f64;
        let slope = |i: usize| if self.broken { f32::NAN } else { (mean * A[i] * f64::from(w[i])) as f32 };
        Ok((0.0, network([slope(0), slope(1), slope(2)], 0.0)))
    }
    fn seeds(&self) -> SeedTree {
        SeedTree::root(1)
    }
    fn step(&mut self, _: u64, _: u64, _: &dyn Fn() -> Record) -> Result<(), LabError> {
        Ok(())
    }
}

/// The images' factors are 1 to 9: 5 on average, whatever the batches.
#[test]
fn a_parabola_has_the_curvature_that_it_was_made_with() {
    let mut lab = parabola(2);
    let record = probe(4, 3).run(&mut lab).unwrap();
    let near = |found: f64, expected: f64| (found / expected - 1.0).abs() < 2e-3;
    // The Hessian is diagonal: every draw is the trace.
    assert!(near(record.scalars["hessian-trace"], 5.0 * 4.0), "{record:?}");
    assert!(record.scalars["hessian-trace-se"] < 0.05);
    assert!(near(record.scalars["hessian-top"], 25.0), "{record:?}");
    for member in [1, 2] {
        let values = &record.lists[&format!("eigenvalues-{member}")];
        assert!(values.len() == 2 && near(values[0], 25.0) && near(values[1], 5.0), "{values:?}");
        assert!(record.lists[&format!("eigenvalue-errors-{member}")].iter().all(|error| *error < 0.1));
        assert_eq!(record.lists[&format!("trace-draws-{member}")].len(), 4);
    }
    assert!(!record.lists.contains_key("eigenvalues-3"));
    assert!(!lab.statistics_moved, "running statistics are not weights");
    // Three batches of three, two gradients a product.
    assert_eq!(lab.asked.len(), 2 * 7 * 2 * 3);
    assert_eq!(lab.asked[..3], [vec![0, 1, 2], vec![3, 4, 5], vec![6, 7, 8]]);
    assert_eq!(probe(4, 3).cost(2, &|_| 9), 3 * lab.asked.len() as u64 * 3);
}

#[test]
fn the_first_members_are_measured_if_not_all_are() {
    let first = Curvature { members: 1, ..probe(4, 3) };
    let record = first.run(&mut parabola(3)).unwrap();
    let alone = probe(4, 3).run(&mut parabola(1)).unwrap();
    assert_eq!(record, alone);
    assert_eq!(first.cost(3, &|_| 9), probe(4, 3).cost(1, &|_| 9));
    assert_ne!(first.settings(), probe(4, 3).settings());
}

#[test]
fn what_cannot_be_measured_is_refused() {
    let told = |probe: Curvature, networks| probe.check(networks, 0).unwrap_err().to_string();
    assert_eq!(told(probe(4, 3), 0), "curvature: networks: 0, expected at least 1");
    let batch = Curvature { batch: 0, ..probe(4, 3) };
    assert_eq!(told(batch, 1), "curvature: batches of 0 images, expected at least 1");
    let draws = "curvature: draws for the trace: 1, expected at least 2, from which its error follows";
    assert_eq!(told(probe(1, 3), 1), draws);
    let few = "curvature: 2 eigenvalues from 1 products, expected at least 1 and no more than products";
    assert_eq!(told(probe(4, 1), 1), few);
    let none = "curvature: 0 eigenvalues from 3 products, expected at least 1 and no more than products";
    assert_eq!(told(Curvature { top: 0, ..probe(4, 3) }, 1), none);
    for share in [0.0, -1.0, 0.2, f64::NAN] {
        let expected = format!(
            "curvature: a share of {share:?} of a network's length, expected above 0 and at most 0.1"
        );
        assert_eq!(told(Curvature { share, ..probe(4, 3) }, 1), expected);
    }
    probe(4, 3).check(1, 0).unwrap();

    let ran = |lab: &mut Parabola| probe(4, 3).run(lab).unwrap_err().to_string();
    let broken = ran(&mut Parabola { broken: true, ..parabola(1) });
    assert_eq!(broken, "curvature: member 1: product 0 holds a value that is not finite");
    let mut lab = parabola(1);
    lab.networks[0].insert("a", Array::full(vec![1], f32::INFINITY));
    assert_eq!(ran(&mut lab), "curvature: member 1: a is not finite");
}
