//! Residual connections: units that are added together have one order, so they share one permutation.

use crate::{AttentionGroup, Segment, SpecBuilder, SpecError};
use std::collections::BTreeMap;

/// How the input of a residual block reaches the sum with the block's output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Skip<'a> {
    /// As it is, or subsampled: unit i is added to unit i, so input and output are one permutation.
    Identity,
    /// Through a convolution without bias of this name, as by [`SpecBuilder::conv`]: `{name}.weight`
    /// `[out, in, kh, kw]`. Input and output keep permutations of their own.
    Conv(&'a str),
    /// Through a dense layer of this name, as by [`SpecBuilder::dense`]: `{name}.weight` `[out, in]` and
    /// `{name}.bias` `[out]`. Input and output keep permutations of their own.
    Dense(&'a str),
}

/// Two orders of units that must be one; `None` is the order that stays.
pub(crate) type Sum = (Option<String>, Option<String>);

impl SpecBuilder {
    /// A skip connection around a block: skip(`input`) + `output`, where `output` are the units that the block's
    /// last layer writes. Describe the layers as if there were no connection, each with units of its own, and
    /// add one of these for each sum; what shares an order then follows. Norms of a projection are described
    /// like any other.
    ///
    /// With [`Skip::Identity`] both are one permutation, named like the one that a parameter uses first; sums of
    /// sums share it too. An order that must stay (`None`) makes the other side stay as well.
    /// [`PermutationSpec::validate`](crate::PermutationSpec::validate) then refuses networks in which they
    /// differ in size.
    ///
    /// ```
    /// use permutation_spec::{PermutationSpec, Skip};
    /// let spec = PermutationSpec::builder()
    ///     .conv("stem", None, Some("x"))
    ///     .conv("block1.conv1", Some("x"), Some("block1"))
    ///     .conv("block1.conv2", Some("block1"), Some("y"))
    ///     .residual(Some("x"), Some("y"), Skip::Identity)
    ///     .conv("block2.conv1", Some("y"), Some("block2"))
    ///     .conv("block2.conv2", Some("block2"), Some("z"))
    ///     .residual(Some("y"), Some("z"), Skip::Conv("block2.shortcut"))
    ///     .dense("fc", Some("z"), None)
    ///     .build()?;
    /// assert_eq!(spec.permutations().collect::<Vec<_>>(), ["x", "block1", "block2", "z"]);
    /// assert_eq!(spec.axes("block1.conv2.weight").unwrap()[0].as_deref(), Some("x"));
    /// # Ok::<(), permutation_spec::SpecError>(())
    /// ```
    ///
    /// [`SpecBuilder::build`] answers [`SpecError::Residual`] when no parameter uses one of them, when one is the
    /// inside of attention heads, or when an order that must stay is a stretch of a concatenated axis.
    #[must_use]
    pub fn residual(mut self, input: Option<&str>, output: Option<&str>, skip: Skip<'_>) -> Self {
        match skip {
            Skip::Identity => {
                self.sums.push((input.map(str::to_owned), output.map(str::to_owned)));
                self
            }
            Skip::Conv(name) => self.conv(name, input, output),
            Skip::Dense(name) => self.dense(name, input, output),
        }
    }

    /// Gives all units that are added together one name, or none if their order must stay.
    pub(crate) fn with_sums_merged(mut self) -> Result<Self, SpecError> {
        let sums = std::mem::take(&mut self.sums);
        if sums.is_empty() {
            return Ok(self);
        }
        // Class 0 is the order that stays; the others begin as one name each, in order of first use, so that
        // the smallest of merged classes is the one to keep.
        let mut positions: BTreeMap<String, usize> = BTreeMap::new();
        let mut names = vec![String::new()];
        for name in
            self.parameters.iter().flat_map(|(_, axes)| axes.iter().flatten()).filter_map(Segment::name)
        {
            positions.entry(name.to_owned()).or_insert_with(|| {
                names.push(name.to_owned());
                names.len() - 1
            });
        }
        let mut classes: Vec<usize> = (0..names.len()).collect();
        for sum in &sums {
            let class = |side: &Option<String>| {
                let Some(name) = side else { return Ok(classes[0]) };
                if self.groups.iter().any(|AttentionGroup { qk, vo, .. }| [qk, vo].contains(&name)) {
                    return Err(refusal(name, "they are the inside of attention heads"));
                }
                let position = positions.get(name);
                position.map(|&at| classes[at]).ok_or_else(|| refusal(name, "no parameter uses them"))
            };
            let (left, right) = (class(&sum.0)?, class(&sum.1)?);
            let (keep, gone) = (left.min(right), left.max(right));
            classes.iter_mut().filter(|class| **class == gone).for_each(|class| *class = keep);
        }
        for (parameter, axes) in &mut self.parameters {
            for axis in axes {
                let class = |name: &str| classes[positions[name]];
                let fixed = axis.iter().filter_map(Segment::name).find(|name| class(name) == 0);
                if let Some(name) = fixed {
                    if axis.len() > 1 {
                        let reason = format!(
                            "what they are added to must stay as it is, and they are a stretch of {parameter}"
                        );
                        return Err(refusal(name, reason));
                    }
                    axis.clear();
                }
                for segment in axis {
                    if let Segment::Units { name, .. } = segment {
                        names[class(name)].clone_into(name);
                    }
                }
            }
        }
        for name in self.equal.iter_mut().flat_map(|(left, right)| [left, right]) {
            // A name that is gone, or was never there, is refused when the spec is built.
            if let Some(&class) = positions.get(name).map(|&at| &classes[at]).filter(|class| **class > 0) {
                names[class].clone_into(name);
            }
        }
        Ok(self)
    }
}

fn refusal(units: &str, reason: impl Into<String>) -> SpecError {
    SpecError::Residual { units: units.to_owned(), reason: reason.into() }
}
