//! What every table and figure of one report shares: the results, the paper they are told beside, names and colours.

use crate::ReportError;
use basin_metrics::Metric;
use basin_papers::{CaseKeys, Paper, Published, label};
use basin_plot::Ink;
use basin_results::Ensemble;
use basin_results::Results;
use basin_results::check;

/// Checked results beside a paper.
#[derive(Clone, Debug)]
pub(crate) struct Telling<'a> {
    pub(crate) results: &'a Results,
    pub(crate) paper: &'a dyn Paper,
    pub(crate) published: Published,
    /// The run's methods that the paper does not have, by name.
    strangers: Vec<&'a str>,
}

impl<'a> Telling<'a> {
    /// Checks the results.
    ///
    /// # Errors
    /// What [`check`] refuses.
    pub(crate) fn new(results: &'a Results, paper: &'a dyn Paper) -> Result<Self, ReportError> {
        check(results, paper)?;
        let mut telling = Self { results, paper, published: paper.published()?, strangers: Vec::new() };
        let rows = results.ensembles.iter().map(|ensemble| ensemble.method.as_str());
        let curves = results.training.iter().map(|curve| curve.method.as_str());
        let lines = results.pairwise.iter().map(|line| line.method.as_str());
        let left = results.curves.iter().map(|curve| curve.method.as_str());
        let maps = results.surfaces.iter().map(|surface| surface.method.as_str());
        let all = rows.chain(curves).chain(lines).chain(left).chain(maps);
        let all: Vec<&str> = all.filter(|id| telling.rank(id).is_none()).collect();
        telling.strangers = telling.in_order(all.into_iter());
        Ok(telling)
    }

    /// The name the paper prints, or the id itself for a method the paper does not have.
    pub(crate) fn name<'b>(&self, id: &'b str) -> &'b str {
        self.paper.methods().iter().find(|method| method.id == id).map_or(id, |method| method.name)
    }

    /// Place in the paper's tables, from 0; none for a method the paper does not have.
    fn rank(&self, id: &str) -> Option<usize> {
        self.paper.methods().iter().position(|method| method.id == id)
    }

    /// Each id once: the paper's in the paper's order, then the others by name.
    pub(crate) fn in_order<'b>(&self, ids: impl Iterator<Item = &'b str>) -> Vec<&'b str> {
        let mut ids: Vec<&str> = ids.collect();
        ids.sort_by_key(|id| (self.rank(id).unwrap_or(usize::MAX), *id));
        ids.dedup();
        ids
    }

    /// The colour and marker of a method: the same in every table and figure of the report.
    pub(crate) fn ink(&self, id: &str) -> Ink {
        let known = self.paper.methods().len();
        match self.rank(id) {
            Some(place) => Ink::method(place, known),
            None => {
                Ink::method(known + self.strangers.iter().position(|other| *other == id).unwrap_or(0), known)
            }
        }
    }

    /// Each method with its colour, in order.
    pub(crate) fn inks<'b>(&self, ids: impl Iterator<Item = &'b str>) -> Vec<(&'b str, Ink)> {
        self.in_order(ids).into_iter().map(|id| (id, self.ink(id))).collect()
    }

    /// A case in the paper's symbols.
    pub(crate) fn label(&self, case: &CaseKeys) -> String {
        label(case, self.paper.symbols())
    }

    /// The metrics of these ids that there are.
    pub(crate) fn metrics(&self, ids: &[&str]) -> Vec<&'static Metric> {
        ids.iter().filter_map(|id| self.paper.metric(id)).collect()
    }

    /// Ensembles in groups that agree in a key, in order of first appearance.
    pub(crate) fn groups<'b, K: PartialEq>(&self, key: impl Fn(&'b Ensemble) -> K) -> Vec<Vec<&'b Ensemble>>
    where
        'a: 'b,
    {
        let mut groups: Vec<Vec<&Ensemble>> = Vec::new();
        for ensemble in &self.results.ensembles {
            match groups.iter_mut().find(|group| key(group[0]) == key(ensemble)) {
                Some(group) => group.push(ensemble),
                None => groups.push(vec![ensemble]),
            }
        }
        groups
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use basin_paper_single_basin::SingleBasin;

    #[test]
    fn methods_follow_the_paper_and_strangers_come_last() {
        let results = Results::default();
        let telling = Telling::new(&results, &SingleBasin).unwrap();
        let ids = ["zeta", "permuted", "deep", "alpha", "deep"];
        assert_eq!(telling.in_order(ids.into_iter()), ["deep", "permuted", "alpha", "zeta"]);
        assert_eq!(telling.name("distilled-deep"), "Dist. Deep Ens.");
        assert_eq!(telling.name("alpha"), "alpha");
    }

    #[test]
    fn a_method_of_the_paper_has_the_same_colour_in_any_company() {
        let with = |methods: &[&str]| Results {
            ensembles: methods
                .iter()
                .map(|id| Ensemble { method: (*id).into(), ..Ensemble::default() })
                .collect(),
            ..Results::default()
        };
        let (alone, among) = (with(&["swe"]), with(&["alpha", "beta", "swe"]));
        let ink = |results: &Results, id: &str| Telling::new(results, &SingleBasin).unwrap().ink(id);
        assert_eq!(ink(&alone, "swe"), ink(&among, "swe"));
        assert_ne!(ink(&among, "alpha"), ink(&among, "beta"));
    }
}
