//! The tables as data: our numbers beside the paper's, one block per data set, model and case. Computed once, written
//! four times (terminal, Markdown, LaTeX, HTML).

use crate::number::{MISSING, percent_summary, signed_percent, superscript};
use crate::paper::{Paper, Published};
use crate::results::{MinusDeep, Results, Row};
use crate::spread::summary;
use crate::{ReportError, method, setup};
use basin_metrics::stats::{Summary, welch};

/// All numbers of one data set, model, case and ensemble size.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub(crate) dataset: String,
    pub(crate) model: String,
    pub(crate) case: String,
    pub(crate) members: usize,
    /// What the paper's numbers are for, and how this run differs.
    pub(crate) setup: String,
    /// Quantities the paper has too.
    pub(crate) sections: Vec<Section>,
    /// Quantities it only plots or does not have.
    pub(crate) quality: Vec<Quality>,
    /// Where the paper contradicts itself; a line's marks count from 1.
    pub(crate) footnotes: Vec<String>,
    /// How many seeds stand behind the numbers, and what that allows to say.
    pub(crate) seeds: String,
    /// Method, seed and folders of every row that says where it comes from.
    pub(crate) sources: Vec<(String, u64, Vec<String>)>,
}

/// One quantity over all methods, in percent.
#[derive(Clone, Debug)]
pub(crate) struct Section {
    pub(crate) title: &'static str,
    pub(crate) lines: Vec<Line>,
}

/// One method of one quantity.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// Method id.
    pub(crate) method: String,
    pub(crate) paper: Option<Summary>,
    /// Number of the footnote, from 1.
    pub(crate) mark: Option<usize>,
    /// None where the paper has a number and the run has no such method.
    pub(crate) ours: Option<Summary>,
    /// Interval over test images, which a single seed has too.
    pub(crate) over_images: Option<(f64, f64)>,
}

/// What stands as the verdict of a line that has the paper's number alone.
pub(crate) const NOT_RUN: &str = "not run";

/// Calibration and diversity of one method; the columns are [`QUALITY`].
#[derive(Clone, Debug)]
pub(crate) struct Quality {
    /// Method id.
    pub(crate) method: String,
    pub(crate) values: [Summary; QUALITY.len()],
}

/// One quantity of a row.
type Quantity = fn(&Row) -> f64;

/// The quantities of the first table: title, key in the paper's numbers, our value.
const COMPARED: [(&str, &str, Quantity); 3] = [
    ("Ensemble accuracy, %", "ensemble_accuracy", |row| row.ensemble_accuracy),
    ("Joint connectivity q̄, percentage points", "joint_connectivity", |row| row.joint_connectivity),
    ("Mean member accuracy, %", "mean_member_accuracy", |row| row.mean_member_accuracy),
];

/// Title of the section that compares with the deep ensemble of the same run.
const MINUS_DEEP: &str = "Ensemble accuracy minus the deep ensemble's, percentage points";

/// The columns of the second table.
pub(crate) const QUALITY: [(&str, Quantity); 7] = [
    ("NLL", |row| row.nll),
    ("Brier", |row| row.brier),
    ("ECE", |row| row.ece),
    ("JSD", |row| row.jsd_one_vs_all),
    ("Variance", |row| row.true_class_variance),
    ("Disagreement", |row| row.disagreement),
    ("Passes", |row| if row.passes > 0.0 { row.passes } else { f64::NAN }),
];

/// What the columns of the second table mean.
pub(crate) const QUALITY_LEGEND: &str = "NLL in nats; Brier in [0, 2]; ECE with equal-width bins, in [0, 1]; \
     JSD one-vs-all in nats; variance of the true class's probability over members; disagreement of pairs of \
     members, in [0, 1]; passes over the training set if nothing were shared, a teacher's forward pass counting a \
     third. Mean ± sd over seeds.";

/// What the columns of the first table mean.
pub(crate) const COMPARISON_LEGEND: &str = "Mean ± sd over seeds (number of seeds). Difference: ours − paper, \
     with the 95 % interval of Welch's t; within: the interval contains 0; above, below: it does not. Minus the deep \
     ensemble of the same seed, on the same images: one seed has a 95 % interval over test images, which does not say what \
     another seed would give.";

impl Block {
    /// Title line, for example `cifar10 · resnet20 · 5 members`.
    pub(crate) fn title(&self) -> String {
        let plural = if self.members == 1 { "" } else { "s" };
        let case = if self.case.is_empty() { String::new() } else { format!(" · {}", self.case) };
        format!("{} · {} · {} member{plural}{case}", self.dataset, self.model, self.members)
    }
}

impl Line {
    /// The paper's number with its footnote mark.
    pub(crate) fn paper_cell(&self) -> String {
        let text = self.paper.as_ref().map_or_else(|| MISSING.to_owned(), percent_summary);
        text + &self.mark.map_or_else(String::new, superscript)
    }

    /// Our number with the number of seeds, and with its interval over images where one seed has such.
    pub(crate) fn ours_cell(&self) -> String {
        match (&self.ours, self.over_images) {
            (None, _) => MISSING.to_owned(),
            (Some(ours), Some((low, high))) => {
                format!("{} [{}, {}]", signed_percent(ours.mean), signed_percent(low), signed_percent(high))
            }
            (Some(ours), None) => format!("{} ({})", percent_summary(ours), ours.n),
        }
    }

    /// Ours minus the paper's, with the interval where there is one.
    pub(crate) fn difference_cell(&self) -> String {
        let Some(difference) = self.difference() else { return MISSING.to_owned() };
        match self.interval() {
            Some((low, high)) => {
                format!("{} [{}, {}]", signed_percent(difference), signed_percent(low), signed_percent(high))
            }
            None => signed_percent(difference),
        }
    }

    /// `within`, `above`, `below`, a dash where there is no interval, or [`NOT_RUN`].
    pub(crate) fn verdict_cell(&self) -> &'static str {
        match self.interval() {
            _ if self.ours.is_none() => NOT_RUN,
            Some((low, _)) if low > 0.0 => "above",
            Some((_, high)) if high < 0.0 => "below",
            Some(_) => "within",
            None => MISSING,
        }
    }

    fn difference(&self) -> Option<f64> {
        let difference = self.ours.as_ref()?.mean - self.paper.as_ref()?.mean;
        difference.is_finite().then_some(difference)
    }

    /// None where either side has fewer than two finite values.
    fn interval(&self) -> Option<(f64, f64)> {
        let test = welch(self.ours.as_ref()?, self.paper.as_ref()?, 0.95).ok()?;
        Some((test.low, test.high))
    }
}

/// One block per (data set, model, case, members), in the order in which the rows name them.
pub(crate) fn blocks(results: &Results) -> Result<Vec<Block>, ReportError> {
    let paper = Paper::published()?;
    let mut groups: Vec<Vec<&Row>> = Vec::new();
    for row in &results.rows {
        match groups.iter_mut().find(|group| key(group[0]) == key(row)) {
            Some(group) => group.push(row),
            None => groups.push(vec![row]),
        }
    }
    Ok(groups.iter().map(|rows| block(results, &paper, rows)).collect())
}

fn key(row: &Row) -> (&str, &str, &str, usize) {
    (&row.dataset, &row.model, &row.case, row.members)
}

/// The block of rows that differ in method and seed only, at least one.
fn block(results: &Results, paper: &Paper, rows: &[&Row]) -> Block {
    let (dataset, model, case, members) = key(rows[0]);
    let methods = method::in_paper_order(rows.iter().map(|row| row.method.as_str()));
    // A method that stands in another block of this data set and network was run, only not in this case.
    let ran = |method: &str| {
        let mut same = results.rows.iter().filter(|row| (&*row.dataset, &*row.model) == (dataset, model));
        same.any(|row| row.method == method)
    };
    let listed = method::in_paper_order(methods.iter().copied().chain(method::paper().filter(|id| !ran(id))));
    let over_seeds = |method: &str, value: Quantity| {
        let values: Vec<f64> = rows.iter().filter(|row| row.method == method).map(|row| value(row)).collect();
        summary(&values)
    };

    let mut footnotes: Vec<String> = Vec::new();
    let mut sections = Vec::new();
    for (title, key, value) in COMPARED {
        let mut lines = Vec::new();
        for &method in &listed {
            // What an experiment varies is not in the paper's tables.
            let published = paper.find(dataset, model, method, key).filter(|_| case.is_empty());
            let ours = methods.contains(&method).then(|| over_seeds(method, value));
            if ours.is_none() && published.is_none() {
                continue;
            }
            let mark =
                published.as_ref().and_then(|p| p.note.as_ref()).map(|note| footnote(&mut footnotes, note));
            let paper = published.map(|p: Published| p.summary);
            lines.push(Line { method: method.to_owned(), paper, mark, ours, over_images: None });
        }
        sections.push(Section { title, lines });
    }
    sections.extend(minus_deep(rows, &methods));
    let quality = methods
        .iter()
        .map(|&method| Quality {
            method: method.to_owned(),
            values: QUALITY.map(|(_, v)| over_seeds(method, v)),
        })
        .collect();
    let told = rows.iter().filter(|row| !row.sources.is_empty());
    Block {
        sources: told.map(|row| (row.method.clone(), row.seed, row.sources.clone())).collect(),
        dataset: dataset.to_owned(),
        model: model.to_owned(),
        case: case.to_owned(),
        members,
        setup: setup::sentence(paper, results.config_of(rows[0]), dataset, model, members),
        seeds: seeds_sentence(&sections, paper.covers(dataset, model)),
        sections,
        quality,
        footnotes,
    }
}

/// How far ensembles are from the deep ensemble, where rows tell.
fn minus_deep(rows: &[&Row], methods: &[&str]) -> Option<Section> {
    let line = |method: &&str| {
        let own = rows.iter().filter(|row| row.method == **method);
        let differences: Vec<MinusDeep> = own.filter_map(|row| row.minus_deep).collect();
        let ours = summary(&differences.iter().map(|d| d.mean).collect::<Vec<f64>>());
        let over_images = match differences[..] {
            [] => return None,
            [only] => Some(only.interval()).filter(|(low, high)| (high - low).is_finite()),
            _ => None,
        };
        Some(Line { method: (*method).to_owned(), paper: None, mark: None, ours: Some(ours), over_images })
    };
    let lines: Vec<Line> = methods.iter().filter_map(line).collect();
    (!lines.is_empty()).then_some(Section { title: MINUS_DEEP, lines })
}

/// Number of the footnote with this text, from 1; the same text is one footnote.
fn footnote(footnotes: &mut Vec<String>, text: &str) -> usize {
    let known = footnotes.iter().position(|known| known == text);
    known.unwrap_or_else(|| {
        footnotes.push(text.to_owned());
        footnotes.len() - 1
    }) + 1
}

fn seeds_sentence(sections: &[Section], compared: bool) -> String {
    let lines = || sections.iter().flat_map(|section| &section.lines);
    let counts = || lines().filter_map(|line| line.ours.as_ref()).map(|ours| ours.n);
    let (Some(fewest), Some(most)) = (counts().min(), counts().max()) else { return String::new() };
    let count = if fewest == most { fewest.to_string() } else { format!("{fewest} to {most}") };
    let plural = if most == 1 { "" } else { "s" };
    let mut text = format!("Ours: {count} seed{plural}");
    if fewest == 1 {
        text += "; one seed has no deviation, so no interval is given";
    }
    if compared && (2..=4).contains(&most) {
        text += &format!("; n = {most} is weak: the interval is wide and leans on normality");
    }
    text + "."
}
