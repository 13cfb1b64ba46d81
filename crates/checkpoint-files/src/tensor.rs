//! One tensor as a file holds it, and the checks that make its shape safe to compute with.

use crate::names::is_plain;
use crate::source::Source;
use crate::{Element, Problem};
use basin_core::Array;
use std::io;

/// Most axes of a tensor.
pub(crate) const MOST_AXES: usize = 16;
/// Most tensors of a file.
pub(crate) const MOST_TENSORS: usize = 20_000;
/// Largest product of the extents other than 0 of a tensor without elements.
const LARGEST_EMPTY: usize = 1 << 20;

/// A tensor in the element type of its file, row-major and little-endian.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor {
    pub(crate) element: Element,
    pub(crate) shape: Vec<usize>,
    pub(crate) bytes: Vec<u8>,
}

impl Tensor {
    /// A tensor whose bytes fill its shape.
    ///
    /// # Errors
    /// [`Problem::Tensor`] when they do not, or when the shape is out of all proportion.
    pub fn new(name: &str, element: Element, shape: Vec<usize>, bytes: Vec<u8>) -> Result<Self, Problem> {
        Ok(Raw::new(name, element, shape, Source::Memory(bytes.into()))?.into_tensor()?)
    }

    /// Type of the elements.
    pub fn element(&self) -> Element {
        self.element
    }

    /// Extents of the axes.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The values as `f32`; `None` when they are not floating-point numbers. Exact but for `f64`, which rounds to
    /// nearest.
    pub fn to_array(&self) -> Option<Array> {
        Array::new(self.shape.clone(), self.element.to_f32(&self.bytes)?).ok()
    }
}

impl From<&Array> for Tensor {
    fn from(array: &Array) -> Self {
        let bytes = array.data().iter().flat_map(|x| x.to_le_bytes()).collect();
        Self { element: Element::F32, shape: array.shape().to_vec(), bytes }
    }
}

/// A tensor whose bytes may still be those of the file.
#[derive(Clone, Debug)]
pub(crate) struct Raw<'a> {
    pub(crate) element: Element,
    pub(crate) shape: Vec<usize>,
    pub(crate) source: Source<'a>,
    /// One number seen through a view of many places.
    pub(crate) expanded: bool,
}

impl<'a> Raw<'a> {
    /// [`Tensor::new`] without a copy.
    pub(crate) fn new(
        name: &str,
        element: Element,
        shape: Vec<usize>,
        source: Source<'a>,
    ) -> Result<Self, Problem> {
        let expected = count(name, &shape)? * element.size();
        if source.len() != expected {
            let reason = format!("has {} bytes, expected {expected} for {shape:?}", source.len());
            return Err(Problem::Tensor { name: name.to_owned(), reason });
        }
        Ok(Self { element, shape, source, expanded: false })
    }

    pub(crate) fn into_tensor(self) -> io::Result<Tensor> {
        Ok(Tensor { element: self.element, shape: self.shape, bytes: self.source.into_bytes()? })
    }
}

/// Refuses a name that no network has and a terminal or a text file would obey.
pub(crate) fn check_name(name: &str) -> Result<(), Problem> {
    if name.is_empty() || !name.chars().all(is_plain) {
        let reason = "has a name that is empty or holds control characters; the file is damaged".to_owned();
        return Err(Problem::Tensor { name: name.to_owned(), reason });
    }
    Ok(())
}

/// Number of elements of a shape. Whatever passes here can be multiplied out in any order without overflow,
/// and a tensor without elements has no axis so long that walking along it would never end.
pub(crate) fn count(name: &str, shape: &[usize]) -> Result<usize, Problem> {
    let refuse = |reason: &str| {
        let reason = format!("is {:?}, {reason}", &shape[..shape.len().min(MOST_AXES + 1)]);
        Problem::Tensor { name: name.to_owned(), reason }
    };
    if shape.len() > MOST_AXES {
        return Err(refuse("expected at most 16 axes"));
    }
    let nonzero = shape.iter().filter(|&&extent| extent > 0);
    let product = nonzero.copied().try_fold(1usize, usize::checked_mul);
    // Eight bytes are the longest element.
    let product = product.filter(|&n| n < usize::MAX / 16).ok_or_else(|| refuse("which fits no memory"))?;
    if !shape.contains(&0) {
        return Ok(product);
    }
    if product > LARGEST_EMPTY {
        return Err(refuse("which is empty and larger than any layer"));
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_out_of_all_proportion_are_refused() {
        assert_eq!(count("w", &[]).unwrap(), 1);
        assert_eq!(count("w", &[2, 3]).unwrap(), 6);
        assert_eq!(count("w", &[0, 3]).unwrap(), 0);
        for shape in [&[usize::MAX, 2][..], &[0, usize::MAX], &[usize::MAX / 2, 0], &[1; 17], &[1 << 30, 0]] {
            assert!(matches!(count("w", shape), Err(Problem::Tensor { .. })), "{shape:?}");
        }
    }
}
