//! Jointly permuted ensembles: all deep members moved at once, so that they suit each other and not only the first.

use crate::Deep;
use basin_core::{Citation, Digest, Params, SeedTree};
use basin_ensemble::{EnsembleMethod, ParamOp, ParamOpError, PlanContext, Recipe, RecipeError};
use std::sync::{Arc, Mutex, PoisonError};
use weight_matching::{
    FrankWolfeOptions, MatchingOptions, MultiMatching, MultiMatchingError, PermutationSpec, apply,
    frank_wolfe, merge_many, multi_pcd,
};

/// How several networks are matched at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JointMatching {
    /// Coordinate descent on the sum over all pairs, the first member fixed (Lion et al., Appendix A).
    MultiPcd,
    /// Each member to the mean of the others, none fixed (Ainsworth et al., Algorithm 3).
    MergeMany,
    /// Cycle-consistent matching by Frank–Wolfe (Crisostomi et al., Algorithm 1).
    FrankWolfe,
}

impl JointMatching {
    fn id(self) -> &'static str {
        match self {
            Self::MultiPcd => "multi-pcd",
            Self::MergeMany => "merge-many",
            Self::FrankWolfe => "frank-wolfe",
        }
    }

    fn citation(self) -> Citation {
        match self {
            Self::MultiPcd => Citation::SINGLE_BASIN,
            Self::MergeMany => weight_matching::CITATION,
            Self::FrankWolfe => Citation {
                key: "crisostomi2024c2m3",
                authors: "Crisostomi, Donato and Fumero, Marco and Baieri, Daniele and Bernard, Florian and \
                          Rodolà, Emanuele",
                title: "C²M³: Cycle-Consistent Multi-Model Merging",
                year: 2024,
                locator: "2405.17897",
            },
        }
    }
}

/// The deep members with their units permuted by one joint matching of all. Accuracy is the deep ensemble's, by
/// construction; only connectivity can change.
#[derive(Clone, Debug)]
pub struct JointlyPermuted {
    /// How.
    pub matching: JointMatching,
    /// Which axes of which parameters move together.
    pub spec: PermutationSpec,
    /// Name of the spec, for example `resnet20`: part of the digest.
    pub spec_name: String,
}

impl EnsembleMethod for JointlyPermuted {
    fn id(&self) -> &'static str {
        self.matching.id()
    }

    fn citations(&self) -> Vec<Citation> {
        let mut citations = vec![Citation::SINGLE_BASIN, weight_matching::CITATION, self.matching.citation()];
        citations.sort();
        citations.dedup();
        citations
    }

    fn plan(&self, cx: &PlanContext) -> Result<Recipe, RecipeError> {
        let mut recipe = Recipe::new();
        let inputs =
            (1..=cx.members).map(|i| Deep::member(&mut recipe, cx, i)).collect::<Result<Vec<_>, _>>()?;
        let all = Arc::new(MatchAll { method: self.clone(), newest: Mutex::default() });
        for member in 0..cx.members {
            let operation = Arc::new(MatchOne { all: all.clone(), member });
            let name = format!("{}-{}", self.matching.id(), member + 1);
            // One seed path for all members: each computes the same matching and takes its part of it.
            let aligned = recipe.transform(name, operation, inputs.clone(), self.matching.id());
            recipe.member(aligned);
        }
        Ok(recipe)
    }
}

/// The joint matching of all inputs.
#[derive(Debug)]
struct MatchAll {
    method: JointlyPermuted,
    /// The newest matching and what it was asked for: all members want the same one.
    newest: Mutex<Option<Matched>>,
}

/// Seed and inputs of a matching, and what was found.
#[derive(Debug)]
struct Matched {
    seed: SeedTree,
    /// Digests of their content.
    inputs: Vec<Digest>,
    found: Arc<MultiMatching>,
}

impl MatchAll {
    fn find(&self, inputs: &[&Params], seed: &SeedTree) -> Result<Arc<MultiMatching>, MultiMatchingError> {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let digests: Vec<Digest> = inputs.iter().map(|params| params.content_hash()).collect();
        let same = |m: &&Matched| (m.seed, &m.inputs) == (*seed, &digests);
        if let Some(Matched { found, .. }) = newest.as_ref().filter(same) {
            return Ok(found.clone());
        }
        // One search, as in the papers.
        let (spec, mut options) = (&self.method.spec, MatchingOptions::new(*seed));
        let mut relaxed = FrankWolfeOptions::new(*seed);
        (options.restarts, relaxed.restarts) = (Some(1), Some(1));
        let found = Arc::new(match self.method.matching {
            JointMatching::MultiPcd => multi_pcd(spec, inputs, &options)?,
            JointMatching::MergeMany => merge_many(spec, inputs, &options)?.matching,
            JointMatching::FrankWolfe => frank_wolfe(spec, inputs, &relaxed)?.matching,
        });
        *newest = Some(Matched { seed: *seed, inputs: digests, found: found.clone() });
        Ok(found)
    }
}

/// One network out of the joint matching.
#[derive(Clone, Debug)]
struct MatchOne {
    all: Arc<MatchAll>,
    member: usize,
}

impl ParamOp for MatchOne {
    fn id(&self) -> String {
        let JointlyPermuted { matching, spec_name, .. } = &self.all.method;
        format!("{} 2 (spec {spec_name}, network {})", matching.id(), self.member)
    }

    fn apply(&self, inputs: &[&Params], seed: &SeedTree) -> Result<Params, ParamOpError> {
        let refuse = |reason: String| ParamOpError { operation: self.id(), reason };
        let found = self.all.find(inputs, seed).map_err(|e| refuse(e.to_string()))?;
        let own = inputs.get(self.member).zip(found.permutations.get(self.member));
        let (params, permutations) = own.ok_or_else(|| refuse(format!("{} inputs", inputs.len())))?;
        apply(&self.all.method.spec, params, permutations).map_err(|e| refuse(e.to_string()))
    }

    fn check(&self, networks: usize, layout: &Params) -> Result<(), ParamOpError> {
        let spec = &self.all.method.spec;
        let refuse = |reason: String| Err(ParamOpError { operation: self.id(), reason });
        match (spec.validate(layout), spec.first_tied()) {
            (Err(error), _) => refuse(error.to_string()),
            (Ok(_), Some(parameter)) => {
                refuse(MultiMatchingError::Tied { parameter: parameter.to_owned() }.to_string())
            }
            (Ok(_), None) if networks < 2 => {
                refuse(MultiMatchingError::TooFew { found: networks }.to_string())
            }
            (Ok(_), None) => Ok(()),
        }
    }

    fn preserves(&self) -> Option<usize> {
        Some(self.member)
    }
}
