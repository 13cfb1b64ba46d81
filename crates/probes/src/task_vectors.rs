//! Where fine-tuning went: how far from its start, and whether members went the same way.

use crate::inputs::{mean, subject};
use crate::similarity::is_weight;
use basin_core::{Citation, DataRef, Params, ParamsError, Record, Surface};
use basin_ensemble::{Lab, Probe, ProbeError};

/// Task vectors τᵢ = θᵢ − sᵢ of members θᵢ from the networks sᵢ that they were fine-tuned from (Ilharco et al., Sec. 2), each with
/// its own start: pre-trained weights below a new head.
///
/// Inputs: M ≥ 1 networks, then their M starts, member i's at place M + i, of the same layout; records are passed over. Running
/// statistics take no part, as no gradient moves them; heads do, so that members with heads of their own are at larger angles.
///
/// Record: scalars `distance-travelled` (‖τᵢ‖, mean over members, ≥ 0, in the weights' own unit) and `relative-distance`
/// (‖τᵢ‖/‖sᵢ‖, likewise); `task-cosine` (cosine of τᵢ and τⱼ, in −1..=1, mean over all pairs) and `task-cosine-first` (mean over
/// pairs with member 1); lists `distance-travelled` and `relative-distance`, one entry a member; surface `task-cosine-matrix` of
/// subject `members` on `weights`, over members counted from 1, NaN beside a member that did not move. A scalar that does not
/// exist is left out: cosines of one member or where one did not move, relative distances where a start is all zeros.
///
/// Cost: no image is looked at; O(M² d) for members of d weights; memory: the weights of M networks. Differences are rounded to
/// `f32`, as weights are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TaskVectors;

impl Probe for TaskVectors {
    fn id(&self) -> &'static str {
        "task-vectors"
    }

    fn settings(&self) -> String {
        "1".into()
    }

    fn citations(&self) -> Vec<Citation> {
        vec![Citation::PRETRAIN_BASIN, Citation::TASK_VECTORS]
    }

    fn data(&self) -> Vec<DataRef> {
        Vec::new()
    }

    fn cost(&self, _: usize, _: &dyn Fn(&DataRef) -> usize) -> u64 {
        0
    }

    fn check(&self, networks: usize, _: usize) -> Result<(), ProbeError> {
        match networks >= 2 && networks.is_multiple_of(2) {
            true => Ok(()),
            false => {
                let expected = "expected at least one member and as many starts";
                Err(subject(self.id(), format!("networks: {networks}, {expected}")))
            }
        }
    }

    fn run(&self, lab: &mut dyn Lab) -> Result<Record, ProbeError> {
        self.check(lab.networks(), lab.records().len())?;
        let members = lab.networks() / 2;
        let (mut vectors, mut distances, mut relative) = (Vec::new(), Vec::new(), Vec::new());
        for member in 0..members {
            let (own, start) = (lab.params(member)?, lab.params(members + member)?);
            let vector = Params::linear_combination(&[&own, &start], &[1.0, -1.0]);
            let vector = vector.map_err(|error| self.refused(error))?;
            let (distance, length) = (self.norm(&vector)?, self.norm(&start)?);
            distances.push(distance);
            relative.push((length > 0.0).then(|| distance / length));
            vectors.push(vector);
        }
        let mut record = Record::default().with_list("distance-travelled", distances.clone());
        let relative: Option<Vec<f64>> = relative.into_iter().collect();
        if let Some(relative) = &relative {
            record = record.with_list("relative-distance", relative.clone());
        }
        let cosines = self.cosines(&vectors)?;
        let of = |pairs: &dyn Fn(usize) -> bool| {
            let all = (0..members).flat_map(|i| (0..i).map(move |j| (i, j))).filter(|(_, j)| pairs(*j));
            mean(&all.map(|(i, j)| cosines[i][j]).collect::<Option<Vec<f64>>>()?)
        };
        let numbers = [
            ("distance-travelled", mean(&distances)),
            ("relative-distance", relative.and_then(|relative| mean(&relative))),
            ("task-cosine", of(&|_| true)),
            ("task-cosine-first", of(&|first| first == 0)),
        ];
        for (name, number) in numbers {
            record.scalars.extend(number.map(|number| (name.to_owned(), number)));
        }
        Ok(if members > 1 { record.with_surface(matrix(&cosines)) } else { record })
    }
}

impl TaskVectors {
    fn refused(&self, error: ParamsError) -> ProbeError {
        subject(self.id(), error)
    }

    fn norm(&self, of: &Params) -> Result<f64, ProbeError> {
        Ok(of.dot(of, is_weight).map_err(|error| self.refused(error))?.sqrt())
    }

    /// Of each pair, none where one did not move; of a vector with itself 1.
    fn cosines(&self, vectors: &[Params]) -> Result<Vec<Vec<Option<f64>>>, ProbeError> {
        let mut all = vec![vec![Some(1.0); vectors.len()]; vectors.len()];
        for i in 0..vectors.len() {
            for j in 0..i {
                let cosine = vectors[i].cosine(&vectors[j], is_weight);
                let cosine = cosine.map_err(|error| self.refused(error))?;
                (all[i][j], all[j][i]) = (cosine, cosine);
            }
        }
        Ok(all)
    }
}

fn matrix(cosines: &[Vec<Option<f64>>]) -> Surface {
    let places: Vec<f64> = (1..=cosines.len()).map(|member| member as f64).collect();
    Surface {
        subject: "members".into(),
        data: "weights".into(),
        quantity: "task-cosine-matrix".into(),
        variables: ["member".into(), "other-member".into()],
        x: places.clone(),
        y: places,
        values: cosines.iter().flatten().map(|cosine| cosine.unwrap_or(f64::NAN)).collect(),
        marks: Vec::new(),
    }
}
