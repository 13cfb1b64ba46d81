//! A metric over two keys that an experiment varies, as a matrix: means over seeds in the cells, the edge of the basin between them, the
//! best cell marked.

use super::maps::is_signed;
use super::{Figure, WIDTH, file_name, like, sentences};
use crate::number::fixed;
use crate::spread::summary;
use crate::telling::Telling;
use basin_metrics::stats::{Summary, t_interval};
use basin_metrics::{Direction, Metric};
use basin_papers::{Along, Basin, Grid as Shown};
use basin_plot::{Grid, Ink, Key, Map};
use basin_results::Ensemble;

/// A key's value: its number, where it is one, and how it is written.
type Value = (f64, String);

/// All ensembles of one figure.
struct Group<'a> {
    first: &'a Ensemble,
    /// What else its cases vary, in the paper's symbols.
    rest: String,
    ensembles: Vec<(Value, Value, &'a Ensemble)>,
}

/// The columns' values, the rows' from the bottom up, and the ensembles of each place, row by row.
struct Table<'a> {
    x: Vec<Value>,
    y: Vec<Value>,
    places: Vec<Vec<&'a Ensemble>>,
}

/// A figure for each group in which both keys have several values.
pub(super) fn figures(telling: &Telling<'_>, shown: &Shown) -> Vec<Figure> {
    let Some(metric) = telling.paper.metric(shown.metric) else { return Vec::new() };
    groups(telling, shown).iter().filter_map(|group| figure(telling, shown, metric, group)).collect()
}

/// The value of a key in an ensemble's case: where it is not varied, the one that varies nothing.
fn value(telling: &Telling<'_>, along: &Along, ensemble: &Ensemble) -> Option<Value> {
    let usual = || telling.paper.symbols().iter().find(|symbol| symbol.key == along.key)?.usual;
    let text = ensemble.case.get(along.key).map(String::as_str).or_else(usual)?;
    Some(match text.parse::<f64>() {
        Ok(number) if number.is_finite() => (number, number.to_string()),
        _ => (f64::INFINITY, text.to_owned()),
    })
}

fn groups<'a>(telling: &'a Telling<'_>, shown: &Shown) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    for ensemble in &telling.results.ensembles {
        let at = value(telling, &shown.x, ensemble).zip(value(telling, &shown.y, ensemble));
        let Some((x, y)) = at else { continue };
        let mut rest = ensemble.case.clone();
        [shown.x.key, shown.y.key].iter().for_each(|key| drop(rest.remove(*key)));
        let rest = telling.label(&rest);
        let own = |e: &'a Ensemble| (&e.dataset, &e.model, &e.method, e.members);
        match groups.iter_mut().find(|group| own(group.first) == own(ensemble) && group.rest == rest) {
            Some(group) => group.ensembles.push((x, y, ensemble)),
            None => groups.push(Group { first: ensemble, rest, ensembles: vec![(x, y, ensemble)] }),
        }
    }
    groups
}

impl<'a> Table<'a> {
    /// Values in the order of their numbers, words after them; none where either key has only one.
    fn of(group: &Group<'a>) -> Option<Self> {
        let sorted = |values: &mut dyn Iterator<Item = &Value>| {
            let mut values: Vec<Value> = values.cloned().collect();
            values.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(&b.1)));
            values.dedup();
            values
        };
        let x = sorted(&mut group.ensembles.iter().map(|(x, ..)| x));
        let y = sorted(&mut group.ensembles.iter().map(|(_, y, _)| y));
        let mut places = vec![Vec::new(); x.len() * y.len()];
        for (across, up, ensemble) in &group.ensembles {
            let place = |values: &[Value], value: &Value| values.iter().position(|other| other == value);
            let at = place(&x, across).zip(place(&y, up));
            at.into_iter().for_each(|(column, row)| places[row * x.len() + column].push(*ensemble));
        }
        (x.len() > 1 && y.len() > 1).then_some(Self { x, y, places })
    }

    /// A metric over seeds at each place, in its own unit; none where there is no ensemble.
    fn summaries(&self, metric: &str) -> Vec<Option<Summary>> {
        let of = |all: &Vec<&Ensemble>| {
            let values = all.iter().map(|ensemble| ensemble.number(metric)).collect::<Vec<f64>>();
            (!values.is_empty()).then(|| summary(&values))
        };
        self.places.iter().map(of).collect()
    }

    fn means(&self, metric: &str) -> Vec<f64> {
        self.summaries(metric).iter().map(|found| found.as_ref().map_or(f64::NAN, |s| s.mean)).collect()
    }

    /// Whether each place lies inside the basin; none where that is not known.
    fn inside(&self, basin: &Basin) -> Vec<Option<bool>> {
        let pairs = self.means(basin.metric).into_iter().zip(self.means(basin.spread));
        let of = |(mean, spread): (f64, f64)| {
            (mean.is_finite() && spread.is_finite()).then(|| mean >= -basin.times * spread)
        };
        pairs.map(of).collect()
    }

    /// The place of the best mean, the first of those that are alike; none where no direction is better.
    fn best(&self, metric: &Metric) -> Option<(usize, f64)> {
        let sign = match metric.direction {
            Direction::Higher => 1.0,
            Direction::Lower => -1.0,
            Direction::Neutral => return None,
        };
        let all = self.means(metric.id).into_iter().enumerate().filter(|(_, mean)| mean.is_finite());
        all.reduce(|best, next| if sign * next.1 > sign * best.1 { next } else { best })
    }
}

fn figure(telling: &Telling<'_>, shown: &Shown, metric: &Metric, group: &Group<'_>) -> Option<Figure> {
    let table = Table::of(group)?;
    let found = table.summaries(metric.id);
    let values = found.iter().map(|cell| cell.as_ref().map_or(f64::NAN, |s| metric.scale() * s.mean));
    let without = (0..found.len()).filter(|place| found[*place].is_none());
    let grid = Grid::of_places(table.x.len(), table.y.len(), values.collect()).ok()?.without(without);
    if grid.without_number() == grid.cells() {
        return None;
    }
    let Ensemble { dataset, model, method, .. } = group.first;
    let (name, told) = (metric.title_with_unit(), telling.name(method));
    let axes = (shown.x.name, shown.y.name);
    let title = format!("{name} over {} and {}, {dataset}, {model}, {told}", axes.0, axes.1);
    let ticks = [&table.x, &table.y].map(|values| {
        values.iter().enumerate().map(|(place, (_, label))| (place as f64, label.clone())).collect()
    });
    let draw = if is_signed(metric) { Map::around_zero } else { Map::new };
    let mut map = draw(WIDTH, &title, &name, grid, axes, Some(ticks));

    let inside = shown.basin.map_or_else(Vec::new, |basin| table.inside(&basin));
    let texts = texts(metric, &found, &inside);
    let lines = map.texts(&texts);
    let sides = map.edge(&inside);
    let edge = shown.basin.map_or_else(String::new, |basin| edge_in_words(telling, &basin, &inside, sides));
    let (best, key) = best(telling, shown, &table, &mut map);
    let edge_key = (sides > 0).then_some(("edge of the basin", Ink::Black, Key::Edge));
    let best_key = key.as_ref().map(|name| (name.as_str(), Ink::Black, Key::Marked));
    map.keys(&edge_key.into_iter().chain(best_key).collect::<Vec<_>>());

    let rest = if group.rest.is_empty() { String::new() } else { format!(", {}", group.rest) };
    let of = like(shown.like);
    let what = format!("{name} over {} and {} on {dataset} with {model}: {told}{rest}{of}.", axes.0, axes.1);
    let seeds = seeds_in_words(&found, lines);
    let empty = match found.len() - map.grid().cells() {
        0 => String::new(),
        n => format!("Empty: {n} of {} settings were not run.", found.len()),
    };
    let hatched = match map.grid().without_number() {
        0 => "",
        _ => "Hatched: not every seed has a finite value.",
    };
    let caption = sentences(&[&what, &seeds, shown.reading, &edge, &best, &empty, hatched]);
    let file = file_name(&[shown.file, dataset, model, method, &group.rest]);
    Some(Figure { file, caption, scene: map.scene(), is_main: false })
}

/// How many seeds stand behind a cell: the fewest and the most.
fn counts(found: &[Option<Summary>]) -> (usize, usize) {
    let all = || found.iter().flatten().map(|summary| summary.n);
    (all().min().unwrap_or(0), all().max().unwrap_or(0))
}

/// What is written into each cell: the mean; half of the interval, and the number of seeds where cells have different ones; that it
/// lies outside.
fn texts(metric: &Metric, found: &[Option<Summary>], inside: &[Option<bool>]) -> Vec<Vec<String>> {
    let (fewest, most) = counts(found);
    let shown = |value: f64| fixed(metric.scale() * value, metric.decimals);
    let text = |(place, summary): (usize, &Option<Summary>)| {
        let Some(summary) = summary else { return Vec::new() };
        let half = t_interval(summary, 0.95).ok().map(|interval| (interval.high - interval.low) / 2.0);
        let half = half.filter(|half| half.is_finite()).map(|half| format!("± {}", shown(half)));
        let seeds = (fewest < most).then(|| format!("({})", summary.n));
        let second: Vec<String> = half.into_iter().chain(seeds).collect();
        let outside = inside.get(place).copied().flatten() == Some(false);
        let lines =
            [shown(summary.mean), second.join(" "), (if outside { "outside" } else { "" }).to_owned()];
        lines.into_iter().filter(|line| !line.is_empty()).collect()
    };
    found.iter().enumerate().map(text).collect()
}

fn seeds_in_words(found: &[Option<Summary>], lines: usize) -> String {
    let told = match counts(found) {
        (_, 1) => return "One seed.".to_owned(),
        (fewest, most) if fewest == most => format!("Means over {most} seeds"),
        (fewest, most) => format!("Means over {fewest} to {most} seeds, their number in brackets"),
    };
    match lines {
        0 => format!("{told}; the cells are too small for numbers."),
        1 => format!("{told}; the cells are too small for intervals."),
        _ => format!("{told}, ± half of the 95 % interval of Student's t."),
    }
}

/// What the line between cells is, and what lies on its sides.
fn edge_in_words(telling: &Telling<'_>, basin: &Basin, inside: &[Option<bool>], sides: usize) -> String {
    let title = |id| telling.paper.metric(id).map_or(id, |metric| metric.title);
    let times = if basin.times == 2.0 { "twice".to_owned() } else { format!("{} times", basin.times) };
    let (metric, spread) = (title(basin.metric), title(basin.spread));
    let fallen = format!("the mean of “{metric}” lies below 0 by more than {times} that of “{spread}”");
    let known: Vec<bool> = inside.iter().copied().flatten().collect();
    let out = known.iter().filter(|inside| !**inside).count();
    match (known.len(), out) {
        (0, _) => String::new(),
        (_, 0) => format!("All cells lie in the basin: in none {fallen}."),
        (all, out) if all == out => format!("No cell lies in the basin: in all {fallen}."),
        (all, out) if sides > 0 => {
            format!("Thick line: the edge of the basin. In the {out} of {all} cells outside of it, {fallen}.")
        }
        (all, out) => format!("{out} of {all} cells lie outside of the basin: there {fallen}."),
    }
}

/// Marks the best cell; what is said of it, and its key where it is marked.
fn best(telling: &Telling<'_>, shown: &Shown, table: &Table<'_>, map: &mut Map) -> (String, Option<String>) {
    let metric = shown.best.and_then(|id| telling.paper.metric(id));
    let found = metric.and_then(|metric| Some((metric, table.best(metric)?)));
    let Some((metric, (place, mean))) = found else { return (String::new(), None) };
    let (column, row) = (place % table.x.len(), place / table.x.len());
    let at = [(shown.x.key, &table.x[column].1), (shown.y.key, &table.y[row].1)];
    let at = telling.label(&at.into_iter().map(|(key, value)| (key.to_owned(), value.clone())).collect());
    let value = fixed(metric.scale() * mean, metric.decimals);
    let (name, marked) = (metric.title_with_unit(), map.mark_cell(place));
    let diamond = if marked { "Diamond: the best cell" } else { "Best cell" };
    (format!("{diamond} by “{name}”, {value} at {at}."), marked.then(|| format!("best {}", metric.head)))
}
