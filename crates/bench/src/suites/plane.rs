//! Points of a plane through three networks, as the probe of planes computes them: parameters, logits of all images, scores.

use super::rounds::Bench;
use super::{CLASSES, Options, PIXELS, SIDE, network, random_bytes};
use anyhow::{Context, Result};
use basin_candle::Candle;
use basin_core::{Extent, Labels, Params, SeedTree};
use basin_data::{ImageSet, SYNTHETIC};
use basin_probes::{Scores, agreement};
use basin_train::{Backend, Cpu};
use std::hint::black_box;

/// Points of a side of the plane that is walked over.
const SIDE_OF_PLANE: usize = 31;

/// One point a step, each image of the batch once.
pub(super) fn run(options: &Options, bench: &mut Bench<'_>) -> Result<()> {
    let network = network::build(options)?;
    let labels: Vec<u32> = (0..options.batch).map(|image| (image % CLASSES) as u32).collect();
    let pixels = random_bytes(options.batch * PIXELS);
    let images = ImageSet::new(Extent::colour(SIDE), CLASSES, pixels, labels.clone())?;
    let labels = Labels::new(CLASSES, labels)?;
    let backend: Box<dyn Backend> = match network.program() {
        Some(_) => Box::new(Candle::cpu()),
        None => Box::new(Cpu),
    };
    let mut evaluator = backend.evaluator(&network, &images, &SYNTHETIC.normalisation)?;
    let corners: Vec<Params> = (0..3).map(|seed| network.init(&SeedTree::root(seed))).collect();
    let mut scores = |network: &Params| -> Result<Scores> {
        Scores::of(&evaluator.logits(network)?, &labels)?.context("a network without finite logits")
    };
    let named = corners.iter().map(|corner| Ok(scores(corner)?.classes)).collect::<Result<Vec<_>>>()?;
    let mut points = (0..SIDE_OF_PLANE * SIDE_OF_PLANE).cycle();
    let case = network::case(options, &network, 1.0);
    bench.measure(&case, || {
        let point = points.next().unwrap_or_default();
        let along = |steps: usize| steps as f64 / (SIDE_OF_PLANE - 1) as f64;
        let (x, y) = (along(point % SIDE_OF_PLANE), along(point / SIDE_OF_PLANE));
        let of: Vec<&Params> = corners.iter().collect();
        let params = Params::linear_combination(&of, &[1.0 - x - y, x, y])?;
        let found = scores(&params)?;
        let agreements: Vec<f64> = named.iter().map(|named| agreement(named, &found.classes)).collect();
        black_box((agreements, found));
        Ok(())
    })
}
