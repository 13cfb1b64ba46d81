//! Permuted ensembles: deep members moved into one basin by permuting their units.

use crate::Deep;
use basin_core::{Citation, Params, SeedTree};
use basin_ensemble::{EnsembleMethod, ParamOp, ParamOpError, PlanContext, Recipe, RecipeError};
use std::sync::Arc;
use weight_matching::{MatchingOptions, PermutationSpec, apply, weight_matching};

/// Deep member 1 as it is, and every other member with its units permuted to match member 1 (the paper's
/// §4; permutation coordinate descent of Ainsworth et al. 2022). Accuracy is the deep ensemble's, by
/// construction; only connectivity can change.
#[derive(Clone, Debug)]
pub struct Permuted {
    /// Which axes of which parameters move together.
    pub spec: PermutationSpec,
    /// Name of the spec, for example `resnet20`: part of the digest.
    pub spec_name: String,
}

impl EnsembleMethod for Permuted {
    fn id(&self) -> &'static str {
        "permuted"
    }

    fn citations(&self) -> Vec<Citation> {
        vec![Citation::SINGLE_BASIN, weight_matching::CITATION]
    }

    fn plan(&self, cx: &PlanContext) -> Result<Recipe, RecipeError> {
        let mut recipe = Recipe::new();
        let reference = Deep::member(&mut recipe, cx, 1)?;
        recipe.member(reference);
        let operation = Arc::new(MatchWeights { spec: self.spec.clone(), spec_name: self.spec_name.clone() });
        for i in 2..=cx.members {
            let target = Deep::member(&mut recipe, cx, i)?;
            let inputs = vec![reference, target];
            let member =
                recipe.transform(format!("permuted-{i}"), operation.clone(), inputs, format!("permuted/{i}"));
            recipe.member(member);
        }
        Ok(recipe)
    }
}

/// Weight matching of the second input to the first, as an operation of a recipe.
#[derive(Clone, Debug)]
pub struct MatchWeights {
    /// Which axes move together.
    pub spec: PermutationSpec,
    /// Name of the spec.
    pub spec_name: String,
}

impl ParamOp for MatchWeights {
    fn id(&self) -> String {
        format!("weight-matching 2 (spec {})", self.spec_name)
    }

    fn apply(&self, inputs: &[&Params], seed: &SeedTree) -> Result<Params, ParamOpError> {
        let refuse = |reason: String| ParamOpError { operation: self.id(), reason };
        let [reference, target] = inputs else {
            return Err(refuse(format!("{} inputs, expected a reference and a target", inputs.len())));
        };
        let mut options = MatchingOptions::new(*seed);
        // One search, as in the paper.
        options.restarts = Some(1);
        let matching =
            weight_matching(&self.spec, reference, target, &options).map_err(|e| refuse(e.to_string()))?;
        apply(&self.spec, target, &matching.permutations).map_err(|e| refuse(e.to_string()))
    }

    fn check(&self, networks: usize, layout: &Params) -> Result<(), ParamOpError> {
        let refuse = |reason: String| Err(ParamOpError { operation: self.id(), reason });
        match self.spec.validate(layout) {
            Err(error) => refuse(error.to_string()),
            Ok(_) if networks != 2 => refuse(format!("{networks} inputs, expected a reference and a target")),
            Ok(_) => Ok(()),
        }
    }

    fn preserves(&self) -> Option<usize> {
        Some(1)
    }
}
