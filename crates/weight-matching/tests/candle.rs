//! Conversions from and to candle's tensors.

use crate::networks::{mlp, random_network, random_permutations};
use basin_core::SeedTree;
use candle_core::{DType, Device, Tensor, Var};
use std::collections::HashMap;
use weight_matching::candle::{TensorError, params_from_tensors, tensors_from_params};
use weight_matching::{MatchingOptions, apply, weight_matching};

#[test]
fn tensors_come_back_bit_for_bit_sorted_by_name() {
    let net = random_network(&[3, 12, 2, 5, 1, 4, 6, 2, 3, 2, 2, 2], 0);
    let tensors = tensors_from_params(&net, &Device::Cpu).unwrap();
    let shuffled: HashMap<&String, &Tensor> = tensors.iter().collect();
    let back =
        params_from_tensors(shuffled.into_iter().map(|(name, tensor)| (name.as_str(), tensor))).unwrap();
    assert!(back.iter().map(|(name, _)| name).is_sorted());
    back.check_same_layout(&net).unwrap();
    for (name, array) in net.iter() {
        let bits = |x: &[f32]| x.iter().map(|x| x.to_bits()).collect::<Vec<u32>>();
        assert_eq!(bits(back.get(name).unwrap().data()), bits(array.data()), "{name}");
    }
    // Scalars and arrays without elements have no special place.
    let odd = [
        ("none", Tensor::zeros((0, 3), DType::F32, &Device::Cpu)),
        ("one", Tensor::new(2.5f32, &Device::Cpu)),
    ];
    let odd = odd.map(|(name, tensor)| (name, tensor.unwrap()));
    let back = params_from_tensors(odd.iter().map(|(name, tensor)| (*name, tensor))).unwrap();
    assert_eq!((back.get("none").unwrap().shape(), back.get("one").unwrap().shape()), (&[0, 3][..], &[][..]));
    assert_eq!(back.get("one").unwrap().data(), [2.5]);
    assert_eq!(tensors_from_params(&back, &Device::Cpu).unwrap()["one"].to_scalar::<f32>().unwrap(), 2.5);
}

#[test]
fn every_layout_and_element_type_is_read() {
    let base = Tensor::new(&[[0.5f32, 1.0, -2.0], [3.0, 4.0, 8.0]], &Device::Cpu).unwrap();
    let transposed = base.t().unwrap();
    let slice = base.narrow(1, 1, 2).unwrap();
    let wide = base.narrow(0, 1, 1).unwrap().broadcast_as((2, 3)).unwrap();
    let found = params_from_tensors([("t", &transposed), ("s", &slice), ("w", &wide)]).unwrap();
    let data = |name: &str| found.get(name).unwrap().data();
    assert_eq!(
        (found.get("t").unwrap().shape(), data("t")),
        (&[3, 2][..], &[0.5, 3.0, 1.0, 4.0, -2.0, 8.0][..])
    );
    assert_eq!((data("s"), data("w")), (&[1.0, -2.0, 4.0, 8.0][..], &[3.0, 4.0, 8.0, 3.0, 4.0, 8.0][..]));
    let whole = Tensor::new(&[0f32, 1.0, 2.0, 7.0], &Device::Cpu).unwrap();
    for element in [DType::F16, DType::BF16, DType::F64, DType::U8, DType::U32, DType::I64] {
        let converted = whole.to_dtype(element).unwrap();
        let found = params_from_tensors([("x", &converted)]).unwrap();
        assert_eq!(found.get("x").unwrap().data(), [0.0, 1.0, 2.0, 7.0], "{element:?}");
    }
}

#[test]
fn variables_are_aligned_and_set() {
    let spec = mlp(&["a", "b"]);
    let net = random_network(&[5, 9, 7, 3], 0);
    let planted = random_permutations(&spec, &net, 1);
    let permuted = apply(&spec, &net, &planted).unwrap();
    let vars = |params| -> HashMap<String, Var> {
        let tensors = tensors_from_params(params, &Device::Cpu).unwrap().into_iter();
        tensors.map(|(name, tensor)| (name, Var::from_tensor(&tensor).unwrap())).collect()
    };
    let (reference, target) = (vars(&net), vars(&permuted));
    let of = |vars: &HashMap<String, Var>| {
        params_from_tensors(vars.iter().map(|(name, var)| (name, var.as_tensor()))).unwrap()
    };
    let (a, b) = (of(&reference), of(&target));
    let found = weight_matching(&spec, &a, &b, &MatchingOptions::new(SeedTree::root(0))).unwrap();
    assert_eq!(found.permutations, planted.inverse());
    let aligned = apply(&spec, &b, &found.permutations).unwrap();
    for (name, tensor) in tensors_from_params(&aligned, &Device::Cpu).unwrap() {
        target[&name].set(&tensor).unwrap();
    }
    assert!(of(&target) == a);
}

#[test]
fn a_name_given_twice_is_refused() {
    let one = Tensor::new(1f32, &Device::Cpu).unwrap();
    let error = params_from_tensors([("w", &one), ("w", &one)]).unwrap_err();
    assert!(matches!(&error, TensorError::Duplicate { name } if name == "w"), "{error}");
}
