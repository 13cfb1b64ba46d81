//! What of an ensemble a number is of.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// The ensemble itself, a member, a pair of them, or something that a measurement names. In files a word: `ensemble`,
/// `member-1`, `pair-1-3`. Members count from 1. Ordered as one would list them.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// All members together.
    #[default]
    Ensemble,
    /// One member.
    Member(usize),
    /// Two members.
    Pair(usize, usize),
    /// Anything else, by its name.
    Other(String),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ensemble => f.write_str("ensemble"),
            Self::Member(i) => write!(f, "member-{i}"),
            Self::Pair(i, j) => write!(f, "pair-{i}-{j}"),
            Self::Other(name) => f.write_str(name),
        }
    }
}

impl Subject {
    /// Whether its name begins with this word or these words: `tunnel` begins `tunnel-1-2`, not `tunnels`.
    pub fn begins(&self, words: &str) -> bool {
        let name = self.to_string();
        name.strip_prefix(words).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    }

    /// Whether it is of any of these; where there are none, of all.
    pub fn is_among(&self, words: &[&str]) -> bool {
        words.is_empty() || words.iter().any(|words| self.begins(words))
    }

    /// Its name without the numbers at its end: what subjects have in common of which there are several.
    pub fn kind(&self) -> String {
        let name = self.to_string();
        name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '-').to_owned()
    }

    /// Its name for readers: `run 1`.
    pub fn in_words(&self) -> String {
        in_words(&self.to_string())
    }
}

/// A name of lower-case words with hyphens, for readers.
pub fn in_words(name: &str) -> String {
    name.replace('-', " ")
}

impl From<&str> for Subject {
    /// Every word is some subject. A number that would be written otherwise (`member-01`) belongs to a name.
    fn from(text: &str) -> Self {
        let read = || {
            if text == "ensemble" {
                return Some(Self::Ensemble);
            }
            if let Some(i) = text.strip_prefix("member-") {
                return Some(Self::Member(i.parse().ok()?));
            }
            let (i, j) = text.strip_prefix("pair-")?.split_once('-')?;
            Some(Self::Pair(i.parse().ok()?, j.parse().ok()?))
        };
        read().filter(|subject| subject.to_string() == text).unwrap_or_else(|| Self::Other(text.to_owned()))
    }
}

impl Serialize for Subject {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Subject {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(String::deserialize(from)?.as_str().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told_by_whole_words() {
        let tunnel = Subject::from("tunnel-1-2");
        assert!(tunnel.begins("tunnel") && tunnel.begins("tunnel-1") && !tunnel.begins("tun"));
        assert!(tunnel.is_among(&[]) && tunnel.is_among(&["line", "tunnel"]) && !tunnel.is_among(&["line"]));
        assert!(Subject::Member(12).begins("member") && !Subject::Ensemble.begins("member"));
        assert_eq!(
            [tunnel.kind(), Subject::Member(3).kind(), Subject::Ensemble.kind()],
            ["tunnel", "member", "ensemble"]
        );
        assert_eq!(tunnel.in_words(), "tunnel 1 2");
    }

    #[test]
    fn words_read_back_and_members_stand_in_order() {
        for text in ["ensemble", "member-2", "member-10", "pair-1-3", "member-01", "pair-1", "epoch-3", ""] {
            assert_eq!(Subject::from(text).to_string(), text);
        }
        assert!(Subject::from("member-2") < Subject::from("member-10"));
        assert_eq!(Subject::from("member-01"), Subject::Other("member-01".into()));
    }
}
