//! The map between three members: by the conformance kit, and in a laboratory in which every accuracy is known.

use basin_core::{Array, DataRef, Labels, Logits, Params, Record, SeedTree, Simplex, Surface};
use basin_ensemble::conformance::{Given, assert_probe_conforms};
use basin_ensemble::{Lab, LabError, Mixing, Probe, StatisticsOn};
use basin_probes::BasinMap;

fn map(points: usize, mixing: Mixing) -> BasinMap {
    BasinMap { data: DataRef::test().first(20), points, mixing }
}

#[test]
fn the_map_conforms() {
    for points in [2, 3, 6] {
        assert_probe_conforms(&map(points, Mixing::Plain), Given { networks: 3, logits: 3 });
    }
    assert_probe_conforms(&map(4, Mixing::Repair { images: 9 }), Given { networks: 5, logits: 5 });
    let whole = BasinMap { data: DataRef::test(), ..map(4, Mixing::Reestimated(StatisticsOn::first(9))) };
    assert_probe_conforms(&whole, Given { networks: 3, logits: 3 });
}

#[test]
fn the_price_is_that_of_the_points_between_the_corners() {
    let images = |data: &DataRef| if *data == DataRef::test().first(20) { 20 } else { 9 };
    let price = |points, mixing| map(points, mixing).cost(5, &images);
    assert_eq!([2, 3, 11].map(|points| price(points, Mixing::Plain)), [0, 3 * 20, 63 * 20]);
    assert_eq!(price(3, Mixing::Repair { images: 9 }), 3 * (20 + 9) + 3 * 9);
    assert_ne!(
        map(3, Mixing::Plain).settings(),
        map(3, Mixing::Reestimated(StatisticsOn::first(9))).settings()
    );
    assert_ne!(map(3, Mixing::Plain).settings(), map(4, Mixing::Plain).settings());
}

/// Networks that are right on so many of 20 images: members on 16, 12 and 8, any between on as many as it is told.
struct Known {
    records: Vec<Record>,
    between: fn(&[f64]) -> usize,
    asked: Vec<Vec<f64>>,
}

/// Right at a margin of ln 9, wrong at as much; beyond 20 no number.
fn right_on(images: usize) -> Logits {
    let margin = |image: usize| match images {
        0..=20 => [1.0, -1.0][usize::from(image >= images)] * 9f32.ln(),
        _ => f32::NAN,
    };
    Logits::new(2, (0..20).flat_map(|image| [margin(image), 0.0]).collect()).unwrap()
}

impl Known {
    fn with(between: fn(&[f64]) -> usize) -> Self {
        let record = |images: usize| {
            let mut record = Record::default();
            record
                .arrays
                .insert("logits", Array::new(vec![20, 2], right_on(images).values().to_vec()).unwrap());
            record
        };
        Self { records: [16, 12, 8].map(record).to_vec(), between, asked: Vec::new() }
    }
}

impl Lab for Known {
    fn networks(&self) -> usize {
        self.records.len()
    }
    fn params(&mut self, _: usize) -> Result<Params, LabError> {
        Err("the laboratory mixes networks itself".into())
    }
    fn records(&self) -> &[Record] {
        &self.records
    }
    fn labels(&self, _: &DataRef) -> Result<Labels, LabError> {
        Ok(Labels::new(2, vec![0; 20])?)
    }
    fn logits(&mut self, _: &Params, _: &DataRef) -> Result<Logits, LabError> {
        Err("the members' logits are there already".into())
    }
    fn logits_between(
        &mut self,
        who: &[usize],
        weights: &Simplex,
        _: &Mixing,
        _: &DataRef,
    ) -> Result<Logits, LabError> {
        assert_eq!(who, [0, 1, 2]);
        self.asked.push(weights.weights().to_vec());
        Ok(right_on((self.between)(weights.weights())))
    }
    fn seeds(&self) -> SeedTree {
        SeedTree::root(1)
    }
    fn step(&mut self, _: u64, _: u64, _: &dyn Fn() -> Record) -> Result<(), LabError> {
        Ok(())
    }
}

fn surface(record: &Record, quantity: &str) -> Surface {
    let all = record.surfaces();
    all.into_iter().find(|surface| surface.quantity == quantity).unwrap_or_else(|| panic!("no {quantity}"))
}

/// On an edge 14 of 20 are right, inside 4.
fn hollow(weights: &[f64]) -> usize {
    if weights.contains(&0.0) { 14 } else { 4 }
}

#[test]
fn corners_are_the_members_and_q_is_what_is_lost_against_them() {
    let mut lab = Known::with(hollow);
    let record = map(4, Mixing::Plain).run(&mut lab).unwrap();
    let third = |parts: [u32; 3]| parts.map(|part| f64::from(part) / 3.0).to_vec();
    // Row by row from the side of the first two members, without the corners.
    let order = [[2, 1, 0], [1, 2, 0], [2, 0, 1], [1, 1, 1], [0, 2, 1], [1, 0, 2], [0, 1, 2]].map(third);
    assert_eq!(lab.asked, order);

    let accuracy = surface(&record, "map-accuracy");
    let thirds = [0.0, 1.0 / 3.0, 2.0 / 3.0, 1.0];
    assert_eq!((&accuracy.x[..], &accuracy.y[..]), (&thirds[..], &thirds[..]));
    assert_eq!((&*accuracy.subject, &*accuracy.data), ("map-1-2-3", "test"));
    assert_eq!(accuracy.variables, ["lambda-2", "lambda-3"].map(str::to_owned));
    let rows = [0.8, 0.7, 0.7, 0.6, 0.7, 0.2, 0.7, 0.7, 0.7, 0.4];
    assert_eq!(accuracy.values.len(), rows.len());
    let close = |(found, expected): (&f64, f64)| (found - expected).abs() < 1e-12;
    assert!(accuracy.values.iter().zip(rows).all(close), "{:?}", accuracy.values);
    let marks = accuracy.marks.iter().map(|(name, at)| (name.as_str(), *at));
    let corners = [("member-1", [0.0, 0.0]), ("member-2", [1.0, 0.0]), ("member-3", [0.0, 1.0])];
    assert_eq!(marks.collect::<Vec<_>>(), corners);

    let q = surface(&record, "map-connectivity").values;
    // At λ = (1, 1, 1)/3: 0.2 − 0.6. At (2, 1, 0)/3: 0.7 − 2.2/3.
    assert!((q[5] + 0.4).abs() < 1e-12 && (q[1] - (0.7 - 2.2 / 3.0)).abs() < 1e-12, "{q:?}");
    assert_eq!([q[0], q[3], q[9]], [0.0; 3], "exactly 0 at the corners");
    assert_eq!(record.scalars["map-worst"], q[5]);
    let mean = q.iter().sum::<f64>() / 10.0;
    assert!((record.scalars["map-mean"] - mean).abs() < 1e-12);
    // A share r right at ln 9: r · ln(10/9) + (1 − r) · ln 10.
    let loss = surface(&record, "map-loss").values[5];
    assert!((loss - (0.2 * (10f64 / 9.0).ln() + 0.8 * 10f64.ln())).abs() < 1e-6, "{loss}");
}

#[test]
fn where_a_network_has_no_output_there_is_no_least_and_no_mean() {
    let mut lab = Known::with(|weights| if weights.contains(&0.0) { 14 } else { 21 });
    let record = map(4, Mixing::Plain).run(&mut lab).unwrap();
    for quantity in ["map-accuracy", "map-loss", "map-connectivity"] {
        let values = surface(&record, quantity).values;
        assert!(values[5].is_nan() && values[6].is_finite(), "{quantity}: {values:?}");
    }
    assert!(record.scalars["map-worst"].is_nan() && record.scalars["map-mean"].is_nan());
}

#[test]
fn what_has_no_triangle_is_refused_with_expected_and_found() {
    let told = |probe: BasinMap, networks, records| probe.check(networks, records).unwrap_err().to_string();
    assert_eq!(
        told(map(3, Mixing::Plain), 2, 2),
        "basin-map: 2 networks and 2 logits, expected at least 3 networks and the logits of each; set ensemble.members=3 or \
         more"
    );
    assert!(told(map(3, Mixing::Plain), 3, 2).contains("3 networks and 2 logits"));
    assert_eq!(told(map(1, Mixing::Plain), 3, 3), "basin-map: 1 points on a side, expected at least 2");
    let mut lab = Known::with(hollow);
    lab.records.pop();
    assert!(map(3, Mixing::Plain).run(&mut lab).unwrap_err().to_string().contains("2 networks and 2 logits"));
    let mut lab = Known::with(hollow);
    let short = Array::new(vec![19, 2], right_on(8).values()[..38].to_vec()).unwrap();
    lab.records[1].arrays.insert("logits", short);
    let error = map(3, Mixing::Plain).run(&mut lab).unwrap_err().to_string();
    assert_eq!(error, "basin-map: there are logits of 19 images, expected at least 20");
}
