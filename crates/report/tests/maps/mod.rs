//! Surfaces, matrices, paths, the plane of diversity and accuracy, and curves of several kinds of subjects, beside a made-up paper.

mod made_up;

use crate::{check_nesting, text};
use basin_report::{Artifact, ReportError, render};
use basin_results::{Results, ResultsError};
use made_up::{Landscapes, results};

fn drawn(results: &Results) -> Vec<Artifact> {
    render(results, &Landscapes, &[]).unwrap()
}

fn svg<'a>(artifacts: &'a [Artifact], file: &str) -> &'a str {
    text(artifacts, &format!("report/figures/{file}.svg"))
}

/// The caption of a figure in the page.
fn caption(artifacts: &[Artifact], begins: &str) -> String {
    let page = text(artifacts, "report/index.html");
    let at = page
        .find(&format!("<figcaption>{begins}"))
        .unwrap_or_else(|| panic!("no caption begins with {begins}"));
    page[at + "<figcaption>".len()..].split("</figcaption>").next().unwrap().to_owned()
}

const RADIAL: &str = "plane-loss-test-cifar10-resnet20-deep-radial-1-2";
const MATRIX: &str = "cosine-test-cifar10-resnet20-deep-runs";
const BESIDE: &str = "agreement-test-cifar10-resnet20-deep-ends";
const PATHS: &str = "embedding-tsne-cifar10-resnet20-deep";
const PLANE: &str = "diversity-test-cifar10-resnet20";
const WAY: &str = "way-test-cifar10-resnet20";

#[test]
fn every_kind_has_its_figure_of_the_first_seed_and_its_numbers_a_file() {
    let results = results(3);
    let artifacts = drawn(&results);
    let paths: Vec<&str> = artifacts.iter().map(|artifact| artifact.path.as_str()).collect();
    let figures: Vec<&str> =
        paths.iter().filter_map(|path| path.strip_prefix("report/figures/")?.strip_suffix(".png")).collect();
    assert_eq!(figures, [RADIAL, MATRIX, BESIDE, PATHS, PLANE, WAY]);
    assert_eq!(paths[..4], ["results.json", "results.csv", "curves.csv", "surfaces.csv"]);
    let csv = text(&artifacts, "surfaces.csv");
    let points: usize = results.surfaces.iter().map(|surface| surface.values.len()).sum();
    assert_eq!(csv.lines().count(), 1 + points);
    assert!(
        csv.contains("landscapes,all,cifar10,resnet20,,deep,0,radial-1-2,line-loss,test,x,y,-0.5,-0.5,"),
        "{csv}"
    );
    for artifact in artifacts.iter().filter(|artifact| artifact.path.ends_with(".svg")) {
        let svg = std::str::from_utf8(&artifact.bytes).unwrap();
        check_nesting(svg, &artifact.path);
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{}", artifact.path);
        assert!(svg.len() < 120_000, "{} has {} bytes", artifact.path, svg.len());
    }
    assert!(drawn(&results) == artifacts);
}

#[test]
fn a_plane_tells_its_seed_its_lines_and_what_has_no_finite_value() {
    let artifacts = drawn(&results(3));
    let told = caption(&artifacts, "Loss on the line, nats on test images");
    let without = "Hatched: 9 of 961 points have no finite value";
    for part in ["Seed 0, the first of 3.", "Lines: equal values", "Colours are logarithmic.", without] {
        assert!(told.contains(part), "no {part:?} in {told}");
    }
    let svg = svg(&artifacts, RADIAL);
    for name in [">origin<", ">member 1<", ">member 2<", ">no finite value<"] {
        assert!(svg.contains(name), "no {name}");
    }
    let plain = {
        let mut all = results(1);
        all.surfaces.iter_mut().for_each(|s| {
            s.values.iter_mut().for_each(|v| *v = if v.is_finite() { v.clamp(0.5, 1.0) } else { 1.0 })
        });
        all
    };
    let told = caption(&drawn(&plain), "Loss on the line, nats on test images");
    assert!(
        told.contains("Seed 0, the only one.") && !told.contains("Hatched") && !told.contains("logarithmic"),
        "{told}"
    );
}

#[test]
fn surfaces_read_back_and_give_the_same_report() {
    let results = results(2);
    let first = drawn(&results);
    let json = text(&first, "results.json");
    let back: Results = serde_json::from_str(json).unwrap();
    assert!(drawn(&back) == first);
    assert!(back.surfaces[0].marks == results.surfaces[0].marks && !json.contains("NaN"));
    let none = Results { surfaces: Vec::new(), ..results };
    let artifacts = drawn(&none);
    assert!(!text(&artifacts, "results.json").contains("surfaces"));
    assert!(artifacts.iter().all(|artifact| artifact.path != "surfaces.csv"));
}

#[test]
fn a_surface_that_does_not_fill_its_grid_is_refused_as_a_whole() {
    let mut results = results(1);
    results.surfaces[0].values.pop();
    let error = render(&results, &Landscapes, &[]).unwrap_err();
    assert!(
        matches!(error, ReportError::Results(ResultsError::SurfaceShape { x: 31, y: 31, values: 960, .. })),
        "{error}"
    );
}

#[test]
fn grids_that_are_no_planes_are_still_drawn() {
    for n in [1, 2] {
        let mut results = results(1);
        let radial = &mut results.surfaces[0];
        // One point, and coordinates that do not rise.
        (radial.x, radial.y, radial.values) = (vec![0.5; n], vec![0.5; n], vec![0.25; n * n]);
        assert!(svg(&drawn(&results), RADIAL).contains("crispEdges"), "{n}");
    }
    let mut results = results(1);
    results.surfaces[0].values.fill(f64::INFINITY);
    assert!(
        drawn(&results).iter().all(|artifact| !artifact.path.contains("plane-loss")),
        "nothing finite, no picture"
    );
}

#[test]
fn matrices_set_runs_apart_and_small_ones_show_their_numbers() {
    let artifacts = drawn(&results(1));
    let (large, small) = (svg(&artifacts, MATRIX), svg(&artifacts, BESIDE));
    // A dark and a white path for the separators.
    assert_eq!([large, small].map(|svg| svg.matches("stroke-width=\"3.6\"").count()), [1, 0]);
    assert!(large.contains(">run 1<") && large.contains(">run 3<") && !large.contains(">0.50<"));
    assert_eq!(small.matches(">0.1200<").count(), 2, "each pair twice");
    assert!(caption(&artifacts, "Cosine").contains("White lines set runs apart."));
}

#[test]
fn paths_begin_hollow_and_end_with_their_name() {
    let artifacts = drawn(&results(2));
    let svg = svg(&artifacts, PATHS);
    for name in ["run 1", "run 2", "run 3"] {
        assert_eq!(svg.matches(&format!(">{name}<")).count(), 1, "{name}");
    }
    assert_eq!(svg.matches("stroke-width=\"1.6\"").count(), 3, "a hollow beginning each");
    assert!(caption(&artifacts, "t-SNE 1").contains("Seed 0, the first of 2."));
}

#[test]
fn the_plane_shows_all_seeds_and_the_limits() {
    let artifacts = drawn(&results(2));
    let svg = svg(&artifacts, PLANE);
    assert!(svg.contains(">upper limit<") && svg.contains(">lower limit<") && svg.contains(">accuracy, %<"));
    let told = caption(&artifacts, "disagreement / (1 − accuracy) against accuracy");
    assert!(
        told.contains("One point per network, 2 seeds.") && told.contains("the limits of the first seed"),
        "{told}"
    );
    // Ten members of two methods and two seeds, and a key for each method.
    assert_eq!(svg.matches("stroke-width=\"1.2\"").count(), 10 * 2 * 2 + 2);
}

#[test]
fn kinds_of_subjects_are_series_of_their_own_on_their_own_grids() {
    let artifacts = drawn(&results(3));
    let svg = svg(&artifacts, WAY);
    for name in [">tunnel<", ">bezier<", ">line<"] {
        assert_eq!(svg.matches(name).count(), 1, "{name}");
    }
    assert_eq!(svg.matches("fill-opacity=\"0.14\"").count(), 3, "a band each");
    let mut torn = results(1);
    let tunnel = torn.curves.iter_mut().find(|curve| curve.subject.to_string() == "tunnel-1-3").unwrap();
    tunnel.at[3] += 0.01;
    let error = render(&torn, &Landscapes, &[]).unwrap_err();
    assert!(matches!(error, ReportError::Results(ResultsError::CurveGrid { .. })), "{error}");
}
