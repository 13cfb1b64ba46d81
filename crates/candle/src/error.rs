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
        "module {module} has statistics over the batch, which of {images} images say nothing; expected a batch of at least 2"
    )]
    Batch {
        /// The module.
        module: String,
        /// Images of a batch.
        images: usize,
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
