//! Grids over two keys with the edge of the basin, triangles between members, many methods in one plane.

mod made_up;

use crate::{check_nesting, text};
use basin_report::{Artifact, render, terminal_table};
use basin_results::{Results, Subject};
use made_up::{Cycles, case, cycles, plane, triangles};

fn drawn(results: &Results) -> Vec<Artifact> {
    let artifacts = render(results, &Cycles, &[]).unwrap();
    for artifact in artifacts.iter().filter(|artifact| artifact.path.ends_with(".svg")) {
        let svg = std::str::from_utf8(&artifact.bytes).unwrap();
        check_nesting(svg, &artifact.path);
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{}", artifact.path);
    }
    artifacts
}

fn svg<'a>(artifacts: &'a [Artifact], file: &str) -> &'a str {
    text(artifacts, &format!("report/figures/{file}.svg"))
}

/// The captions that begin so.
fn captions(artifacts: &[Artifact], begins: &str) -> Vec<String> {
    let page = text(artifacts, "report/index.html");
    let all = page.split("<figcaption>").skip(1).map(|rest| rest.split("</figcaption>").next().unwrap());
    let all: Vec<String> = all.filter(|told| told.starts_with(begins)).map(str::to_owned).collect();
    assert!(!all.is_empty(), "no caption begins with {begins}");
    all
}

fn figures(artifacts: &[Artifact]) -> Vec<&str> {
    let paths = artifacts.iter().map(|artifact| artifact.path.as_str());
    paths.filter_map(|path| path.strip_prefix("report/figures/")?.strip_suffix(".png")).collect()
}

const SSE: &str = "accuracy-over-cycles-cifar10-resnet20-sse";
const STAR: &str = "accuracy-over-cycles-cifar10-resnet20-star";
const TRIANGLE: &str = "q-on-the-map-test-cifar10-resnet20-star-map-1-2-3";

/// Pieces of the edge: of each a rim and a line.
fn sides(svg: &str) -> usize {
    let (rims, lines) =
        (svg.matches("stroke-width=\"7\"").count(), svg.matches("stroke-width=\"3.6\"").count());
    assert_eq!(rims, lines);
    // One of them stands in the key.
    lines.saturating_sub(1)
}

#[test]
fn a_grid_has_a_figure_for_each_method_that_varies_both_keys() {
    let artifacts = drawn(&cycles(3));
    let q = ["sse", "star"].map(|method| format!("q-over-cycles-cifar10-resnet20-{method}"));
    assert_eq!(figures(&artifacts), [SSE, STAR, &q[0], &q[1], "plane-cifar10-resnet20"]);
    let one_rate = |results: &mut Results| {
        results.ensembles.retain(|e| e.case.get("transfer.cycle_rate").is_none_or(|rate| rate == "1"));
    };
    let mut line = cycles(2);
    one_rate(&mut line);
    assert_eq!(figures(&drawn(&line)), ["plane-cifar10-resnet20"], "one rate is not a grid");
}

#[test]
fn cells_hold_means_and_intervals_and_the_axes_values_in_the_order_of_their_numbers() {
    let mut results = cycles(3);
    // 0.92, 0.93, 0.94 at the usual length and the greatest rate: 4.302653 · 0.01 / √3.
    let cell = case("1", "4").into_iter().filter(|(_, value)| value != "1").collect();
    let own = |e: &&mut basin_results::Ensemble| e.method == "sse" && e.case == cell;
    for (seed, ensemble) in results.ensembles.iter_mut().filter(own).enumerate() {
        ensemble.set(Subject::Ensemble, "ensemble-accuracy", 0.92 + 0.01 * seed as f64);
    }
    let artifacts = drawn(&results);
    let svg = svg(&artifacts, SSE);
    assert!(svg.contains(">93.00<") && svg.contains(">± 2.48<"), "{svg}");
    assert_eq!(svg.matches(">± ").count(), 19, "a cell each, one was not run");
    let place = |label: &str| svg.find(&format!(">{label}<")).unwrap_or_else(|| panic!("no {label}"));
    // The vertical axis comes first, from the bottom up.
    assert!(place("0.25") < place("0.5") && place("0.5") < place("1") && place("2") < place("4"));
    let told = &captions(&artifacts, "Ensemble accuracy, % over length of a cycle")[0];
    for part in [
        "with resnet20: SSE (as the paper's Fig. 3). Means over 3 seeds, ± half of the 95 % interval",
        "Longer cycles to the right, hotter ones above.",
        "Empty: 1 of 20 settings were not run.",
    ] {
        assert!(told.contains(part), "no {part:?} in {told}");
    }
    let one = drawn(&cycles(1));
    let told = &captions(&one, "Ensemble accuracy, % over length of a cycle")[0];
    assert!(told.contains("One seed.") && !told.contains('±') && !self::svg(&one, SSE).contains('±'));
}

#[test]
fn different_numbers_of_seeds_are_told_in_the_cells_and_a_failed_one_is_a_gap() {
    let mut results = cycles(3);
    let cell = case("0.5", "0.25");
    results.ensembles.retain(|e| e.method != "sse" || e.case != cell || e.seed == 0);
    let artifacts = drawn(&results);
    let svg = svg(&artifacts, SSE);
    assert_eq!((svg.matches(">(1)<").count(), svg.matches(" (3)<").count()), (1, 18));
    let told = &captions(&artifacts, "Ensemble accuracy, % over length of a cycle")[0];
    assert!(told.contains("Means over 1 to 3 seeds, their number in brackets, ±"), "{told}");

    let star = |e: &&mut basin_results::Ensemble| e.method == "star" && e.case == cell;
    let failed = results.ensembles.iter_mut().find(star).unwrap();
    failed.set(Subject::Ensemble, "ensemble-accuracy", f64::NAN);
    let artifacts = drawn(&results);
    assert!(self::svg(&artifacts, STAR).contains(">no finite value<"));
    let told = &captions(&artifacts, "Ensemble accuracy, % over length of a cycle")[1];
    assert!(told.contains("Hatched: not every seed has a finite value."), "{told}");
}

#[test]
fn the_edge_runs_where_connectivity_has_fallen_by_more_than_twice_its_spread() {
    let set = |outside: &dyn Fn(f64, f64) -> Option<bool>| {
        let mut results = cycles(2);
        for ensemble in &mut results.ensembles {
            let number =
                |key: &str| ensemble.case.get(key).map_or(1.0, |value| value.parse::<f64>().unwrap());
            let at = (number("transfer.cycle_length"), number("transfer.cycle_rate"));
            // Twice the spread is 0.008: at the limit one is still inside.
            let q = outside(at.0, at.1).map_or(f64::NAN, |outside| if outside { -0.0081 } else { -0.008 });
            ensemble.set(Subject::Ensemble, "joint-connectivity", q);
        }
        results
    };
    let hot = drawn(&set(&|_, rate| Some(rate > 1.5)));
    assert_eq!(sides(svg(&hot, STAR)), 4, "below two rows of four");
    assert_eq!(svg(&hot, STAR).matches(">outside<").count(), 8);
    assert!(svg(&hot, STAR).contains(">edge of the basin<"));
    let told = &captions(&hot, "Ensemble accuracy, % over length of a cycle")[1];
    let expected = "Thick line: the edge of the basin. In the 8 of 20 cells outside of it, the mean of “Joint connectivity q̄” \
                    lies below 0 by more than twice that of “Standard deviation of q over the draws”.";
    assert!(told.contains(expected), "{told}");

    let corner = drawn(&set(&|length, rate| Some(length * rate > 10.0)));
    assert_eq!((sides(svg(&corner, STAR)), sides(svg(&corner, SSE))), (2, 0), "what was not run has no edge");
    for (outside, begins) in
        [(false, "All cells lie in the basin: in none"), (true, "No cell lies in the basin: in all")]
    {
        let alike = drawn(&set(&move |_, _| Some(outside)));
        let told = &captions(&alike, "Ensemble accuracy, % over length of a cycle")[1];
        assert!(told.contains(begins) && !told.contains("Thick line"), "{told}");
        assert_eq!(sides(svg(&alike, STAR)), 0);
    }
    let parted = drawn(&set(&|length, _| if length == 1.0 { None } else { Some(length > 1.0) }));
    assert_eq!(sides(svg(&parted, STAR)), 0);
    let told = &captions(&parted, "Ensemble accuracy, % over length of a cycle")[1];
    assert!(told.contains("10 of 15 cells lie outside of the basin: there the mean"), "{told}");
    let unknown = drawn(&set(&|_, _| None));
    let told = &captions(&unknown, "Ensemble accuracy, % over length of a cycle")[1];
    assert!(!told.contains("basin"), "{told}");
}

#[test]
fn the_best_cell_is_marked_and_told() {
    let mut results = cycles(2);
    let cell = case("4", "0.5");
    let own = |e: &&mut basin_results::Ensemble| e.method == "star" && e.case == cell;
    for ensemble in results.ensembles.iter_mut().filter(own) {
        ensemble.set(Subject::Ensemble, "mean-member-accuracy", 0.97);
    }
    let artifacts = drawn(&results);
    let told = &captions(&artifacts, "Ensemble accuracy, % over length of a cycle")[1];
    let expected = "Diamond: the best cell by “Mean member accuracy, %”, 97.00 at length = 4, rate = 0.5.";
    assert!(told.contains(expected), "{told}");
    assert!(svg(&artifacts, STAR).contains(">best mean member<"));
    let told = captions(&artifacts, "Joint connectivity q̄, percentage points over length");
    assert!(!told[0].contains("Diamond"), "this one marks none");
}

#[test]
fn tables_tell_cases_that_vary_two_keys_apart() {
    let results = cycles(3);
    let table = terminal_table(&results, &Cycles, 100).unwrap();
    for case in ["length = 0.5, rate = 4 ", "length = 0.5 ", "rate = 4 "] {
        assert_eq!(table.lines().filter(|line| line.starts_with(case)).count(), 2, "{case}: {table}");
    }
    assert!(table.lines().all(|line| line.chars().filter(|c| *c != '\u{304}').count() <= 100), "{table}");
    let artifacts = drawn(&results);
    let titles: Vec<&str> =
        text(&artifacts, "report/tables.md").lines().filter(|line| line.starts_with("## ")).collect();
    let distinct: std::collections::BTreeSet<&&str> = titles.iter().collect();
    assert_eq!((titles.len(), distinct.len()), (20, 20), "{titles:?}");
    assert!(titles.contains(&"## cifar10 · resnet20 · 5 members · length = 2, rate = 0.25"));
}

#[test]
fn a_triangle_shows_each_point_as_a_cell_and_tells_the_least() {
    let results = triangles(11, true);
    let artifacts = drawn(&results);
    let svg = svg(&artifacts, TRIANGLE);
    for name in [">1<", ">2<", ">3<", ">no finite value<"] {
        assert!(svg.contains(name), "no {name}");
    }
    let told = &captions(&artifacts, "Connectivity q on the map, percentage points on test images")[0];
    for part in [
        "Seed 3, the only one. Corners: members 1, 2 and 3. A cell for each of 66 networks, 11 on a side",
        "Least: −32.49 at λ = (0.30, 0.30, 0.40).",
        "Hatched: no finite value at 1 of 66 points",
    ] {
        assert!(told.contains(part), "no {part:?} in {told}");
    }
    let told = &captions(&artifacts, "Accuracy on the map, %")[0];
    assert!(told.contains("Corners: members 1, 2 and 3, with 93.00, 91.00, 92.00."), "{told}");
    let csv = text(&artifacts, "surfaces.csv");
    assert_eq!(csv.lines().count(), 1 + 2 * 66);
    let at = "cycles,,cifar10,resnet20,,star,3,map-1-2-3,map-accuracy,test,lambda-2,lambda-3,";
    assert!(csv.contains(&format!("{at}0,1,0.92")) && csv.contains(&format!("{at}1,0,0.91")), "{csv}");
    let back: Results = serde_json::from_str(text(&artifacts, "results.json")).unwrap();
    assert!(drawn(&back) == artifacts);
}

#[test]
fn what_is_no_triangle_of_weights_is_not_drawn_as_one() {
    let mut results = triangles(5, false);
    results.surfaces[0].x[1] = 0.3;
    results.surfaces[1].values.fill(f64::NAN);
    assert!(figures(&drawn(&results)).is_empty());
}

#[test]
fn many_methods_are_numbered_points_of_their_means_with_a_list() {
    let results = plane(3);
    let artifacts = drawn(&results);
    let svg = svg(&artifacts, "plane-cifar10-resnet20");
    for name in
        [">1 Deep Ens.<", ">10 StarSSE<", ">24 Dist. Ens., replayed<", ">5.0 passes<", ">50.0 passes<"]
    {
        assert_eq!(svg.matches(name).count(), 1, "{name}");
    }
    // A point and a key for each method.
    assert_eq!(svg.matches("stroke-width=\"1.2\" stroke-linejoin").count(), 2 * 24);
    let numbered = (1..=24).filter(|number| svg.contains(&format!(">{number}</text>"))).count();
    assert!(numbered >= 23, "{numbered} of 24 found room for their number");
    let told = &captions(&artifacts, "Ensemble accuracy against")[0];
    for part in [
        "and 5 members. One point per method, its mean over 3 seeds; bars: ± one standard deviation.",
        "Area of points: Cost of training, passes over the training set, the smallest drawn larger",
    ] {
        assert!(told.contains(part), "no {part:?} in {told}");
    }
}

#[test]
fn ensembles_of_all_sizes_stand_together_where_the_paper_says_so() {
    let mut results = plane(1);
    results.ensembles.truncate(4);
    results.ensembles[3].members = 50;
    results.ensembles[2].set(Subject::Ensemble, "joint-connectivity", f64::NAN);
    let artifacts = drawn(&results);
    assert_eq!(figures(&artifacts), ["plane-cifar10-resnet20"]);
    let told = &captions(&artifacts, "Ensemble accuracy against")[0];
    assert!(told.contains("with resnet20 and 5 to 50 members. One point per method and seed."), "{told}");
    assert!(told.contains("Without a number here: SW Ens."), "{told}");
    assert!(
        svg(&artifacts, "plane-cifar10-resnet20").contains(">Deep Ens.<"),
        "few are named where they are"
    );
}
