//! What a measurement of curvature goes on from.

use basin_core::{Array, Record};
use basin_metrics::spectrum::LanczosState;

/// What is known so far.
#[derive(Debug, Default)]
pub(super) struct State {
    /// Of members that are done.
    pub(super) done: Vec<Member>,
    /// Of the member at work.
    pub(super) forms: Vec<f64>,
    pub(super) lanczos: LanczosState,
}

/// What was measured of a member: its draws, its largest eigenvalues, their errors.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) forms: Vec<f64>,
    pub(super) values: Vec<f64>,
    pub(super) errors: Vec<f64>,
}

const FORMS: &str = "trace-draws";
const VALUES: &str = "eigenvalues";
const ERRORS: &str = "eigenvalue-errors";
const ALPHAS: &str = "lanczos-alphas";
const BETAS: &str = "lanczos-betas";
const DEPARTURE: &str = "lanczos-departure";
const DIRECTION: &str = "lanczos-direction";

impl State {
    /// Lists of members that are done, as they stand in the record.
    pub(super) fn finished(&self, mut record: Record) -> Record {
        for (i, Member { forms, values, errors }) in (1..).zip(&self.done) {
            record = record
                .with_list(format!("{FORMS}-{i}"), forms.clone())
                .with_list(format!("{VALUES}-{i}"), values.clone())
                .with_list(format!("{ERRORS}-{i}"), errors.clone());
        }
        record
    }

    /// What to go on from, beside what is done.
    pub(super) fn kept(done: Record, forms: &[f64], lanczos: &LanczosState) -> Record {
        let LanczosState { alphas, betas, directions, departure } = lanczos;
        let mut record = done
            .with_list(FORMS, forms.to_vec())
            .with_list(ALPHAS, alphas.clone())
            .with_list(BETAS, betas.clone())
            .with(DEPARTURE, *departure);
        for (i, direction) in directions.iter().enumerate() {
            record.arrays.insert(format!("{DIRECTION}-{i}"), halves(direction));
        }
        record
    }

    /// What was kept.
    pub(super) fn read(kept: &Record) -> Self {
        let list = |name: &str| kept.lists.get(name).cloned().unwrap_or_default();
        let member = |i: usize| {
            let of = |name: &str| kept.lists.get(&format!("{name}-{i}")).cloned();
            Some(Member { forms: of(FORMS)?, values: of(VALUES)?, errors: of(ERRORS)? })
        };
        let direction = |i: usize| kept.arrays.get(&format!("{DIRECTION}-{i}")).map(whole);
        let lanczos = LanczosState {
            alphas: list(ALPHAS),
            betas: list(BETAS),
            directions: (0..).map_while(direction).collect(),
            departure: kept.scalars.get(DEPARTURE).copied().unwrap_or(0.0),
        };
        Self { done: (1..).map_while(member).collect(), forms: list(FORMS), lanczos }
    }
}

/// The bits of numbers as two halves each, which an array holds without rounding.
fn halves(numbers: &[f64]) -> Array {
    let bits = numbers.iter().map(|x| x.to_bits());
    let halves: Vec<f32> = bits.flat_map(|b| [b >> 32, b]).map(|half| f32::from_bits(half as u32)).collect();
    let mut array = Array::full(vec![halves.len()], 0.0);
    array.data_mut().copy_from_slice(&halves);
    array
}

fn whole(array: &Array) -> Vec<f64> {
    let pairs = array.data().chunks_exact(2);
    pairs.map(|p| f64::from_bits(u64::from(p[0].to_bits()) << 32 | u64::from(p[1].to_bits()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back_to_the_bit() {
        let direction = vec![0.1 + 0.2, -1e-310, f64::MAX, -0.0, f64::from_bits(0x7FA0_0001_FF80_0003)];
        let lanczos = LanczosState {
            alphas: vec![1.0 / 3.0],
            betas: vec![2.0],
            directions: vec![direction.clone(), vec![1.0; 5]],
            departure: 1e-20,
        };
        let done = Member { forms: vec![1.0, 2.0], values: vec![3.0], errors: vec![0.5] };
        let state = State { done: vec![done], ..State::default() };
        let kept = State::kept(state.finished(Record::default()), &[0.1], &lanczos);
        let read = State::read(&kept);
        let bits = |numbers: &[f64]| numbers.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&read.lanczos.directions[0]), bits(&direction));
        assert_eq!((&read.lanczos.alphas, &read.lanczos.betas), (&lanczos.alphas, &lanczos.betas));
        assert_eq!((read.lanczos.directions.len(), read.lanczos.departure), (2, 1e-20));
        assert_eq!((read.done.len(), &read.forms[..]), (1, &[0.1][..]));
        assert_eq!((&read.done[0].values[..], &read.done[0].errors[..]), (&[3.0][..], &[0.5][..]));
    }
}
