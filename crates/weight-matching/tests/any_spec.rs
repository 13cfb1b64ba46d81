//! Whatever a spec says: one that can be built and fits a network keeps every promise, and no other panics.

use crate::networks::{filled, inner_product, random_permutations};
use basin_core::{Params, SeedTree};
use proptest::prelude::*;
use weight_matching::{
    FrankWolfeOptions, MatchingError, MatchingOptions, PermutationSpec, Permutations, Segment, SpecBuilder,
    apply, frank_wolfe, merge_many, multi_pcd, weight_matching,
};

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

/// An axis as its segments, with its length should there be none.
type Axis = (Vec<Segment>, usize);

#[derive(Clone, Debug)]
struct Parameter {
    axes: Vec<Axis>,
    carried: bool,
    tied: bool,
}

#[derive(Clone, Debug)]
struct Description {
    sizes: [usize; 4],
    parameters: Vec<Parameter>,
    heads: Option<usize>,
    equal: bool,
}

fn segment() -> impl Strategy<Value = Segment> {
    prop_oneof![
        1 => (0usize..3).prop_map(Segment::Fixed),
        6 => (0usize..4, prop_oneof![8 => Just(1usize), 2 => 0usize..4])
            .prop_map(|(name, each)| Segment::blocks(NAMES[name], each)),
    ]
}

fn description() -> impl Strategy<Value = Description> {
    let segments = prop_oneof![
        4 => Just(Vec::new()),
        8 => segment().prop_map(|segment| vec![segment]),
        1 => prop::collection::vec(segment(), 2..4),
    ];
    let axes = prop::collection::vec((segments, 0usize..4), 0..4);
    let parameter = (axes, prop::bool::weighted(0.1), prop::bool::weighted(0.05));
    let parameter = parameter.prop_map(|(axes, carried, tied)| Parameter { axes, carried, tied });
    (
        prop::array::uniform4(prop_oneof![1 => Just(0usize), 9 => 1usize..6]),
        prop::collection::vec(parameter, 1..5),
        prop_oneof![1 => Just(None), 1 => (0usize..4).prop_map(Some)],
        prop::bool::weighted(0.2),
    )
        .prop_map(|(mut sizes, mut parameters, heads, equal)| {
            let mut add = |segments: &[&str]| {
                let segments = segments.iter().copied().map(Segment::units).collect();
                parameters.push(Parameter { axes: vec![(segments, 0)], carried: false, tied: false });
            };
            // So that most groups and pairs fit.
            if let Some(heads) = heads {
                sizes[0] *= heads.max(1);
                sizes[1] = sizes[0];
                add(&["a", "a", "b"]);
                add(&["b"]);
            }
            if equal {
                sizes[3] = sizes[2];
                add(&["c", "d"]);
            }
            Description { sizes, parameters, heads, equal }
        })
}

impl Description {
    fn size(&self, name: &str) -> usize {
        self.sizes[NAMES.iter().position(|n| *n == name).unwrap()]
    }

    fn builder(&self) -> SpecBuilder {
        let parameters = self.parameters.iter().enumerate();
        let mut spec = parameters.fold(PermutationSpec::builder(), |spec, (i, parameter)| {
            let (name, axes) = (i.to_string(), parameter.axes.iter().map(|axis| axis.0.clone()));
            let axes: Vec<Vec<Segment>> = axes.collect();
            let simple = axes.iter().map(|axis| axis.first().and_then(Segment::name)).collect::<Vec<_>>();
            match parameter {
                Parameter { tied: true, .. } => spec.tied(name, &simple),
                Parameter { carried: true, .. } => spec.carried(name, &axes),
                _ => spec.concatenated(name, &axes),
            }
        });
        if let Some(heads) = self.heads {
            spec = spec.heads("a", "b", heads);
        }
        if self.equal { spec.equal_sizes("c", "d") } else { spec }
    }

    fn network(&self, seed: u64) -> Params {
        let len = |tied: bool, (segments, fixed): &Axis| {
            let each = |segment: &Segment| match segment {
                Segment::Fixed(len) => *len,
                Segment::Units { name, each } => self.size(name) * each,
            };
            match segments.first().and_then(Segment::name) {
                Some(name) if tied => self.size(name),
                _ if segments.is_empty() || tied => *fixed,
                _ => segments.iter().map(each).sum(),
            }
        };
        let shape = |(i, parameter): (usize, &Parameter)| {
            (i.to_string(), parameter.axes.iter().map(|axis| len(parameter.tied, axis)).collect())
        };
        filled(self.parameters.iter().enumerate().map(shape).collect(), seed)
    }
}

fn matched_part(spec: &PermutationSpec, net: &Params) -> Params {
    net.iter().filter(|(name, _)| spec.is_matched(name)).map(|(n, a)| (n.to_owned(), a.clone())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn every_spec_that_fits_keeps_every_promise(description in description(), seed in 0u64..1000) {
        let Ok(spec) = description.builder().build() else { return Ok(()) };
        let (a, b) = (description.network(seed), description.network(seed + 1000));
        let Ok(sizes) = spec.validate(&a) else { return Ok(()) };
        prop_assert!(sizes.iter().all(|(name, &size)| size == description.size(name)), "{:?}", sizes);

        let planted = random_permutations(&spec, &a, seed);
        let there = apply(&spec, &a, &planted).unwrap();
        prop_assert_eq!(&apply(&spec, &there, &planted.inverse()).unwrap(), &a);
        prop_assert_eq!(&apply(&spec, &a, &Permutations::identity(&sizes)).unwrap(), &a);

        let options = MatchingOptions::new(SeedTree::root(seed));
        if let Some(parameter) = spec.first_tied() {
            let parameter = parameter.to_owned();
            let refused = weight_matching(&spec, &a, &b, &options);
            prop_assert_eq!(refused, Err(MatchingError::Tied { parameter }));
            return Ok(());
        }
        prop_assert!(weight_matching(&spec, &a, &a, &options).unwrap().permutations.is_identity());
        let found = weight_matching(&spec, &a, &b, &options).unwrap();
        let aligned = apply(&spec, &b, &found.permutations).unwrap();
        let reached = inner_product(&matched_part(&spec, &a), &matched_part(&spec, &aligned));
        prop_assert!(found.converged && found.objective_history.is_sorted());
        prop_assert!(found.objective_after() >= found.objective_before);
        prop_assert!((found.objective_after() - reached).abs() < 1e-9, "{} {}", reached, found.objective_after());

        let networks = [&a, &b, &there];
        let mut options = MatchingOptions::new(SeedTree::root(seed));
        options.restarts = Some(1);
        let mut relaxed = FrankWolfeOptions::new(SeedTree::root(seed));
        relaxed.restarts = Some(1);
        let relaxed = frank_wolfe(&spec, &networks, &relaxed).unwrap();
        prop_assert!(relaxed.relaxed_history.is_sorted());
        for found in [
            multi_pcd(&spec, &networks, &options).unwrap(),
            merge_many(&spec, &networks, &options).unwrap().matching,
            relaxed.matching,
        ] {
            prop_assert!(found.align(&spec, &networks).is_ok());
        }
    }
}
