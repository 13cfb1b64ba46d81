//! Curvature of the training loss at the members: trace and largest eigenvalues of its Hessian.

mod product;
mod state;

use crate::inputs::subject;
use crate::path::GRADIENT;
use basin_core::{Citation, DataRef, Record, SeedTree};
use basin_ensemble::{Lab, Probe, ProbeError};
use basin_metrics::spectrum::{self, Hutchinson, Lanczos, LanczosState, SpectrumError, Trace};
use product::Around;
use state::{Member, State};
use std::ops::Range;

/// Hessian-vector products by differences of gradients along the way of a whole network.
const CITATION: Citation = Citation {
    key: "ghorbani2019hessian",
    authors: "Ghorbani, Behrooz and Krishnan, Shankar and Xiao, Ying",
    title: "An Investigation into Neural Net Optimization via Hessian Eigenvalue Density",
    year: 2019,
    locator: "1901.10159",
};

/// Trace and largest eigenvalues of the Hessian of the training loss in the weights, at each member (Hutchinson 1990; Lanczos 1950;
/// both by products, H v ≈ (g(θ + εv) − g(θ − εv)) / 2ε, in f64).
///
/// The loss is the mean cross-entropy of `data` without augmentation and dropout, cut into batches of nearly equal size in order;
/// networks that couple a batch (BatchNorm) use its own statistics, as in training. Running statistics are not weights.
///
/// Where units have a kink (ReLU), those that change sides on the way count as well, which the second derivative of autograd never
/// sees: what is measured is the curvature of the loss at the scale of the step. Of a ResNet8 with BatchNorm and ReLU on 512 images
/// trace and largest eigenvalue were 9 % and 10 % above autograd's; on few images, where a unit more or less matters, eigenvalues
/// can be off by a multiple. Products are not symmetric then, and the errors below say so. Without kinks both agree to 10⁻⁴.
///
/// Inputs: at least 1 network; records are passed over.
///
/// Record: scalars, means over members, in nats per unit of squared weight: `hessian-trace`, `hessian-trace-se` (its standard
/// error from the draws alone) and `hessian-top`, the largest eigenvalue. Lists, for each member i from 1: `eigenvalues-i`, largest
/// first, `eigenvalue-errors-i`, within which an eigenvalue lies of each (the asymmetry of the differences included), and
/// `trace-draws-i`.
///
/// Goes on after the product at which it was stopped; keeps (products + 1) · weights numbers of 8 bytes. Cost: for each member
/// draws + products differences, each of two gradients, or 6 passes over the images.
#[derive(Clone, Debug, PartialEq)]
pub struct Curvature {
    /// The images of the loss.
    pub data: DataRef,
    /// Images of a gradient at a time, at most, at least 1; where statistics are over the batch, at least 2.
    pub batch: usize,
    /// The first so many members; 0: all.
    pub members: usize,
    /// Random directions for the trace, at least 2.
    pub draws: usize,
    /// Products for the eigenvalues, at least `top`.
    pub products: usize,
    /// Eigenvalues, at least 1.
    pub top: usize,
    /// How far a network is moved for a difference of gradients, as a share of its own length, in `(0, 0.1]`:
    /// ε = share · ‖θ‖ / ‖v‖. [`Curvature::SHARE`] unless there is a reason.
    ///
    /// A gradient in f32 is off by some 10⁻⁷ of what its images contribute, and θ ± εv by 6·10⁻⁸ / share of the step: both errors
    /// grow as the share falls. That of the difference itself grows with its square.
    pub share: f64,
}

const ID: &str = "curvature";

fn told(error: impl ToString) -> ProbeError {
    subject(ID, error)
}

impl Curvature {
    /// Where the errors of a difference of gradients in f32 balance. The largest eigenvalue of the convolutional network in
    /// `fixtures/curvature` is off by 2 % at 10⁻⁷, 6·10⁻³ at 10⁻⁶, 10⁻⁵ at 10⁻⁴, 2·10⁻³ at 3·10⁻³ and 94 % at 10⁻¹, by PyTorch's
    /// gradients in f32. The tests of `basin-candle` walk through the shares.
    pub const SHARE: f64 = 1e-4;

    fn measured(&self, networks: usize) -> usize {
        if self.members == 0 { networks } else { self.members.min(networks) }
    }

    /// Batches of nearly equal size.
    fn batches(&self, images: usize) -> Vec<Range<usize>> {
        let parts = images.div_ceil(self.batch);
        (0..parts).map(|part| part * images / parts..(part + 1) * images / parts).collect()
    }

    /// Both measurements of one member, from where they were.
    fn member(
        &self,
        lab: &mut dyn Lab,
        around: &Around<'_>,
        state: &mut State,
        of: u64,
    ) -> Result<Member, ProbeError> {
        let (member, seeds) = (state.done.len(), lab.seeds());
        let (draws, products) = (self.draws, self.products.min(around.dimension));
        let seed = |name: &str| seeds.child(name).index(member as u64);
        let forms = std::mem::take(&mut state.forms);
        let mut trace = Hutchinson::new(around.dimension, seed("trace"), forms).map_err(told)?;
        let lanczos = std::mem::take(&mut state.lanczos);
        let mut lanczos = Lanczos::new(around.dimension, seed("lanczos"), lanczos).map_err(told)?;
        let steps = (self.draws + self.products) as u64;
        let at = |products: usize| member as u64 * steps + products as u64;
        let refused = |error: SpectrumError| told(format!("member {}: {error}", member + 1));
        while trace.forms().len() < draws {
            let product = around.product(lab, &trace.next_direction())?;
            trace.absorb(&product).map_err(refused)?;
            lab.step(at(trace.forms().len()), of, &|| {
                State::kept(state.finished(Record::default()), trace.forms(), &LanczosState::default())
            })?;
        }
        while lanczos.products() < products {
            let Some(direction) = lanczos.next_direction() else { break };
            let product = around.product(lab, direction)?;
            lanczos.absorb(&product).map_err(refused)?;
            lab.step(at(draws + lanczos.products()), of, &|| {
                State::kept(state.finished(Record::default()), trace.forms(), lanczos.state())
            })?;
        }
        let ritz = lanczos.ritz();
        let top = ritz.iter().take(self.top);
        let (values, errors) = top.map(|ritz| (ritz.value, ritz.error)).unzip();
        Ok(Member { forms: trace.forms().to_vec(), values, errors })
    }
}

impl Probe for Curvature {
    fn id(&self) -> &'static str {
        ID
    }

    fn settings(&self) -> String {
        let Self { batch, members, draws, products, top, share, .. } = self;
        let members = if *members == 0 { "all".to_owned() } else { format!("first {members}") };
        format!(
            "1 ({members}; {draws} draws, {products} products, {top} eigenvalues; batches of {batch}; share {share:?})"
        )
    }

    fn citations(&self) -> Vec<Citation> {
        vec![CITATION, spectrum::CITATION, spectrum::LANCZOS_CITATION]
    }

    fn data(&self) -> Vec<DataRef> {
        vec![self.data.clone()]
    }

    fn cost(&self, inputs: usize, images: &dyn Fn(&DataRef) -> usize) -> u64 {
        let differences = self.measured(inputs) * (self.draws + self.products);
        2 * GRADIENT * (differences * images(&self.data)) as u64
    }

    fn record_bytes(&self, _: usize, _: &dyn Fn(&DataRef) -> usize) -> u64 {
        // Of one member, some twenty letters a number.
        (20 * (self.draws + 2 * self.top + 3)) as u64
    }

    fn check(&self, networks: usize, _: usize) -> Result<(), ProbeError> {
        let refuse = |reason: String| Err(subject(ID, reason));
        if networks == 0 {
            return refuse("networks: 0, expected at least 1".into());
        }
        if self.batch == 0 {
            return refuse("batches of 0 images, expected at least 1".into());
        }
        if self.draws < 2 {
            return refuse(format!(
                "draws for the trace: {}, expected at least 2, from which its error follows",
                self.draws
            ));
        }
        if !(self.share > 0.0 && self.share <= 0.1) {
            return refuse(format!(
                "a share of {:?} of a network's length, expected above 0 and at most 0.1",
                self.share
            ));
        }
        if self.top == 0 || self.products < self.top {
            let (top, products) = (self.top, self.products);
            return refuse(format!(
                "{top} eigenvalues from {products} products, expected at least 1 and no more than products"
            ));
        }
        Ok(())
    }

    fn run(&self, lab: &mut dyn Lab) -> Result<Record, ProbeError> {
        self.check(lab.networks(), lab.records().len())?;
        let (images, members) = (lab.labels(&self.data)?.len(), self.measured(lab.networks()));
        let of = (members * (self.draws + self.products)) as u64;
        let mut state = lab.kept().map(State::read).unwrap_or_default();
        while state.done.len() < members {
            let base = lab.params(state.done.len())?;
            if let Some(name) = base.first_non_finite() {
                return Err(told(format!("member {}: {name} is not finite", state.done.len() + 1)));
            }
            let around = Around::new(base, &self.data, self.batches(images), self.share).map_err(told)?;
            let member = self.member(lab, &around, &mut state, of)?;
            state.done.push(member);
        }
        let traces = state.done.iter().map(estimate).collect::<Result<Vec<_>, _>>()?;
        let (count, tops) = (members as f64, state.done.iter().filter_map(|member| member.values.first()));
        let variance: f64 = traces.iter().filter_map(|trace| trace.standard_error).map(|se| se * se).sum();
        let scalars = Record::default()
            .with("hessian-trace", traces.iter().map(|trace| trace.value).sum::<f64>() / count)
            .with("hessian-trace-se", variance.sqrt() / count)
            .with("hessian-top", tops.sum::<f64>() / count);
        Ok(state.finished(scalars))
    }
}

/// The trace of a member from its draws.
fn estimate(member: &Member) -> Result<Trace, ProbeError> {
    let draws = Hutchinson::new(1, SeedTree::root(0), member.forms.clone()).map_err(told)?;
    draws.estimate().ok_or_else(|| told("a trace without draws"))
}
