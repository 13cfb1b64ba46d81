//! Values of config keys and the ranges they must lie in.

use std::borrow::Cow;
use std::collections::BTreeSet;

/// A value of a key.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A whole number.
    Int(u64),
    /// A finite number.
    Float(f64),
    /// A word or path.
    Text(String),
    /// Comma-separated words.
    List(Vec<String>),
}

impl Value {
    /// As TOML.
    pub fn toml(&self) -> String {
        let value = match self {
            Self::Int(x) => toml::Value::Integer(i64::try_from(*x).unwrap_or(i64::MAX)),
            Self::Float(x) => toml::Value::Float(*x),
            Self::Text(x) => toml::Value::String(x.clone()),
            Self::List(x) => toml::Value::Array(x.iter().cloned().map(toml::Value::String).collect()),
        };
        value.to_string()
    }

    /// As one types it after `--set key=`.
    pub fn plain(&self) -> String {
        match self {
            Self::Int(x) => x.to_string(),
            Self::Float(x) => x.to_string(),
            Self::Text(x) => x.clone(),
            Self::List(x) => x.join(","),
        }
    }

    /// As JSON.
    pub fn json(&self) -> serde_json::Value {
        match self {
            Self::Int(x) => (*x).into(),
            Self::Float(x) => (*x).into(),
            Self::Text(x) => x.clone().into(),
            Self::List(x) => x.clone().into(),
        }
    }
}

/// What a key accepts.
#[derive(Clone, Debug, PartialEq)]
pub enum Range {
    /// Whole numbers from the first to the second.
    Int(u64, u64),
    /// Numbers; each end with whether it belongs.
    Float(f64, bool, f64, bool),
    /// One of these words.
    OneOf(Cow<'static, [&'static str]>),
    /// A non-empty list of different words; what they name is checked where they are used.
    Words,
    /// As [`Range::Words`], and no word at all is a list, too.
    Names,
    /// A non-empty list of different whole numbers.
    Seeds,
    /// Any text.
    Path,
}

impl Range {
    /// One of these words.
    pub const fn one_of(words: &'static [&'static str]) -> Self {
        Self::OneOf(Cow::Borrowed(words))
    }

    /// Reads a value, or says what was expected.
    pub(crate) fn parse(&self, text: &str) -> Result<Value, String> {
        let items = || text.split(',').map(|item| item.trim().to_owned()).collect::<Vec<_>>();
        let distinct = |items: &[String]| items.iter().collect::<BTreeSet<_>>().len() == items.len();
        let value = match self {
            &Self::Int(low, high) => text.parse().ok().filter(|x| (low..=high).contains(x)).map(Value::Int),
            &Self::Float(low, low_in, high, high_in) => {
                let inside =
                    |x: &f64| (*x > low || (low_in && *x == low)) && (*x < high || (high_in && *x == high));
                let found = text.parse().ok().filter(inside);
                // What trains computes in 32 bits: there the number would be another one.
                if found.is_some_and(|x: f64| x != 0.0 && !(x as f32).is_normal()) {
                    let (low, high) = (f32::MIN_POSITIVE, f32::MAX);
                    let or_none = if inside(&0.0) { ", or 0" } else { "" };
                    return Err(format!(
                        "{}, and of a size of {low:e} to {high:e}{or_none}",
                        self.describe()
                    ));
                }
                found.map(Value::Float)
            }
            Self::OneOf(words) => words.contains(&text).then(|| Value::Text(text.to_owned())),
            Self::Words => Some(items())
                .filter(|items| distinct(items) && items.iter().all(|item| !item.is_empty()))
                .map(Value::List),
            Self::Names if text.trim().is_empty() => Some(Value::List(Vec::new())),
            Self::Names => return Self::Words.parse(text),
            Self::Seeds => {
                let items = items();
                let numbers = items
                    .iter()
                    .all(|item| item.parse::<i64>().is_ok_and(|n| n >= 0 && n.to_string() == *item));
                (numbers && distinct(&items)).then_some(Value::List(items))
            }
            Self::Path => Some(Value::Text(text.to_owned())),
        };
        value.ok_or_else(|| self.describe())
    }

    /// The range in words.
    pub(crate) fn describe(&self) -> String {
        match self {
            &Self::Int(low, high) if high >= i64::MAX as u64 => format!("a whole number ≥ {low}"),
            &Self::Int(low, high) => format!("a whole number in {low} to {high}"),
            &Self::Float(low, low_in, high, high_in) => {
                let sign = |inside| if inside { "≤" } else { "<" };
                match high.is_infinite() {
                    true => format!("a finite number with {low} {} x", sign(low_in)),
                    false => format!("a number in {low} {} x {} {high}", sign(low_in), sign(high_in)),
                }
            }
            Self::OneOf(words) => format!("one of {}", words.join(", ")),
            Self::Words => "different words, comma-separated".into(),
            Self::Names => "different words, comma-separated, or none".into(),
            Self::Seeds => "different whole numbers, comma-separated".into(),
            Self::Path => "a path".into(),
        }
    }
}
