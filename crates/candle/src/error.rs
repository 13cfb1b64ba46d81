//! What can be wrong with a module from elsewhere.

use thiserror::Error;

/// Why a module of candle's cannot be trained or evaluated here.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ModuleError {
    /// The module made no variable.
    #[error("module {module} has no variables, expected at least one from its VarBuilder")]
    Empty {
        /// The module.
        module: String,
    },
    /// Two layers ask for one name with different shapes.
    #[error(
        "module {module} asks for {name} with shape {found:?}, and before with {expected:?}; expected one shape for a name"
    )]
    Shape {
        /// The module.
        module: String,
        /// The variable.
        name: String,
        /// The shape asked for first.
        expected: Vec<usize>,
        /// The shape asked for now.
        found: Vec<usize>,
    },
    /// A variable is asked for that the layout does not have.
    #[error(
        "module {module} asks for {name}, which it did not ask for when its layout was read; expected the same variables each time"
    )]
    Unknown {
        /// The module.
        module: String,
        /// The variable.
        name: String,
    },
    /// A variable of another type than f32.
    #[error("module {module} asks for {name} as {found}, expected f32")]
    Type {
        /// The module.
        module: String,
        /// The variable.
        name: String,
        /// The type asked for.
        found: String,
    },
    /// Logits of another shape.
    #[error("module {module} returned {found:?} for {images} images, expected logits [{images}, {classes}]")]
    Output {
        /// The module.
        module: String,
        /// Images handed in.
        images: usize,
        /// Classes of the data set.
        classes: usize,
        /// The shape returned.
        found: Vec<usize>,
    },
    /// Features of another shape.
    #[error(
        "module {module} returned features {found:?} for {images} images, expected a row for each, [{images}, features]"
    )]
    Features {
        /// The module.
        module: String,
        /// Images handed in.
        images: usize,
        /// The shape returned.
        found: Vec<usize>,
    },
    /// The loss does not depend on a variable: the graph is cut, or the layer is not used.
    #[error(
        "module {module}: {name} receives no gradient. Either no output depends on it, or an operation without a backward \
         pass stands behind it (candle's fused LayerNorm is one)"
    )]
    NoGradient {
        /// The module.
        module: String,
        /// The variable.
        name: String,
    },
    /// Statistics of a batch of one image.
    #[error(
        "module {module} has statistics over the batch, expected at least 2 images in a batch, found {images}; make the batch larger"
    )]
    Batch {
        /// The module.
        module: String,
        /// Images of a batch.
        images: usize,
    },
    /// Two passes over the same images gave different logits.
    #[error(
        "module {module} gives other logits for the same images and seeds each time it is run in training, so a training \
         with it can neither be repeated nor gone on with; candle_nn's Dropout does that, expected \
         basin_candle::layers::Dropout, whose masks follow from seeds"
    )]
    NotRepeatable {
        /// The module.
        module: String,
    },
    /// A network that no module made.
    #[error(
        "this network was not made from a module of candle's; expected one of basin_candle::Module::network"
    )]
    Foreign,
}

impl From<ModuleError> for candle_core::Error {
    fn from(error: ModuleError) -> Self {
        Self::wrap(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A new variant does not compile here until it has a line in the test.
    fn place(error: &ModuleError) -> usize {
        match error {
            ModuleError::Empty { .. } => 0,
            ModuleError::Shape { .. } => 1,
            ModuleError::Unknown { .. } => 2,
            ModuleError::Type { .. } => 3,
            ModuleError::Output { .. } => 4,
            ModuleError::NoGradient { .. } => 5,
            ModuleError::Batch { .. } => 6,
            ModuleError::Foreign => 7,
            ModuleError::NotRepeatable { .. } => 8,
            ModuleError::Features { .. } => 9,
        }
    }

    #[test]
    fn every_error_says_what_where_and_what_to_do() {
        let (module, name) = (|| "net".to_owned(), || "fc.w".to_owned());
        let told = [
            (
                ModuleError::Empty { module: module() },
                "module net has no variables, expected at least one from its VarBuilder",
            ),
            (
                ModuleError::Shape { module: module(), name: name(), expected: vec![2], found: vec![3] },
                "module net asks for fc.w with shape [3], and before with [2]; expected one shape for a name",
            ),
            (
                ModuleError::Unknown { module: module(), name: name() },
                "module net asks for fc.w, which it did not ask for when its layout was read; expected the same variables each time",
            ),
            (
                ModuleError::Type { module: module(), name: name(), found: "bf16".into() },
                "module net asks for fc.w as bf16, expected f32",
            ),
            (
                ModuleError::Output { module: module(), images: 20, classes: 10, found: vec![20, 9] },
                "module net returned [20, 9] for 20 images, expected logits [20, 10]",
            ),
            (
                ModuleError::Features { module: module(), images: 20, found: vec![20, 9, 1] },
                "module net returned features [20, 9, 1] for 20 images, expected a row for each, [20, features]",
            ),
            (
                ModuleError::NoGradient { module: module(), name: name() },
                "module net: fc.w receives no gradient. Either no output depends on it, or an operation without a backward pass stands behind it (candle's fused LayerNorm is one)",
            ),
            (
                ModuleError::Batch { module: module(), images: 1 },
                "module net has statistics over the batch, expected at least 2 images in a batch, found 1; make the batch larger",
            ),
            (
                ModuleError::NotRepeatable { module: module() },
                "module net gives other logits for the same images and seeds each time it is run in training, so a training with it can neither be repeated nor gone on with; candle_nn's Dropout does that, expected basin_candle::layers::Dropout, whose masks follow from seeds",
            ),
            (
                ModuleError::Foreign,
                "this network was not made from a module of candle's; expected one of basin_candle::Module::network",
            ),
        ];
        let mut seen = [false; 10];
        for (error, text) in &told {
            assert_eq!(error.to_string(), *text);
            seen[place(error)] = true;
        }
        assert_eq!(seen, [true; 10], "every variant is told");
    }
}
