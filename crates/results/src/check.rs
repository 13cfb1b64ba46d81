//! Refuses what would make a table or figure lie: repeated ensembles, percentages, ragged lines.

use crate::curve::Curve;
use crate::error::CurveName;
use crate::results::{PairwiseLine, Results};
use crate::{Ensemble, ResultsError};
use basin_papers::{Curves, Figure, Paper};

/// Whether results can be told. Non-finite numbers pass; they are shown as missing.
///
/// # Errors
/// [`ResultsError`] with the first ensemble, number or line that contradicts the others or its metric.
pub fn check(results: &Results, paper: &dyn Paper) -> Result<(), ResultsError> {
    for (place, this) in results.ensembles.iter().enumerate() {
        let same = |other: &Ensemble| {
            (other.setting(), &other.method, other.seed) == (this.setting(), &this.method, this.seed)
        };
        let same = results.ensembles[..place].iter().position(same);
        if let Some(first) = same {
            return Err(ResultsError::DuplicateEnsemble {
                first,
                second: place,
                dataset: this.dataset.clone(),
                model: this.model.clone(),
                method: this.method.clone(),
                seed: this.seed,
            });
        }
        for (subject, id, value) in this.values() {
            if let Some(metric) = paper.metric(id).filter(|metric| !metric.allows(value)) {
                return Err(ResultsError::OutOfRange {
                    ensemble: place,
                    method: this.method.clone(),
                    seed: this.seed,
                    subject: subject.to_string(),
                    metric: metric.id,
                    value,
                    low: metric.range.0,
                    high: metric.range.1,
                });
            }
        }
    }
    lines(results)?;
    curves(results, paper)?;
    surfaces(results)
}

fn surfaces(results: &Results) -> Result<(), ResultsError> {
    for surface in &results.surfaces {
        let (x, y, values) = (surface.x.len(), surface.y.len(), surface.values.len());
        if !basin_core::Surface::fits(x, y, values) {
            return Err(ResultsError::SurfaceShape { surface: surface.told(), x, y, values });
        }
    }
    Ok(())
}

/// Whether a figure of the paper averages such curves, which then need the same points. The variable of others may be measured
/// itself, as an accuracy or the coordinate of a map is.
fn is_averaged(curve: &Curve, paper: &dyn Paper) -> bool {
    let of = |shown: &Curves| {
        let read = shown.barrier.is_some_and(|read| [read.loss, read.accuracy].contains(&&*curve.quantity));
        (read || shown.metric == curve.quantity)
            && shown.variable == curve.variable
            && shown.data.contains(&&*curve.data)
            && curve.subject.is_among(shown.subjects)
    };
    paper.layout().figures.iter().any(|figure| matches!(figure, Figure::Curves(shown) if of(shown)))
}

fn curves(results: &Results, paper: &dyn Paper) -> Result<(), ResultsError> {
    for curve in &results.curves {
        let told = || Box::new(CurveName::of(curve));
        let (at, values) = (curve.at.len(), curve.values.len());
        if at != values {
            return Err(ResultsError::CurveLength { curve: told(), at, values });
        }
        if !is_averaged(curve, paper) {
            continue;
        }
        let kind = curve.subject.kind();
        let same = |other: &&Curve| {
            (other.series(), &other.case) == (curve.series(), &curve.case) && other.subject.kind() == kind
        };
        let leader = results.curves.iter().find(same);
        if leader.is_some_and(|leader| leader.at != curve.at) {
            return Err(ResultsError::CurveGrid { curve: told() });
        }
    }
    Ok(())
}

fn lines(results: &Results) -> Result<(), ResultsError> {
    for line in &results.pairwise {
        let (method, seed, (first, second)) = (line.method.clone(), line.seed, line.pair);
        let (alphas, values) = (line.alphas.len(), line.q.len());
        if alphas != values {
            return Err(ResultsError::LineLength { method, seed, first, second, alphas, values });
        }
        let same = |other: &&PairwiseLine| {
            (&other.method, &other.model, &other.case) == (&line.method, &line.model, &line.case)
        };
        let leader = results.pairwise.iter().find(same);
        if leader.is_some_and(|leader| leader.alphas != line.alphas) {
            return Err(ResultsError::LineGrid { method, seed, first, second });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Surface;
    use basin_paper_data_shift::DataShift;
    use basin_paper_single_basin::SingleBasin;

    fn of(ensembles: Vec<Ensemble>) -> ResultsError {
        check(&Results { ensembles, ..Results::default() }, &SingleBasin).unwrap_err()
    }

    #[test]
    fn a_percentage_is_refused_where_a_fraction_belongs() {
        let error = of(vec![
            Ensemble { method: "deep".into(), ..Ensemble::default() }.with("ensemble-accuracy", 94.4),
        ]);
        assert!(matches!(error, ResultsError::OutOfRange { metric: "ensemble-accuracy", .. }));
        assert!(error.to_string().contains("divided by 100"), "{error}");
    }

    #[test]
    fn the_same_ensemble_twice_is_refused_with_both_positions() {
        let error =
            of(vec![Ensemble::default(), Ensemble { seed: 1, ..Ensemble::default() }, Ensemble::default()]);
        assert!(matches!(error, ResultsError::DuplicateEnsemble { first: 0, second: 2, .. }), "{error}");
    }

    #[test]
    fn ragged_interpolation_lines_are_refused() {
        let of = |pairwise| check(&Results { pairwise, ..Results::default() }, &SingleBasin).unwrap_err();
        let line = PairwiseLine { alphas: vec![0.0, 1.0], q: vec![0.0], ..PairwiseLine::default() };
        let error = of(vec![line]);
        assert!(matches!(error, ResultsError::LineLength { alphas: 2, values: 1, .. }), "{error}");

        let line = |alphas: Vec<f64>| PairwiseLine { q: alphas.clone(), alphas, ..PairwiseLine::default() };
        let error = of(vec![line(vec![0.0, 1.0]), line(vec![0.0, 0.5])]);
        assert!(matches!(error, ResultsError::LineGrid { .. }), "{error}");
    }

    #[test]
    fn ragged_curves_are_refused() {
        let of = |curves| check(&Results { curves, ..Results::default() }, &DataShift);
        let curve = |at: &[f64], values: &[f64]| Curve {
            quantity: "line-loss".into(),
            variable: "lambda".into(),
            data: "test".into(),
            at: at.to_vec(),
            values: values.to_vec(),
            ..Curve::default()
        };
        let error = of(vec![curve(&[0.0, 1.0], &[0.5])]).unwrap_err();
        assert!(matches!(error, ResultsError::CurveLength { at: 2, values: 1, .. }), "{error}");
        let (one, other) = (curve(&[0.0, 1.0], &[0.5, 0.5]), curve(&[0.0, 0.5], &[0.5, 0.5]));
        let error = of(vec![one.clone(), other.clone()]).unwrap_err();
        assert!(matches!(error, ResultsError::CurveGrid { .. }), "{error}");
        of(vec![one.clone(), Curve { data: "train".into(), ..other.clone() }]).unwrap();
        // What no figure averages may stand on points of its own, as a reliability diagram does.
        let reliability = |curve: &Curve| Curve { quantity: "reliability".into(), ..curve.clone() };
        of(vec![reliability(&one), reliability(&other)]).unwrap();
        // Subjects of two kinds are two series: a tunnel may have more points than a line.
        of(vec![one, Curve { subject: "tunnel-1-2".into(), ..other }]).unwrap();
    }

    #[test]
    fn surfaces_whose_values_do_not_fill_their_grid_are_refused() {
        let of = |n: usize| {
            let surface =
                Surface { x: vec![0.0, 1.0], y: vec![0.0], values: vec![0.0; n], ..Surface::default() };
            check(&Results { surfaces: vec![surface], ..Results::default() }, &SingleBasin)
        };
        let error = of(3).unwrap_err();
        assert!(matches!(error, ResultsError::SurfaceShape { x: 2, y: 1, values: 3, .. }), "{error}");
        of(2).unwrap();
        let axis = vec![0.0, 0.5, 1.0];
        let triangle =
            |n| Surface { x: axis.clone(), y: axis.clone(), values: vec![0.0; n], ..Surface::default() };
        let of = |n| check(&Results { surfaces: vec![triangle(n)], ..Results::default() }, &SingleBasin);
        assert!(of(6).is_ok() && of(9).is_ok() && of(7).is_err());
    }
}
