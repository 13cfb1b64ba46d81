//! Safetensors bytes with any element type this crate carries.

use crate::files::tensor::MOST_TENSORS;
use crate::files::{Element, Problem, Tensor};
use safetensors::tensor::{SafeTensors, TensorView};
use std::collections::{BTreeMap, HashMap};

/// All tensors of the file by name.
pub(crate) fn decode(bytes: &[u8]) -> Result<BTreeMap<String, Tensor>, Problem> {
    let broken = |e: safetensors::SafeTensorError| Problem::Safetensors { reason: e.to_string() };
    let file = SafeTensors::deserialize(bytes).map_err(broken)?;
    if file.len() > MOST_TENSORS {
        let reason = format!("{} tensors, expected at most {MOST_TENSORS}", file.len());
        return Err(Problem::Safetensors { reason });
    }
    let mut tensors = BTreeMap::new();
    for (name, view) in file.iter() {
        let element = Element::of_dtype(view.dtype()).ok_or_else(|| Problem::Element {
            name: name.to_owned(),
            found: format!("{:?}", view.dtype()),
        })?;
        let tensor = Tensor::new(name, element, view.shape().to_vec(), view.data().to_vec())?;
        tensors.insert(name.to_owned(), tensor);
    }
    Ok(tensors)
}

/// Encodes; the same tensors and note give the same bytes. The note is one entry of the header, because the
/// encoder writes several in no fixed order.
///
/// # Panics
/// Never: tensors are checked when they are made.
pub(crate) fn encode(tensors: &BTreeMap<String, Tensor>, note: (&str, &str)) -> Vec<u8> {
    let views = tensors.iter().map(|(name, tensor)| {
        let view = TensorView::new(tensor.element.dtype(), tensor.shape.clone(), &tensor.bytes);
        (name.as_str(), view.expect("the bytes fill the shape"))
    });
    let metadata = HashMap::from([(note.0.to_owned(), note.1.to_owned())]);
    safetensors::serialize(views, Some(metadata)).expect("tensors are well formed")
}
