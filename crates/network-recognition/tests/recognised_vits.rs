//! Transformers by the names of four libraries: every number of heads that their widths allow, told or not.

use crate::layers::{Function, Net, draw};
use crate::recognised::{by_name, check, check_or_asked, is_found_again, untold};
use crate::vits::{ALL, Names, Vit};
use network_recognition::recognise::{Told, Unrecognised, recognise};
use permutation_spec::PermutationSpec;

impl Vit {
    fn told(&self) -> Told {
        Told { heads: Some(self.heads), ..untold() }
    }

    /// Without a number of heads right for all there may be, with it for that one.
    fn check(&self, seed: u64) {
        let name = format!("{self:?}");
        let possible = (1..=self.dim()).filter(|heads| self.dim().is_multiple_of(*heads));
        let possible: Vec<usize> = if self.qk_norm { vec![self.heads] } else { possible.collect() };
        let all: Vec<_> = possible.iter().map(|&heads| move |net: &Net<'_>| self.run(net, heads)).collect();
        let truly = |net: &Net<'_>| self.run(net, self.heads);
        let mut functions: Vec<Function<'_>> = vec![&truly];
        functions.extend(all.iter().map(|function| function as Function<'_>));
        let untold = check(&name, &functions, &untold(), seed);
        let told = check(&name, &functions[..1], &self.told(), seed);
        for (untold, told) in untold.iter().zip(&told) {
            let inner = |spec: &PermutationSpec| spec.permutations().len();
            if self.qk_norm {
                assert_eq!(inner(untold), inner(told), "{name}");
                continue;
            }
            // Queries and keys, values, and what is open without a number of heads.
            assert_eq!(inner(told), inner(untold) + 2 * self.depth, "{name}");
            assert_eq!(untold.groups(), [], "{name}");
            let heads = told.groups().iter().map(|group| group.heads);
            assert_eq!(heads.collect::<Vec<_>>(), vec![self.heads; self.depth], "{name}");
        }
    }
}

#[test]
fn transformers_keep_their_function_with_every_number_of_heads() {
    for (i, names) in ALL.into_iter().enumerate() {
        for heads in 1..=16 {
            // All depths and sizes of heads, spread over the numbers of heads.
            let (depth, size) = (1 + (heads + i) % 3, 1 + (heads / 3 + i) % 3);
            // Two units that are normalised are one and minus one.
            let size = if heads * size < 4 { 4 } else { size };
            Vit::of(names, heads, size, depth).check(heads as u64);
        }
    }
}

#[test]
fn biases_scales_norms_tokens_and_heads_may_be_missing_or_there() {
    for variant in 0..64 {
        let bit = |i: usize| variant >> i & 1 == 1;
        let names = ALL[variant % 6];
        let timm = names == Names::Timm || bit(5);
        let names = if timm { Names::Timm } else { names };
        let vit = Vit {
            bias: bit(0),
            layer_scale: timm && bit(1),
            qk_norm: timm && bit(2),
            class: bit(3) || names == Names::Bert,
            head: bit(4),
            ..Vit::of(names, 3, 2 + variant % 2, 2)
        };
        vit.check(variant as u64);
    }
}

#[test]
fn hidden_layers_of_any_width_are_told_from_the_stream() {
    for names in ALL {
        for hidden in [12, 24, 18, 3, 2] {
            Vit { hidden, ..Vit::of(names, 3, 2, 2) }.check(hidden as u64);
        }
        // As wide as the stream, they might be added to it.
        let vit = Vit { hidden: 6, ..Vit::of(names, 3, 2, 2) };
        for told in [untold(), vit.told()] {
            check_or_asked(&format!("{vit:?}"), &[&|net: &Net<'_>| vit.run(net, 3)], &told, 0);
        }
    }
}

#[test]
fn heads_that_do_not_divide_the_units_are_refused() {
    for names in ALL {
        let vit = Vit::of(names, 3, 2, 2);
        let net = draw(&|net| vit.run(net, 3), 0);
        for heads in [4, 5, 7, 12, 0] {
            let told = Told { heads: Some(heads), ..untold() };
            for (net, told) in [(net.clone(), told.clone()), by_name(&net, &told)] {
                let refused = recognise(&net, &told).map(|found| found.notes).unwrap_err();
                let text = refused.to_string();
                assert!(
                    text.contains(&format!("{heads} heads do not divide its 6 units")),
                    "{names:?}: {text}"
                );
                assert!(
                    matches!(refused, Unrecognised::Told { .. } | Unrecognised::Unknown { .. }),
                    "{names:?}: {refused:?}"
                );
            }
        }
    }
}

#[test]
fn planted_permutations_of_transformers_are_found_again() {
    for (seed, names) in ALL.into_iter().enumerate() {
        let vit = Vit::of(names, 4, 4, 2);
        let function: Function<'_> = &|net| vit.run(net, 4);
        for told in [vit.told(), untold()] {
            for spec in check("planted", &[function], &told, seed as u64) {
                assert!(is_found_again(&spec, function, seed as u64), "{names:?}");
            }
        }
    }
}
