//! Tensors in a state dict that are not weights: nothing in them belongs to a unit, so they stay as they are
//! whatever the order of the units.

use crate::tensor::Raw;
use crate::{Checkpoint, Element, Problem};

/// Why a floating-point tensor stays as it is; `None` for weights. `has` asks for other tensors of the file.
pub(crate) fn stray(name: &str, raw: &Raw<'_>, has: impl Fn(&str) -> bool) -> Option<&'static str> {
    let last = name.rsplit('.').next().unwrap_or(name);
    let elements: usize = raw.shape.iter().product();
    if ["num_batches_tracked", "n_averaged", "total_ops", "total_params"].contains(&last) && elements <= 1 {
        return Some("a count");
    }
    if raw.shape.is_empty() {
        return Some("a single number");
    }
    if elements == 0 {
        return Some("empty");
    }
    if raw.expanded && elements > 1 {
        return Some("one number throughout");
    }
    normalises_inputs(name, last, &raw.shape, has).then_some("the inputs' normalisation")
}

/// Mean and standard deviation of the inputs' channels: both there, of at most four channels, in a module that
/// holds nothing else and stands at the top or says what it is.
fn normalises_inputs(name: &str, last: &str, shape: &[usize], has: impl Fn(&str) -> bool) -> bool {
    let pairs = [("mean", "std"), ("pixel_mean", "pixel_std"), ("image_mean", "image_std")];
    let Some(other) = pairs.iter().find_map(|(a, b)| match last {
        last if last == *a && has(&name.replace(a, b)) => Some(*b),
        last if last == *b && has(&name.replace(b, a)) => Some(*a),
        _ => None,
    }) else {
        return false;
    };
    let module = &name[..name.len() - last.len()];
    let lower = module.to_ascii_lowercase();
    let says = ["normali", "preproc", "transform", "input", "image", "pixel"]
        .iter()
        .any(|word| lower.contains(word));
    let alone = ["weight", "bias", "running_mean"].iter().all(|own| !has(&format!("{module}{own}")));
    let channels = shape.iter().filter(|&&extent| extent > 1).collect::<Vec<_>>();
    let few = matches!(channels[..], [] | [2..=4]);
    few && alone && (module.is_empty() || says || other.starts_with("pixel") || other.starts_with("image"))
}

impl Checkpoint {
    /// Refuses what would be weights but for its type: floats of eight bits, quantised and complex weights. They
    /// are read and kept, so that a file can be looked at, but a network without them is not the network.
    ///
    /// # Errors
    /// [`Problem::NotWeights`] names the first.
    pub fn check_weights(&self) -> Result<(), Problem> {
        let unfit = |(name, tensor): (&String, &crate::Tensor)| {
            let last = name.rsplit('.').next().unwrap_or(name);
            let element = tensor.element();
            let (what, advice) = if element.is_float8() {
                let what = "weights of eight bits, which mean something only with their scales";
                (what, "save the network in bf16 or f32")
            } else if element == Element::Complex64 && !last.contains("freq") {
                let what = "complex numbers";
                (what, "remove it if it is not a weight, or save torch.view_as_real of it")
            } else if !element.is_float()
                && tensor.shape().iter().any(|&extent| extent > 1)
                && ["weight", "bias", "qweight", "qzeros", "weight_packed", "_packed_params"].contains(&last)
            {
                ("quantised weights", "save the network before it was quantised, or dequantise it")
            } else {
                return None;
            };
            Some(Problem::NotWeights { name: name.clone(), found: element.name(), what, advice })
        };
        self.kept.iter().find_map(unfit).map_or(Ok(()), Err)
    }
}
