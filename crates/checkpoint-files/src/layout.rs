//! Writing safetensors: the header, then tensor after tensor, without a copy of the whole.

use crate::Tensor;
use basin_core::Array;
use safetensors::tensor::{Dtype, Metadata, TensorInfo};
use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};

/// What goes into a file: a tensor as it was in another one, or weights.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stored<'a> {
    Tensor(&'a Tensor),
    Weights(&'a Array),
}

impl Stored<'_> {
    fn dtype(&self) -> Dtype {
        match self {
            Self::Tensor(tensor) => tensor.element.dtype(),
            Self::Weights(_) => Dtype::F32,
        }
    }

    fn shape(&self) -> &[usize] {
        match self {
            Self::Tensor(tensor) => &tensor.shape,
            Self::Weights(array) => array.shape(),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Tensor(tensor) => tensor.bytes.len(),
            Self::Weights(array) => size_of_val(array.data()),
        }
    }

    fn write(&self, to: &mut dyn Write) -> io::Result<()> {
        /// Values that are converted at once: few enough to stay in a core's cache until they are written.
        const CHUNK: usize = 1 << 14;
        let array = match self {
            Self::Tensor(tensor) => return to.write_all(&tensor.bytes),
            Self::Weights(array) => array,
        };
        let mut bytes = vec![0; 4 * CHUNK.min(array.data().len())];
        for values in array.data().chunks(CHUNK) {
            let bytes = &mut bytes[..4 * values.len()];
            let (words, _) = bytes.as_chunks_mut();
            words.iter_mut().zip(values).for_each(|(word, x)| *word = x.to_le_bytes());
            to.write_all(bytes)?;
        }
        Ok(())
    }
}

/// Tensors in the order in which they go into a file, behind its header.
#[derive(Clone, Debug)]
pub(crate) struct Layout<'a> {
    header: Vec<u8>,
    tensors: Vec<Stored<'a>>,
}

impl<'a> Layout<'a> {
    /// The same tensors and note give the same bytes. The note is one entry of the header, because several have no fixed
    /// order.
    ///
    /// # Panics
    /// Never: tensors are checked when they are made.
    pub(crate) fn new(tensors: BTreeMap<&str, Stored<'a>>, note: (&str, &str)) -> Self {
        let mut tensors: Vec<(&str, Stored<'a>)> = tensors.into_iter().collect();
        // Wide elements first, so that each lies at a multiple of its size.
        tensors.sort_by(|(a, left), (b, right)| right.dtype().cmp(&left.dtype()).then(a.cmp(b)));
        let mut end = 0;
        let info = |(name, tensor): &(&str, Stored<'a>)| {
            let start = end;
            end += tensor.len();
            let shape = tensor.shape().to_vec();
            ((*name).to_owned(), TensorInfo { dtype: tensor.dtype(), shape, data_offsets: (start, end) })
        };
        let infos = tensors.iter().map(info).collect();
        let metadata = HashMap::from([(note.0.to_owned(), note.1.to_owned())]);
        let metadata = Metadata::new(Some(metadata), infos).expect("tensors are well formed");
        let mut json = serde_json::to_vec(&metadata).expect("names and numbers are JSON");
        json.resize(json.len().next_multiple_of(8), b' ');
        let header = [&(json.len() as u64).to_le_bytes(), &json[..]].concat();
        Self { header, tensors: tensors.into_iter().map(|(_, tensor)| tensor).collect() }
    }

    /// Number of bytes.
    pub(crate) fn len(&self) -> usize {
        self.header.len() + self.tensors.iter().map(Stored::len).sum::<usize>()
    }

    /// Writes the bytes a little at a time.
    pub(crate) fn write(&self, to: &mut dyn Write) -> io::Result<()> {
        to.write_all(&self.header)?;
        self.tensors.iter().try_for_each(|tensor| tensor.write(to))
    }

    /// The bytes.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.len());
        self.write(&mut bytes).expect("memory takes what is written");
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Element;
    use safetensors::tensor::TensorView;

    #[test]
    fn the_bytes_are_those_of_the_formats_own_encoder() {
        let weights = Array::new(vec![2, 3], vec![0.5, -1.0, 2.0, f32::MIN_POSITIVE, 0.0, -0.0]).unwrap();
        let empty = Array::full(vec![0, 3], 0.0);
        let kept = |element: Element, shape: &[usize]| {
            let bytes = (0..shape.iter().product::<usize>() * element.size()).map(|i| i as u8).collect();
            Tensor::new("kept", element, shape.to_vec(), bytes).unwrap()
        };
        let tensors = [
            kept(Element::I64, &[]),
            kept(Element::U8, &[3]),
            kept(Element::F16, &[5]),
            kept(Element::F64, &[1, 2]),
        ];
        for note in [("format", "pt"), ("long", "x y z")] {
            let mut stored = BTreeMap::from([
                ("b.weight", Stored::Weights(&weights)),
                ("a.weight", Stored::Weights(&weights)),
                ("empty", Stored::Weights(&empty)),
            ]);
            for (name, tensor) in ["count", "byte", "half", "wide"].into_iter().zip(&tensors) {
                let ours = Layout::new(stored.clone(), note);
                let all: Vec<(&str, Vec<u8>, &Stored<'_>)> = stored
                    .iter()
                    .map(|(name, tensor)| {
                        let mut bytes = Vec::new();
                        tensor.write(&mut bytes).unwrap();
                        (*name, bytes, tensor)
                    })
                    .collect();
                let views = all.iter().map(|(name, bytes, tensor)| {
                    (*name, TensorView::new(tensor.dtype(), tensor.shape().to_vec(), bytes).unwrap())
                });
                let metadata = HashMap::from([(note.0.to_owned(), note.1.to_owned())]);
                let theirs = safetensors::serialize(views, Some(metadata)).unwrap();
                assert!(ours.bytes() == theirs && ours.len() == theirs.len(), "{name}");
                stored.insert(name, Stored::Tensor(tensor));
            }
        }
    }
}
