//! What a key is: its spellings, its default, what it accepts, and its words.

use crate::Value;
use crate::value::Range;

/// One key of the configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    /// `section.name`.
    pub name: &'static str,
    /// Other accepted spelling, usually the field's symbol.
    pub alias: Option<&'static str>,
    default: &'static str,
    range: Range,
    /// Unit of the value.
    pub unit: &'static str,
    /// What it does.
    pub doc: &'static str,
}

impl Key {
    /// A key `section.name` with its default as one types it, what it accepts, the unit of its value, and what it does.
    pub const fn new(
        name: &'static str,
        default: &'static str,
        range: Range,
        unit: &'static str,
        doc: &'static str,
    ) -> Self {
        Self { name, alias: None, default, range, unit, doc }
    }

    /// With another accepted spelling.
    #[must_use]
    pub const fn alias(mut self, alias: &'static str) -> Self {
        self.alias = Some(alias);
        self
    }

    /// With these words instead of those that it accepted.
    pub(crate) fn one_of(self, words: Vec<&'static str>) -> Self {
        Self { range: Range::OneOf(words.into()), ..self }
    }

    /// The default value.
    ///
    /// # Panics
    /// Never for a key that stands in [`Keys`](crate::Keys), which refuses others.
    pub fn default(&self) -> Value {
        self.range.parse(self.default).expect("defaults lie in their ranges")
    }

    /// The allowed values in words.
    pub fn allowed(&self) -> String {
        self.range.describe()
    }

    pub(crate) fn parse(&self, text: &str) -> Result<Value, String> {
        self.range.parse(text).map_err(|expected| format!("  {} is {text}, expected {expected}", self.name))
    }

    /// The part of the name behind the section.
    pub(crate) fn last(&self) -> &'static str {
        self.name.rsplit_once('.').map_or(self.name, |(_, last)| last)
    }

    /// The part of the name before it.
    pub(crate) fn section(&self) -> &'static str {
        self.name.rsplit_once('.').map_or("", |(section, _)| section)
    }

    /// Edit distance from the nearest of the key's spellings: in full, by its last part, by its alias.
    pub(crate) fn distance(&self, name: &str) -> usize {
        let spellings = [Some(self.name), Some(self.last()), self.alias].into_iter().flatten();
        spellings.map(|known| strsim::levenshtein(known, name)).min().unwrap_or(0)
    }

    /// Values at the ends of what it accepts, as one types them.
    #[cfg(test)]
    pub(crate) fn extremes(&self) -> Vec<String> {
        match &self.range {
            &Range::Int(low, high) => vec![low.to_string(), high.to_string()],
            &Range::Float(low, low_in, high, high_in) => {
                let within = if high.is_finite() { 0.5 * (low + high) } else { low + 1.0 };
                let ends = [(low, low_in), (high, high_in), (within, true)];
                ends.iter().filter(|(_, inside)| *inside).map(|(x, _)| format!("{x:?}")).collect()
            }
            Range::OneOf(words) => words.iter().map(|word| (*word).to_owned()).collect(),
            _ => vec![self.default.to_owned()],
        }
    }

    /// What is wrong with the key itself, if anything.
    pub(crate) fn fault(&self) -> Option<String> {
        let plain = |part: &str| {
            !part.is_empty()
                && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c))
        };
        let named = self.name.split_once('.').is_some_and(|(section, last)| plain(section) && plain(last));
        let told = !self.doc.is_empty() && !self.unit.is_empty();
        if !named {
            return Some(format!(
                "key {:?}, expected section.name of lower case, digits, _ and -",
                self.name
            ));
        }
        if !told {
            return Some(format!("key {}, expected a doc and a unit", self.name));
        }
        self.range.parse(self.default).err().map(|expected| {
            format!("key {} has the default {:?}, expected {expected}", self.name, self.default)
        })
    }
}
