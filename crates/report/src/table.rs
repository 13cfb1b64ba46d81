//! The tables as data: our numbers beside the paper's, one block per data set, model and case. Computed once, written
//! four times (terminal, Markdown, LaTeX, HTML).

mod legend;
mod line;

pub(crate) use legend::{compared_legend, described_legend};
pub(crate) use line::{Line, NOT_RUN};

use crate::number::{deviation, shown};
use crate::spread::summary;
use crate::telling::Telling;
use basin_metrics::Metric;
use basin_metrics::stats::{Summary, t_interval};
use basin_papers::Within;
use basin_plot::Ink;
use basin_results::Ensemble;

/// All numbers of one data set, model, case and ensemble size.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub(crate) dataset: String,
    pub(crate) model: String,
    /// The case in the paper's symbols.
    pub(crate) case: String,
    pub(crate) members: usize,
    /// What the paper's numbers are for, and how this run differs.
    pub(crate) setup: String,
    /// Quantities the paper has too, then differences within the run.
    pub(crate) sections: Vec<Section>,
    /// Quantities it only plots or does not have.
    pub(crate) described: Described,
    /// Where the paper contradicts itself; a line's marks count from 1.
    pub(crate) footnotes: Vec<String>,
    /// How many seeds stand behind the numbers, and what that allows to say.
    pub(crate) seeds: String,
    /// Method, seed and folders of every ensemble that says where it comes from.
    pub(crate) sources: Vec<(String, u64, Vec<String>)>,
}

/// One quantity over all methods.
#[derive(Clone, Debug)]
pub(crate) struct Section {
    pub(crate) title: String,
    pub(crate) metric: &'static Metric,
    pub(crate) lines: Vec<Line>,
}

/// The second table: what is not compared with the paper.
#[derive(Clone, Debug)]
pub(crate) struct Described {
    pub(crate) title: &'static str,
    /// Only what was measured of some method.
    pub(crate) columns: Vec<&'static Metric>,
    pub(crate) rows: Vec<DescribedRow>,
}

/// One method of the second table.
#[derive(Clone, Debug)]
pub(crate) struct DescribedRow {
    /// Method id.
    pub(crate) method: String,
    pub(crate) name: String,
    pub(crate) ink: Ink,
    /// Mean, and deviation where there is one; none of what is the same for all seeds. One per column.
    pub(crate) cells: Vec<(String, Option<String>)>,
}

impl Section {
    /// Whether any line has a number of the paper: without one there is nothing to set ours beside.
    pub(crate) fn compared(&self) -> bool {
        self.lines.iter().any(|line| line.paper.is_some())
    }
}

impl Block {
    /// Title line, for example `cifar10 · resnet20 · 5 members`.
    pub(crate) fn title(&self) -> String {
        let plural = if self.members == 1 { "" } else { "s" };
        let case = if self.case.is_empty() { String::new() } else { format!(" · {}", self.case) };
        format!("{} · {} · {} member{plural}{case}", self.dataset, self.model, self.members)
    }
}

/// One block per (data set, model, case, members), in the order in which the ensembles name them.
pub(crate) fn blocks(telling: &Telling<'_>) -> Vec<Block> {
    telling.groups(Ensemble::setting).iter().map(|group| block(telling, group)).collect()
}

/// The block of ensembles that differ in method and seed only, at least one.
fn block(telling: &Telling<'_>, group: &[&Ensemble]) -> Block {
    let (dataset, model, case, members) = group[0].setting();
    let methods = telling.in_order(group.iter().map(|ensemble| ensemble.method.as_str()));
    let layout = telling.paper.layout();
    let mut footnotes: Vec<String> = Vec::new();
    let compared = telling.metrics(layout.compared);
    let mut sections: Vec<Section> = compared
        .into_iter()
        .map(|metric| section(telling, group, &methods, metric, &mut footnotes))
        .collect();
    sections.extend(layout.within.iter().filter_map(|within| differences(telling, group, &methods, within)));
    let told = group.iter().filter(|ensemble| !ensemble.sources.is_empty());
    let name = |ensemble: &&&Ensemble| telling.name(&ensemble.method).to_owned();
    Block {
        sources: told.map(|e| (name(&e), e.seed, e.sources.clone())).collect(),
        dataset: dataset.to_owned(),
        model: model.to_owned(),
        case: telling.label(case),
        members,
        setup: telling.paper.setup(telling.results.config_of(group[0]), dataset, model, members),
        seeds: legend::seeds(&sections),
        described: described(telling, group, &methods),
        sections,
        footnotes,
    }
}

/// A metric of one method over its seeds.
fn over_seeds(group: &[&Ensemble], method: &str, metric: &str) -> Summary {
    let own = group.iter().filter(|ensemble| ensemble.method == method);
    summary(&own.map(|ensemble| ensemble.number(metric)).collect::<Vec<f64>>())
}

/// One metric over all methods, and over those that only the paper has.
fn section(
    telling: &Telling<'_>,
    group: &[&Ensemble],
    methods: &[&str],
    metric: &'static Metric,
    footnotes: &mut Vec<String>,
) -> Section {
    let (dataset, model, case, _) = group[0].setting();
    // A method that stands in another block of this data set and network was run, only not in this case.
    let ran = |method: &str| {
        let mut all = telling.results.ensembles.iter();
        all.any(|other| (&*other.dataset, &*other.model, &*other.method) == (dataset, model, method))
    };
    let papers = telling.paper.methods().iter().map(|method| method.id).filter(|id| !ran(id));
    let mut lines = Vec::new();
    for method in telling.in_order(methods.iter().copied().chain(papers)) {
        // What an experiment varies is not in the paper's tables.
        let published = telling.published.find(dataset, model, method, metric.id).filter(|_| case.is_empty());
        let ours = methods.contains(&method).then(|| over_seeds(group, method, metric.id));
        if ours.is_none() && published.is_none() {
            continue;
        }
        let mark = published.as_ref().and_then(|p| p.note.as_ref()).map(|note| footnote(footnotes, note));
        let paper = published.map(|published| published.summary);
        let (name, ink) = (telling.name(method).to_owned(), telling.ink(method));
        lines.push(Line { method: method.to_owned(), name, ink, metric, paper, mark, ours, interval: None });
    }
    Section { title: metric.title_with_unit(), metric, lines }
}

/// How far ensembles are from another one of the same run and seed, where they tell.
fn differences(
    telling: &Telling<'_>,
    group: &[&Ensemble],
    methods: &[&str],
    within: &Within,
) -> Option<Section> {
    let metric = telling.paper.metric(within.metric)?;
    let line = |method: &&str| {
        let own = group.iter().filter(|ensemble| ensemble.method == **method);
        let told: Vec<&&Ensemble> = own.filter(|ensemble| ensemble.get(within.metric).is_some()).collect();
        let ours = summary(&told.iter().map(|ensemble| ensemble.number(within.metric)).collect::<Vec<f64>>());
        let interval = match told[..] {
            [] => return None,
            [only] => over_images(ours.mean, only.number(within.error)),
            _ => t_interval(&ours, 0.95).ok().map(|interval| (interval.low, interval.high)),
        };
        let (method, name, ink) =
            ((*method).to_owned(), telling.name(method).to_owned(), telling.ink(method));
        Some(Line { method, name, ink, metric, paper: None, mark: None, ours: Some(ours), interval })
    };
    let lines: Vec<Line> = methods.iter().filter_map(line).collect();
    (!lines.is_empty()).then(|| Section { title: metric.title_with_unit(), metric, lines })
}

/// 95 % over test images, by the normal approximation; none where the error is not known.
pub(crate) fn over_images(mean: f64, standard_error: f64) -> Option<(f64, f64)> {
    let half = 1.96 * standard_error;
    (mean + half).is_finite().then_some((mean - half, mean + half))
}

fn described(telling: &Telling<'_>, group: &[&Ensemble], methods: &[&str]) -> Described {
    let layout = telling.paper.layout();
    let mut columns = telling.metrics(layout.described);
    columns.retain(|metric| group.iter().any(|ensemble| ensemble.number(metric.id).is_finite()));
    let cell = |method: &str, metric: &Metric| {
        let summary = over_seeds(group, method, metric.id);
        let sd = deviation(&summary).filter(|sd| *sd > 0.0).map(|sd| shown(sd, metric));
        (shown(summary.mean, metric), sd)
    };
    let row = |&method: &&str| DescribedRow {
        method: method.to_owned(),
        name: telling.name(method).to_owned(),
        ink: telling.ink(method),
        cells: columns.iter().map(|metric| cell(method, metric)).collect(),
    };
    let rows = methods.iter().map(row).collect();
    Described { title: layout.described_title, columns, rows }
}

/// Number of the footnote with this text, from 1; the same text is one footnote.
fn footnote(footnotes: &mut Vec<String>, text: &str) -> usize {
    let known = footnotes.iter().position(|known| known == text);
    known.unwrap_or_else(|| {
        footnotes.push(text.to_owned());
        footnotes.len() - 1
    }) + 1
}
