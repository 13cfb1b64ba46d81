//! The greedy soup.

use crate::subspace::{Networks, mean_of, refusal};
use basin_core::{DataRef, Params, SeedTree};
use basin_ensemble::{ParamOp, ParamOpError};

/// Networks from the most accurate on held-out images to the least, the earlier of equals first; each joins the mean of those before
/// unless that makes the mean less accurate there (Wortsman et al. 2022, Recipe 1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GreedySoup {
    /// Images that none of the networks was trained on.
    pub held_out: DataRef,
}

impl ParamOp for GreedySoup {
    fn id(&self) -> String {
        "greedy soup 1".into()
    }

    fn apply(&self, _: &[&Params], _: &SeedTree) -> Result<Params, ParamOpError> {
        Err(refusal(self, "no images to judge by, expected those held out".into()))
    }

    fn judged_on(&self) -> Option<DataRef> {
        Some(self.held_out.clone())
    }

    fn apply_judged(
        &self,
        inputs: &[&Params],
        _: &SeedTree,
        judge: &mut dyn FnMut(&Params) -> Result<f64, ParamOpError>,
    ) -> Result<Params, ParamOpError> {
        let mut ranked = Vec::with_capacity(inputs.len());
        for &network in inputs {
            ranked.push((judge(network)?, network));
        }
        ranked.sort_by(|(a, _), (b, _)| b.total_cmp(a));
        let mut ranked = ranked.into_iter();
        let Some((mut best, first)) = ranked.next() else {
            return Err(refusal(self, "no networks, expected some".into()));
        };
        let (mut taken, mut soup) = (vec![first], first.clone());
        for (_, network) in ranked {
            taken.push(network);
            let mean = mean_of(&Networks::of(self, &taken)?);
            let accuracy = judge(&mean)?;
            if accuracy >= best {
                (best, soup) = (accuracy, mean);
            } else {
                taken.pop();
            }
        }
        Ok(soup)
    }

    fn new_statistics(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use basin_core::Array;

    fn network(value: f32) -> Params {
        let mut params = Params::new();
        params.insert("w", Array::new(vec![1], vec![value]).unwrap());
        params
    }

    fn value(params: &Params) -> f32 {
        params.get("w").unwrap().data()[0]
    }

    #[test]
    fn networks_are_tried_from_the_best_and_stay_out_where_they_harm() {
        // The nearer to 3 the better: 4 and 2 are equally good, 4 comes first; with 2 the mean is 3, with 9 it is 5, with 1 it is 7/3.
        let networks = [9.0, 4.0, 2.0, 1.0].map(network);
        let mut tried = Vec::new();
        let mut judge = |params: &Params| {
            tried.push(value(params));
            Ok(1.0 - f64::from((value(params) - 3.0).abs()) / 10.0)
        };
        let operation = GreedySoup { held_out: DataRef::train().share(0, 20, 0) };
        let inputs: Vec<&Params> = networks.iter().collect();
        let soup = operation.apply_judged(&inputs, &SeedTree::root(0), &mut judge).unwrap();
        assert_eq!(value(&soup), 3.0);
        assert_eq!(tried, [9.0, 4.0, 2.0, 1.0, 3.0, 7.0 / 3.0, 5.0]);
        assert_eq!(operation.id(), "greedy soup 1");
        let none = operation.apply_judged(&[], &SeedTree::root(0), &mut |_| Ok(0.0)).unwrap_err();
        assert!(none.to_string().ends_with("no networks, expected some"), "{none}");
        let blind = operation.apply(&inputs, &SeedTree::root(0)).unwrap_err();
        assert!(blind.to_string().ends_with("no images to judge by, expected those held out"), "{blind}");
    }
}
