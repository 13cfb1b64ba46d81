//! Presets: complete settings as TOML files whose heads say what to expect.

/// A named set of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preset {
    /// Name, as after `--preset`.
    pub name: &'static str,
    /// One line for help.
    pub summary: &'static str,
    /// TOML: a table per section of the configuration, and `[[when]]` tables that hold for a data set or network alone.
    pub text: &'static str,
}
