//! What is told of a run beside its results: how long it took, and when its files were last checked. It differs from one
//! run to the next, so it stands in files of its own, and all others are the same bytes whenever the same run is made.

use crate::html::{document, text::Text};
use crate::number::{duration, grouped};
use crate::{Artifact, ReportError};
use maud::html;
use serde::{Deserialize, Serialize};

/// Times of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Timing {
    /// Seconds worked, interruptions not counted; none where that is not known.
    pub wall_seconds: Option<f64>,
    /// The last look at every byte of the run's nodes, if there was one.
    pub verified: Option<LastCheck>,
}

/// One look at every byte of a run's nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastCheck {
    /// When, in UTC, as in `2026-11-21T09:05:00Z`.
    pub at: String,
    /// Nodes whose every file was what was written.
    pub whole: u64,
    /// Nodes that were not finished.
    pub unfinished: u64,
    /// Nodes that were damaged.
    pub damaged: u64,
}

impl Timing {
    /// Where the times stand as data, relative to the run's directory.
    pub const FILE: &str = "timing.json";

    /// `timing.json`, and `report/timing.html`, to which the report's page leads.
    ///
    /// # Errors
    /// [`ReportError::Json`] never in practice: all of it has a form in JSON.
    pub fn artifacts(&self, name: &str) -> Result<Vec<Artifact>, ReportError> {
        let fail = |source| ReportError::Json { run: name.to_owned(), source };
        let json = serde_json::to_string_pretty(self).map_err(fail)? + "\n";
        Ok(vec![
            Artifact { path: Self::FILE.to_owned(), bytes: json.into_bytes() },
            Artifact { path: "report/timing.html".to_owned(), bytes: self.page(name).into_bytes() },
        ])
    }

    fn page(&self, name: &str) -> String {
        let (title, took) =
            (format!("{name}: times"), self.wall_seconds.map_or_else(|| "not known".to_owned(), duration));
        let content = html! {
            h1 { (Text(&title)) }
            dl.cost {
                div { dt { "Wall-clock time, interruptions not counted" } dd { (took) } }
                div { dt { "Every file last checked" } dd { (Text(self.checked())) } }
            }
            p { a href="index.html" { "The results" } }
        };
        document(&title, &content)
    }

    /// When the files were last checked and what was found, in words.
    fn checked(&self) -> String {
        match &self.verified {
            None => "never; basin verify does".to_owned(),
            Some(LastCheck { at, whole, unfinished, damaged }) => {
                let count = |n: &u64| grouped(*n);
                let (whole, unfinished, damaged) = (count(whole), count(unfinished), count(damaged));
                format!("{at}: {whole} nodes whole, {unfinished} unfinished, {damaged} damaged")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_stand_in_files_of_their_own_and_read_back() {
        let verified =
            Some(LastCheck { at: "2026-11-21T09:05:00Z".into(), whole: 31, unfinished: 2, damaged: 1 });
        let timing = Timing { wall_seconds: Some(6_432.5), verified };
        let [json, page] = &timing.artifacts("a <b>").unwrap()[..] else { panic!("two files") };
        assert_eq!((json.path.as_str(), page.path.as_str()), ("timing.json", "report/timing.html"));
        assert_eq!(serde_json::from_slice::<Timing>(&json.bytes).unwrap(), timing);
        let page = String::from_utf8(page.bytes.clone()).unwrap();
        for words in
            ["a &lt;b&gt;", "1 h 47 min", "2026-11-21T09:05:00Z: 31 nodes whole, 2 unfinished, 1 damaged"]
        {
            assert!(page.contains(words), "{words} in {page}");
        }
    }

    #[test]
    fn what_is_not_known_is_said() {
        let timing: Timing = serde_json::from_str("{}").unwrap();
        assert_eq!(timing, Timing::default());
        let page = timing.page("run");
        assert!(page.contains("not known") && page.contains("never; basin verify does"), "{page}");
    }
}
